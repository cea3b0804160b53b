"""Running one of the site's scripts on a node: its bytes to an interpreter's input.

Owns: the argument list of each interpreter, and what an exit status says. The arguments of people
are arguments, never text of the program; nothing is written to the node.

A line that breaks must not leave half a script running: a shell gets all of it as one compound
command, which it does not begin before it has read its end, and the others are told its length.

The exit status: of a script that only reads 0, 1, 2 and 3 are normal, warning, critical and
unknown, as monitoring plug-ins have it; of one that changes something only 0 is a success. All
else has failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.scripts import Interpreter, ScriptError, arguments_of
from agent.transports.output import plain
from agent.transports.transport import TransportError
from agent.wire.checks import RunScript
from agent.wire.readings import Excerpt, Fact, Level, Reading

_LINES = 40  # of the output, with the answer; all of it is on the job's page
_LEVELS: dict[int, Level] = {0: "normal", 1: "warning", 2: "critical", 3: "unknown"}
_PYTHON = (
    "import sys; b = sys.stdin.buffer.read(); len(b) == int(sys.argv.pop(1)) or sys.exit(125); "
    "sys.argv[0] = 'script'; exec(compile(b, 'script', 'exec'), {'__name__': '__main__'})"
)
_PERL = (
    "binmode STDIN; my $program = do { local $/; <STDIN> }; "
    "length($program) == shift(@ARGV) or exit 125; eval $program; die $@ if $@;"
)


async def run_script(context: StepContext, operation: RunScript) -> Reading:
    """Run it and tell what it said; every line goes out at once, too.

    Raises:
        OperationFailed: ``script_differs`` and the like, see ``agent.scripts.ScriptError``;
            ``script_changed``, nothing was sent; ``script_failed``, by its exit status;
            ``script_timeout``; each with the last lines.
    """
    try:
        script = context.scripts.registered(operation)
        body = await asyncio.to_thread(script.read)
    except ScriptError as error:
        raise OperationFailed(error.code, lines=(), result=None, **error.values) from error
    heard = _Heard(context)
    command, program = _begun(script.interpreter, body)
    limit = float(script.timeout_s)
    try:
        async with context.server() as server:
            output = await server.run(
                [*command, *arguments_of(script, operation)],
                timeout_s=limit,
                silence_s=limit,
                stdin=_once(program),
                on_output=heard,
                disposable=True,
            )
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        raise OperationFailed(
            "script_timeout", script=script.id, seconds=str(script.timeout_s), lines=heard.last()
        ) from error
    level = _level(operation, output.status)
    if level is None:
        status = "-" if output.status is None else str(output.status)
        raise OperationFailed(
            "script_failed", script=script.id, exit_status=status, lines=heard.last()
        )
    return _reading(level, output.status or 0, heard)


async def has_run(context: StepContext, operation: RunScript) -> Verified:
    """What a site's script leaves behind nobody here can read."""
    return Verified.NOT_DONE if operation.risk == "read" else Verified.PARTIAL


def may_stop(operation: RunScript) -> bool:
    """Whether nothing is left half done when it is cut off."""
    return operation.risk == "read"


def _begun(interpreter: Interpreter, body: bytes) -> tuple[list[str], bytes]:
    """The argument list that the arguments of people follow, and what goes to its input."""
    if interpreter == "python3":
        return ["python3", "-I", "-c", _PYTHON, str(len(body))], body
    if interpreter == "perl":
        return ["perl", "-e", _PERL, str(len(body))], body
    # Where it finds itself started over the network, bash would read the account's own settings.
    options = ["--noprofile", "--norc"] if interpreter == "bash" else []
    return [interpreter, *options, "-s", "--"], b"{\n:\n" + body + b"\n}\n"


def _level(operation: RunScript, status: int | None) -> Level | None:
    if operation.risk == "read":
        return None if status is None else _LEVELS.get(status)
    return "normal" if status == 0 else None


def _reading(level: Level, status: int, heard: _Heard) -> Reading:
    lines = heard.last()
    excerpts = (Excerpt(name="script_output", lines=lines, more=heard.count - len(lines)),)
    return Reading(
        level=level,
        facts=(
            Fact(name="exit_status", value=status, level=level),
            Fact(name="output_lines", value=heard.count, unit="count"),
        ),
        excerpts=excerpts if lines else (),
    )


class _Heard:
    """What the script says: counted, its end kept, all of it handed on."""

    def __init__(self, context: StepContext) -> None:
        self.count = 0
        self._context = context
        self._last: deque[str] = deque(maxlen=_LINES)

    async def __call__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        self.count += len(lines)
        self._last.extend(lines[-_LINES:])
        await self._context.tell(text)

    def last(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(map(plain, self._last))


async def _once(program: bytes) -> AsyncIterator[bytes]:
    yield program
