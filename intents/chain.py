"""The parser that the bot is given: every way of understanding that exists, and their agreement.

Owns: who is asked, in which order, and that a source which is away stops nobody. A command is read
by its grammar and by nobody else. Any other text is first read by the rules; the classifier is
always heard; the model only where its word can change something. Whoever names the action, target
and parameters are read from the text by the rules' code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.core.domain.estate import Layer
from bot.core.domain.intent import NONE, Choice, Clarification, Intent, Source, Utterance
from bot.core.texts import Texts, load_texts
from intents.agreement import Decision, Heard, Kind, Stance, decide, labelled, wants_model
from intents.classifier import Classifier
from intents.command import CommandGrammar
from intents.pasted import pasted_crontab
from intents.proposal import Proposal, Proposer
from intents.rules import RuleParser
from intents.several import choice_key
from intents.stranger import unknown_system


class Chain:
    """``IntentParser`` of rules, and of a classifier and a model where there are such."""

    def __init__(
        self,
        rules: RuleParser,
        texts: Texts,
        *,
        classifier: Proposer | None = None,
        model: Proposer | None = None,
    ) -> None:
        self._rules = rules
        self._commands = CommandGrammar(texts)
        self._texts = texts
        self._classifier = classifier
        self._model = model

    async def warm(self) -> None:
        """Make ready what the first message would otherwise wait for."""
        if isinstance(self._classifier, Classifier):
            await self._classifier.warm()

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        """See ``IntentParser``."""
        commanded = self._commands.read(utterance)
        if commanded is not None:
            return commanded
        answer = await self._understood(utterance)
        if isinstance(answer, Intent) and answer == Intent(action=NONE, source=answer.source):
            # Whoever calls the bot by ``/sm`` is answered, even where nothing was understood.
            return self._commands.unheard(utterance) or answer
        return answer

    def _unknown_system(self, intent: Intent, utterance: Utterance) -> Clarification | None:
        """Of a name that no system of theirs has nobody is asked whose it is; and it is not taken
        for the system of an open question. An institution stays where this message names it."""
        if intent.open_target or ("system" not in intent.missing and utterance.pending is None):
            return None
        said = unknown_system(utterance.text, utterance.vocabulary)
        if said is None:
            return None
        alone = utterance.pending is None and not utterance.thread
        institution = intent.selector.institution if alone else None
        selector = replace(intent.selector, institution=institution, system=None)
        open_slots = ("system",) if institution else ("institution", "system")
        missing = dict.fromkeys((*open_slots, *intent.missing))
        return Clarification(
            question=self._texts.say("intents.unknown_system", said=said),
            partial=replace(intent, selector=selector, missing=tuple(missing)),
        )

    async def _understood(self, utterance: Utterance) -> Intent | Clarification | None:
        """What is said in words."""
        crontab = pasted_crontab(utterance.text) if utterance.addressed else None
        if crontab is not None:
            return Intent(action="cron_health_checker", params={"crontab": crontab})
        heard = self._rules.hear(utterance)
        if heard.stance is Stance.FINAL:
            return heard.answer
        guess = await self._classifier.propose(utterance) if self._classifier else None
        if guess is not None and _is_elsewhere(guess, heard):
            guess = None
        opinion: Proposal | None = None
        if self._model is not None and wants_model(heard, guess):
            opinion = await self._model.propose(utterance)
        decision = decide(heard, guess, opinion)
        answer = self._carried_out(decision, heard, utterance)
        if isinstance(answer, Intent) and answer.action != NONE:
            return self._unknown_system(answer, utterance) or answer
        return answer

    def _carried_out(
        self, decision: Decision, heard: Heard, utterance: Utterance
    ) -> Intent | Clarification | None:
        if decision.kind is Kind.LEAVE and utterance.pending is None:
            return Intent(action=NONE, source=decision.source)
        if decision.kind is Kind.ACT and decision.label is not None:
            return self._done(decision.label, decision.source, utterance)
        if decision.kind is Kind.ASK:
            return self._asked(decision, heard, utterance) or heard.answer
        return heard.answer

    def _done(
        self, label: str, source: Source, utterance: Utterance
    ) -> Intent | Clarification | None:
        """The intent by the rules' code. Where the text speaks of another operation than the one
        that was decided on, a person has to say which."""
        action = label.partition("/")[0]
        intent = self._rules.intent_for(action, utterance)
        if labelled(action, str(intent.params.get("operation", ""))) != label:
            return self._question((label,), intent)
        return replace(intent, source=source)

    def _asked(
        self, decision: Decision, heard: Heard, utterance: Utterance
    ) -> Clarification | None:
        first = next(iter(decision.choices), None)
        if first is None:
            return None
        known = self._rules.intent_for(first.partition("/")[0], utterance)
        return self._question(decision.choices, known)

    def _question(self, labels: tuple[str, ...], known: Intent) -> Clarification | None:
        """The choices as buttons; what is known of the target is kept for the answer."""
        choices = [
            Choice(
                label=self._texts.say(f"intents.choice.{_key(label)}"),
                value=self._texts.say(f"intents.says.{_key(label)}"),
            )
            for label in labels
            if self._texts.has(f"intents.choice.{_key(label)}")
        ]
        if not choices:
            return None
        nothing = Choice(
            label=self._texts.say("intents.choice.do_not"),
            value=self._texts.say("intents.says.do_not"),
        )
        return Clarification(
            question=self._texts.say("intents.did_you_want"),
            choices=(*choices, nothing),
            partial=Intent(
                action=NONE,
                selector=known.selector,
                sr=known.sr,
                params={name: said for name, said in known.params.items() if name != "operation"},
            ),
        )


def _is_elsewhere(guess: Proposal, heard: Heard) -> bool:
    """Whether it is about databases, and the text about servers that have none."""
    named = heard.answer.selector.layer if isinstance(heard.answer, Intent) else None
    return guess.action == "check_db_status" and named in (Layer.WEB, Layer.WAS)


_DEFAULT: Final = Classifier()


def _key(label: str) -> str:
    """The catalogue's key of a label."""
    action, _, operation = label.partition("/")
    return choice_key(action, operation or None)


def build_parser(
    texts: Texts | None = None,
    *,
    classifier: Proposer | None = _DEFAULT,
    model: Proposer | None = None,
) -> Chain:
    """The parser with everything that is given; Korean questions unless told otherwise.

    ``classifier``: by default one that is trained once in this process; pass a ``Classifier`` with
    a cache folder to keep it over restarts, or None to do without. ``model``: a local model.
    """
    texts = texts or load_texts("ko")
    return Chain(RuleParser(texts), texts, classifier=classifier, model=model)
