"""``/sm`` by itself, and ``/sm help``: what there is for this person, in few words.

Owns: which commands a person is shown and how each is explained, with an example of a system that
they may see. Understands no command: that is the parser's, and who may run one is policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.core.check_ports import Macro, MacroOwner
from bot.core.command_text import PREFIX, SCRIPT, command_text, is_command
from bot.core.domain.command import SCRIPTS, CommandParameter, CommandSpec, command_of_script
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import Environment, Layer, NodeEntry, SystemEntry, Vocabulary
from bot.core.domain.intent import Intent
from bot.core.domain.people import Actor
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Button, Facts, Link, Paragraph, Report, Section, Table
from bot.core.errors import UserError
from bot.core.macros import told_to
from bot.core.policy import may_ever_ask
from bot.engine.services import Services

_ABOUT = "about"
_MOST_BUTTONS = 8  # more of them fill a phone; the rest is named
_LAYERS: Mapping[str, Layer] = {"database": Layer.DB, "guarding": Layer.WEB}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, where, and what they may see."""

    actor: Actor
    thread: ConversationRef
    vocabulary: Vocabulary


class Commands:
    """Shows commands."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._texts = services.texts

    def with_scripts(self, vocabulary: Vocabulary, text: str) -> Vocabulary:
        """With the scripts that this person's agents have announced, where a command is read."""
        book = self._services.scripts
        if book is None or not is_command(text):
            return vocabulary
        agents = {system.agent for system in vocabulary.systems}
        known = {
            script.script: script
            for agent, scripts in book.known().items()
            if agent in agents
            for script in scripts
        }
        return replace(vocabulary, scripts=tuple(known[name] for name in sorted(known)))

    def named(self, plan: Plan, intent: Intent) -> Plan:
        """The plan with the command that asks for it, where there is one."""
        commanded = intent.action == SCRIPT or intent.action in self._services.commands
        return replace(plan, command=command_text(intent)) if commanded else plan

    async def permitted(self, actor: Actor, vocabulary: Vocabulary) -> dict[str, CommandSpec]:
        """Those that exist here and that the rules let this person ask for somewhere."""
        rules = await self._services.directory.rules()
        return {
            name: spec
            for name, spec in self._all(vocabulary).items()
            if (risks := self._risks(spec)) and may_ever_ask(_action(spec), risks, actor, rules)
        }

    def knows(self, intent: Intent) -> bool:
        """Whether this question is answered here."""
        return intent.action == "help" and _ABOUT in intent.params

    async def answer(self, intent: Intent, reader: Reader) -> Report:
        """The menu, or one command explained.

        Raises:
            UserError: there is no such command any more (``not_yet``).
        """
        about = str(intent.params[_ABOUT])
        if about == PREFIX:
            return await self._menu(reader)
        spec = self._all(reader.vocabulary).get(about)
        if spec is None or not self._risks(spec):
            raise UserError("not_yet", action=about)
        return await self._explained(spec, reader)

    # --- the menu --------------------------------------------------------------------------

    async def _menu(self, reader: Reader) -> Report:
        say = self._texts.say
        shown = await self.permitted(reader.actor, reader.vocabulary)
        system = await self._system(reader)
        kept = await self._services.stores.macros.of(reader.actor.person_id, reader.thread)
        macros = told_to(kept, reader.vocabulary)
        sections: list[Section] = [Paragraph(text=say("command.menu_way"))]
        if not shown:
            sections = [Paragraph(text=say("command.menu_none"))]
        for family in dict.fromkeys(spec.family for spec in shown.values()):
            own = [spec for spec in shown.values() if spec.family == family]
            example = f"{PREFIX} {self._example(own[0], reader.vocabulary, system)}"
            rows = (
                (say("command.help_line"), "\n".join(map(self._listed, own))),
                (say("command.help_example"), example),
            )
            sections.append(Facts(title=say(f"command.family.{family}"), rows=rows))
        left = [macro.name for macro in macros[_MOST_BUTTONS:]]
        if left:
            sections.append(Paragraph(text=say("command.menu_more", names=", ".join(left))))
        elif not macros:
            sections.append(Paragraph(text=say("command.menu_no_macros")))
        return Report(
            title=say("command.menu_title"),
            summary=say("command.menu_summary", count=len(shown)),
            sections=tuple(sections),
            buttons=self._buttons(macros[:_MOST_BUTTONS]),
            link=self._page(),
        )

    def _listed(self, spec: CommandSpec) -> str:
        name = spec.title if spec.script else self._texts.say(f"action.{spec.command}")
        return f"{name} · {spec.command}" if name else spec.command

    def _page(self) -> Link | None:
        """The console's form for all of them."""
        console = self._services.settings.console_url
        if console is None:
            return None
        return Link(url=f"{console.rstrip('/')}/checks", label=self._texts.say("checks.title"))

    def _buttons(self, macros: tuple[Macro, ...]) -> tuple[Button, ...]:
        own = {one.name for one in macros if one.owner is MacroOwner.PERSON}
        buttons = []
        for macro in macros:
            of_room = macro.owner is MacroOwner.ROOM
            # A room's one lies behind this person's own of the same name.
            called = f"#{macro.macro_id}" if of_room and macro.name in own else macro.name
            label = self._texts.say("command.menu_of_room", name=macro.name)
            buttons.append(
                Button(
                    button="choose",
                    value=f"{PREFIX} {called}",
                    label=label if of_room else macro.name,
                )
            )
        return tuple(buttons)

    # --- one command -----------------------------------------------------------------------

    async def _explained(self, spec: CommandSpec, reader: Reader) -> Report:
        say = self._texts.say
        allowed = spec.command in await self.permitted(reader.actor, reader.vocabulary)
        example = self._example(spec, reader.vocabulary, await self._system(reader))
        rows = [
            (say("command.help_place"), say("command.help_place_needed")),
            (say("command.help_example"), f"{PREFIX} {example}"),
            (say("command.help_risk"), self._risk(spec)),
        ]
        sections: list[Section] = [Facts(rows=tuple(rows)), self._parameters(spec)]
        if not allowed:
            sections.append(Paragraph(text=say("command.help_not_yours")))
        about = spec.title if spec.script else say(f"command.about.{spec.command}")
        return Report(
            title=say("command.help_title", command=spec.command),
            summary=about,
            sections=(Paragraph(text=about), *sections),
        )

    def _parameters(self, spec: CommandSpec) -> Section:
        say = self._texts.say
        if not spec.parameters:
            return Paragraph(text=say("command.help_no_parameters"))
        columns = ("help_name", "help_takes", "help_default")
        return Table(
            title=say("command.help_parameters"),
            columns=tuple(say(f"command.{column}") for column in columns),
            rows=tuple(
                (one.name, self._takes(one), self._left_out(one)) for one in spec.parameters
            ),
        )

    def _takes(self, one: CommandParameter) -> str:
        say = self._texts.say
        if one.choices:
            taken = " | ".join(one.choices)
        elif one.least is not None or one.most is not None:
            least = "" if one.least is None else one.least
            taken = say("command.kind.between", least=least, most=one.most or "")
        else:
            taken = say(f"command.kind.{one.kind.value}")
        named = f"command.parameter.{one.name}"
        about = one.help or (say(named) if self._texts.has(named) else "")
        # "path" of the kind "path (begins with /)" needs no name beside that.
        return f"{about} ({taken})" if not taken.startswith(about) else taken

    def _left_out(self, one: CommandParameter) -> str:
        if one.required:
            return self._texts.say("command.help_required")
        return one.default or self._texts.say("command.help_not_given")

    def _risk(self, spec: CommandSpec) -> str:
        say = self._texts.say
        highest = f"command.risk.{self._risks(spec)[-1].value}"
        special = f"{highest}_{spec.command}"
        highest = say(special if self._texts.has(special) else highest)
        if not spec.reads:
            return highest
        return f"{say('command.risk.reads', operations=', '.join(spec.reads))} {highest}"

    def _risks(self, spec: CommandSpec) -> tuple[Risk, ...]:
        """The mildest and the highest that it can have; none: it does not exist here."""
        action = self._services.action_of(_action(spec))
        if action is None:
            return ()
        highest = spec.risk or action.risk
        return (Risk.READ, highest) if spec.reads else (highest,)

    # --- an example ------------------------------------------------------------------------

    def _example(
        self, spec: CommandSpec, vocabulary: Vocabulary, system: SystemEntry | None
    ) -> str:
        """The command at a place that this person sees, with what it cannot do without."""
        given = [
            f"{one.name}={self._sample(spec, one)}"
            for one in spec.parameters
            if one.required or one.name in ("operation", "pattern")
        ]
        place = self._place(_node_for(spec, vocabulary, system))
        return " ".join(filter(None, (spec.command, place, *given)))

    def _sample(self, spec: CommandSpec, one: CommandParameter) -> str:
        if one.choices:
            return next((each for each in spec.reads if each in one.choices), one.choices[0])
        named = f"command.sample.{one.name}"
        if self._texts.has(named) and not spec.script:
            return self._texts.say(named)
        if one.least is not None:
            return str(one.least)
        kind = f"command.sample.{one.kind.value}"
        return self._texts.say(kind if self._texts.has(kind) else "command.sample.text")

    def _place(self, node: NodeEntry | None) -> str:
        if node is None:
            return ""
        env = self._texts.say(f"env.{node.env.value}")
        return f"{node.institution} {node.system} {env} {node.layer.value} {node.number}"

    async def _system(self, reader: Reader) -> SystemEntry | None:
        """The system of this room, where this person may see it."""
        system = await self._services.inventory.system_of(reader.thread)
        seen = system is not None and reader.actor.may_see(system.institution)
        return system if seen else None

    def _all(self, vocabulary: Vocabulary) -> dict[str, CommandSpec]:
        ours = self._services.commands
        scripts = {one.script: command_of_script(one) for one in vocabulary.scripts}
        return {**ours, **{name: spec for name, spec in scripts.items() if name not in ours}}


def _action(spec: CommandSpec) -> str:
    return SCRIPT if spec.family == SCRIPTS else spec.command


def _node_for(
    spec: CommandSpec, vocabulary: Vocabulary, system: SystemEntry | None
) -> NodeEntry | None:
    """A production node of the layer that the command is about, of that system if there is one."""
    wanted = _LAYERS.get(spec.family, Layer.WAS)

    def nearness(node: NodeEntry) -> tuple[bool, bool, bool, str]:
        elsewhere = system is not None and (node.institution, node.system) != (
            system.institution,
            system.name,
        )
        return elsewhere, node.layer is not wanted, node.env is not Environment.PROD, node.node_id

    return min(vocabulary.nodes, key=nearness, default=None)
