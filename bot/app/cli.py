"""The command line of the bot.

Owns: arguments, exit status, and how an error is said: 0 done, 1 not as it should be, 2 the call
or the settings are wrong. Does nothing itself: every command is one function of
``bot.app.commands``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Sequence
from datetime import datetime
from pathlib import Path

import structlog

from bot.app.adapters import MESSENGERS
from bot.app.cli_arguments import Command, instant
from bot.app.cli_arguments import add_command as _command
from bot.app.cli_arguments import add_group as _group
from bot.app.cli_systems import add_system_commands
from bot.app.commands import administration, database, doctor
from bot.app.commands.codes import invite_to_codes, reset_codes
from bot.app.commands.guides import search_guides
from bot.app.commands.intent import Sentence, read_batch, understand
from bot.app.commands.messengers import messengers_page
from bot.app.commands.unlock import Unlock, unlock_system
from bot.app.demo.supervisor import run_demo
from bot.app.server import serve
from bot.app.settings import GuardiaSettings, load_settings
from bot.app.wiring import SystemClock
from bot.core.errors import GuardiaError
from bot.core.texts import load_texts
from bot.engine.naming import SEOUL

_CLOCK = SystemClock()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parsed = _parser().parse_args(arguments)
    _log_to_stderr()
    try:
        settings = load_settings(getattr(parsed, "config", None))
        command: Command = parsed.command
        return asyncio.run(_finish(command(parsed, settings)))
    except GuardiaError as error:
        summary, hint = load_texts("ko").explain(error)
        print(summary, file=sys.stderr)
        if hint:
            print(hint, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


async def _finish(command: Awaitable[int]) -> int:
    return await command


def _log_to_stderr() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


# --- commands --------------------------------------------------------------------------------


async def _demo(parsed: argparse.Namespace, _: GuardiaSettings) -> int:
    return await run_demo(parsed.dir, port=parsed.port, open_browser=not parsed.no_browser)


async def _messengers(_: argparse.Namespace, __: GuardiaSettings) -> int:
    print(messengers_page(load_texts("en")), end="")
    return 0


async def _serve(_: argparse.Namespace, settings: GuardiaSettings) -> int:
    await serve(settings)
    return 0


async def _db_upgrade(_: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await database.upgrade_database(settings))
    return 0


async def _cmdb_import(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await database.import_cmdb(settings, _CLOCK, parsed.folder))
    return 0


async def _access_import(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await database.import_access(settings, _CLOCK, parsed.file))
    return 0


async def _agent_enrol(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await administration.enrol_agent(settings, _CLOCK, parsed.name))
    return 0


async def _signin(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await administration.issue_sign_in_code(settings, _CLOCK, parsed.person))
    return 0


async def _codes_reset(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await reset_codes(settings, _CLOCK, parsed.person, by=parsed.by))
    return 0


async def _codes_invite(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    print(await invite_to_codes(settings, _CLOCK, parsed.person, by=parsed.by))
    return 0


async def _unlock(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    asked = Unlock(
        system=parsed.system, job_id=parsed.job, why=parsed.why, abandoned=parsed.abandoned
    )
    print(await unlock_system(settings, _CLOCK, asked))
    return 0


async def _audit_verify(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    findings = await administration.verify_chain(settings, parsed.anchor)
    for finding in findings:
        print(finding)
    if not findings:
        print("the audit chain holds")
    return 1 if findings else 0


async def _doctor(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    well = True
    async for check in doctor.examine(settings, parsed.messenger):
        well = well and check.well
        print(f"{'ok  ' if check.well else 'MEND'} {check.name}: {check.found}")
        if not check.well:
            print(f"     -> {check.remedy}")
    return 0 if well else 1


async def _intent(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    if parsed.batch is not None:
        sentences = read_batch(parsed.batch)
    else:
        sentences = [
            Sentence(
                text=parsed.text if parsed.text is not None else sys.stdin.read(),
                files=tuple(parsed.file),
                thread=tuple(parsed.thread),
                user=parsed.user,
            )
        ]
    async for answer in understand(sentences, parsed.now, settings=settings, cmdb=parsed.cmdb):
        print(json.dumps(answer, ensure_ascii=False))
    return 0


async def _guides_search(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    answer = await search_guides(parsed.text, settings=settings, cmdb=parsed.cmdb, user=parsed.user)
    print(json.dumps(answer, ensure_ascii=False))
    return 0


# --- arguments -------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guardia", description="ChatOps for closed networks.")
    groups = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = _command(groups, "demo", _demo, "the whole main job on this machine")
    demo.add_argument("--no-browser", action="store_true", help="only print the address")
    demo.add_argument("--port", type=_port, default=8300, help="default: 8300")
    demo.add_argument("--dir", type=Path, default=Path(".demo"), help="default: .demo")
    _command(groups, "serve", _serve, "run the bot")
    tables = _group(groups, "db", "the database: upgrade")
    _command(tables, "upgrade", _db_upgrade, "bring the tables up to date")
    estate = _group(groups, "cmdb", "systems, servers, people: import")
    importing = _command(estate, "import", _cmdb_import, "import CSV files")
    importing.add_argument("folder", type=Path, metavar="DIR")
    logins = _group(groups, "access", "server credentials: import")
    access = _command(logins, "import", _access_import, "seal credentials to their agent")
    access.add_argument("file", type=Path, metavar="FILE")
    agents = _group(groups, "agent", "reverse agents: enrol")
    enrol = _command(agents, "enrol", _agent_enrol, "print a single-use token")
    enrol.add_argument("name", metavar="NAME")
    signin = _command(groups, "signin", _signin, "print a single-use code for the web room")
    signin.add_argument("person", metavar="PERSON")
    codes = _group(groups, "codes", "one-time codes of approvers: invite, reset")
    for name, run, about in (
        ("invite", _codes_invite, "print a code that lets a person enrol an authenticator"),
        ("reset", _codes_reset, "remove a lost authenticator"),
    ):
        _vouching_arguments(_command(codes, name, run, about))
    add_system_commands(groups)
    _unlock_arguments(_command(groups, "unlock", _unlock, "free a system that a job keeps locked"))
    chain = _group(groups, "audit", "the record of what happened: verify")
    verify = _command(chain, "verify", _audit_verify, "check the audit chain")
    verify.add_argument("--anchor", type=Path, metavar="FILE", help="a copy kept elsewhere")
    examine = _command(groups, "doctor", _doctor, "check settings and connections")
    examine.add_argument(
        "messenger", nargs="?", choices=[each.name for each in MESSENGERS], help="only this one"
    )
    _command(groups, "messengers", _messengers, "print docs/messengers.md, from the code")
    _intent_arguments(_command(groups, "intent", _intent, "say what a sentence is understood as"))
    guides = _group(groups, "guides", "the institutions' guides: search")
    search = _command(guides, "search", _guides_search, "find a passage")
    search.add_argument("text", metavar="TEXT")
    search.add_argument("--cmdb", type=Path, metavar="DIR")
    search.add_argument("--user", metavar="ID")
    return parser


def _vouching_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("person", metavar="PERSON", help="whose, e.g. u011")
    command.add_argument("--by", required=True, metavar="PERSON", help="who speaks for them")


def _unlock_arguments(unlock: argparse.ArgumentParser) -> None:
    unlock.add_argument("system", metavar="SYSTEM", help="its code, e.g. MOEF-BUDGET")
    unlock.add_argument("--job", required=True, metavar="JOB", help="the job that keeps it")
    unlock.add_argument("--why", required=True, metavar="TEXT", help="goes into the audit")
    unlock.add_argument(
        "--abandoned", action="store_true", help="even if it counts as running: ends it as unknown"
    )


def _intent_arguments(intent: argparse.ArgumentParser) -> None:
    intent.add_argument("text", nargs="?", metavar="TEXT")
    intent.add_argument("--file", action="append", default=[], metavar="NAME")
    intent.add_argument("--thread", action="append", default=[], metavar="TEXT")
    intent.add_argument("--user", metavar="ID")
    intent.add_argument("--now", type=instant, default=datetime.now(SEOUL), metavar="ISO")
    intent.add_argument("--cmdb", type=Path, metavar="DIR")
    intent.add_argument("--batch", type=Path, metavar="FILE")


def _port(text: str) -> int:
    """A port that can be listened on."""
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port: 1 to 65535")
    return port


if __name__ == "__main__":
    sys.exit(main())
