"""What becomes of a message when rules, classifier and model have been heard: do, ask, or nothing.

Owns: that decision, as a table over labels. A label is an action, or ``action/operation`` where the
operation decides what is done. Pure; must not know texts, targets or rights. Nothing decided here
permits anything: risk, rights and approval are computed from the intent as always.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.domain.intent import NONE, Clarification, Intent, Source
from intents.proposal import Proposal

# Of these a wrong guess shows somebody what they may see anyway. Whatever is not listed changes
# something, and is never done on a guess.
READS = frozenset(
    {
        "check_infra_health",
        "check_internal_was_status",
        "manage_service/status",
        "monitor_resources",
        "check_disk_space",
        "collect_target_logs",
        "check_db_status/check",
        "fetch_mes_qc",
        "security_audit",
        "config_integrity_check/check",
        "ssl_expiry_detector",
        "esb_channel_monitor",
        "link_tx_tracker",
        "cron_health_checker",
        "list_sessions",
        "server_info",
        "access_guide",
        "sr_list",
        "sr_timeline",
        "deploy_history",
        "list_approval_rules",
        "search_audit",
        "list_schedules",
        "list_tasks",
        "help",
    }
)
# The shares were chosen on the examples, each judged by a classifier that had not seen it.
ACTS = 0.85  # a reading action on the classifier's word alone, where nothing was named
ACTS_ON_NAMED = 0.60  # the same, where the text names a target or begs for something
ACTS_ON_TALK = 0.95  # the same, where a change was only spoken of
MAYBE_TALK = 0.20  # as much as this for "nobody asked", and neither of the two is enough
AGREES = 0.35  # the classifier's share where the model independently says the same
AGREES_TO_CHANGE = 0.60
CONTRADICTS = 0.50  # this sure, another reading than the rules' is worth the model's opinion
READS_BETTER = 0.85  # another look at something than the rules' is taken: it does no harm
OUTVOTES = 0.90  # a person says which, where one of two readings changes something
OUTVOTES_A_CHANGE = 0.97  # the same, where the rules read a change and the classifier a look
LEAVES = 0.80  # this sure that nothing was asked for, what the rules would show is not shown
DOUBTS_A_CHANGE = 0.80  # and a change that they read is only made after a question
LEAVES_A_WISH = 0.95  # the same, where words of asking stand in the text
DENIES = 0.90  # and what only has a name in it is left alone
ASKS = 0.30  # what is less likely is not worth a button
MOST_CHOICES = 3


class Stance(StrEnum):
    """How the rules stand behind their answer."""

    FINAL = "final"  # refused, cancelled, a report, a question of theirs, an open dialogue
    NAMED = "named"  # an action by the rules' table
    TALK = "talk"  # a changing verb is there, and nobody asks for it
    OPEN = "open"  # something is asked for or named, and the rules do not know what
    SILENT = "silent"  # nothing they know


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The rules' answer and stance. ``begs``: words of asking stand in the text."""

    answer: Intent | Clarification | None
    stance: Stance
    begs: bool = False

    @property
    def label(self) -> str | None:
        """What the rules read, if they read an action."""
        if self.stance is not Stance.NAMED or not isinstance(self.answer, Intent):
            return None
        return labelled(self.answer.action, str(self.answer.params.get("operation", "")))


class Kind(StrEnum):
    KEEP = "keep"  # the rules' answer stands
    ACT = "act"  # the label is done
    ASK = "ask"  # the choices are offered
    LEAVE = "leave"  # nobody asked for anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, who decided, and why (a word for the log and the tests)."""

    kind: Kind
    reason: str
    source: Source = Source.RULES
    label: str | None = None
    choices: tuple[str, ...] = ()


_BY_OPERATION = {
    "manage_service": "status",
    "check_db_status": "check",
    "config_integrity_check": "check",
}


def labelled(action: str, operation: str = "") -> str:
    """The label of an action, with its reading operation where none is told."""
    if action not in _BY_OPERATION:
        return action
    return f"{action}/{operation or _BY_OPERATION[action]}"


def label_of(proposal: Proposal) -> str:
    """The label that a source proposes."""
    return labelled(proposal.action, proposal.params.get("operation", ""))


def wants_model(heard: Heard, classifier: Proposal | None) -> bool:
    """Whether the model's opinion can change anything: it is slow, so it is not asked otherwise."""
    if heard.stance in (Stance.FINAL, Stance.TALK):
        return False
    if heard.stance is Stance.NAMED:
        settled = _against_rules(heard, classifier, None).kind is not Kind.KEEP
        return not settled and _contradicted(heard, classifier)
    if classifier is None:
        return heard.stance is Stance.OPEN
    label = label_of(classifier)
    if label == NONE:
        return heard.stance is Stance.OPEN and classifier.probability < DENIES
    return label not in READS or not _sure(heard, classifier)


def decide(heard: Heard, classifier: Proposal | None, model: Proposal | None) -> Decision:
    """The one place where sources are weighed against each other."""
    if heard.stance is Stance.FINAL:
        return Decision(kind=Kind.KEEP, reason="rules_final")
    if heard.stance is Stance.NAMED:
        return _against_rules(heard, classifier, model)
    if heard.stance is Stance.TALK:
        return _of_talk(classifier)
    if classifier is None:
        return _model_alone(heard, model)
    return _without_rules(heard, classifier, model)


def _against_rules(heard: Heard, classifier: Proposal | None, model: Proposal | None) -> Decision:
    """Of two looks the surer one is taken; where a change is among two readings, a person says
    which; and where the classifier hears no request at all, a look is left and a change asked
    about. The model, which obeys texts, can only add a question."""
    if classifier is None or not _contradicted(heard, classifier):
        return Decision(kind=Kind.KEEP, reason="rules")
    ruled, other, share = heard.label or NONE, label_of(classifier), classifier.probability
    decision: Decision | None = None
    if other == NONE:
        decision = _perhaps_nothing(ruled, share, begs=heard.begs)
    elif ruled in READS and other in READS:
        if share >= READS_BETTER:
            decision = _act(other, "classifier_reads_better", Source.CLASSIFIER)
    elif share >= (OUTVOTES_A_CHANGE if other in READS else OUTVOTES):
        decision = _which("change_or_not", Source.CLASSIFIER, ruled, other)
    if decision is None and model is not None and label_of(model) == other:
        decision = _which("rules_outvoted", Source.LLM, ruled, other)
    return decision or Decision(kind=Kind.KEEP, reason="rules_not_outvoted")


def _perhaps_nothing(ruled: str, share: float, *, begs: bool) -> Decision | None:
    """What becomes of the rules' reading where the classifier hears no request."""
    if ruled in READS and share >= (LEAVES_A_WISH if begs else LEAVES):
        return Decision(kind=Kind.LEAVE, reason="nothing_asked", source=Source.CLASSIFIER)
    if ruled not in READS and share >= DOUBTS_A_CHANGE:
        return _which("only_talk_perhaps", Source.CLASSIFIER, ruled)
    return None


def _which(reason: str, source: Source, *labels: str) -> Decision:
    choices = tuple(label for label in labels if label != NONE)
    return Decision(kind=Kind.ASK, reason=reason, source=source, choices=choices)


def _contradicted(heard: Heard, classifier: Proposal | None) -> bool:
    if classifier is None or classifier.probability < CONTRADICTS:
        return False
    return label_of(classifier) != heard.label


def _without_rules(heard: Heard, classifier: Proposal, model: Proposal | None) -> Decision:
    label = label_of(classifier)
    same = model is not None and label_of(model) == label
    if label == NONE:
        denied = same or classifier.probability >= DENIES
        if heard.stance is Stance.OPEN and denied:
            return Decision(kind=Kind.LEAVE, reason="nothing_asked", source=_who(same=same))
    elif label in READS and _sure(heard, classifier):
        return _act(label, "classifier_sure", Source.CLASSIFIER)
    elif same and classifier.probability >= (AGREES if label in READS else AGREES_TO_CHANGE):
        return _act(label, "classifier_and_model", Source.LLM)
    return _ask(heard, classifier, model)


def _sure(heard: Heard, classifier: Proposal) -> bool:
    """Whether the classifier alone is enough for a look."""
    talk = dict(classifier.others).get(NONE, 0.0)
    enough = ACTS_ON_NAMED if heard.stance is Stance.OPEN else ACTS
    return classifier.probability >= enough and talk <= MAYBE_TALK


def _of_talk(classifier: Proposal | None) -> Decision:
    """A question about a change may be one that the bot can answer; a change it is not."""
    if classifier is None or classifier.probability < ACTS_ON_TALK:
        return Decision(kind=Kind.KEEP, reason="only_talk")
    label = label_of(classifier)
    if label not in READS:
        return Decision(kind=Kind.KEEP, reason="only_talk")
    return _act(label, "classifier_sure", Source.CLASSIFIER)


def _model_alone(heard: Heard, model: Proposal | None) -> Decision:
    """Where there is no classifier, the model may put a question and no more."""
    if model is None or model.action == NONE or heard.stance is not Stance.OPEN:
        return Decision(kind=Kind.KEEP, reason="rules_alone")
    return Decision(
        kind=Kind.ASK, reason="model_alone", source=Source.LLM, choices=(label_of(model),)
    )


def _ask(heard: Heard, classifier: Proposal, model: Proposal | None) -> Decision:
    """The likely ones as buttons, the model's first where it has an opinion."""
    ranked = [(label_of(classifier), classifier.probability), *classifier.others]
    likely = [label for label, share in ranked if share >= ASKS and label != NONE]
    if heard.stance is not Stance.OPEN and classifier.probability < ACTS:
        likely = []  # nothing was begged for and nothing named: rather silent than a nuisance
    voiced = [] if model is None or model.action == NONE else [label_of(model)]
    if heard.stance is Stance.OPEN:
        likely = [*voiced, *likely]
    choices = tuple(dict.fromkeys(likely))[:MOST_CHOICES]
    if not choices:
        return Decision(kind=Kind.KEEP, reason="nobody_knows")
    return Decision(kind=Kind.ASK, reason="likely", source=_who(same=bool(voiced)), choices=choices)


def _act(label: str, reason: str, source: Source) -> Decision:
    return Decision(kind=Kind.ACT, reason=reason, source=source, label=label)


def _who(*, same: bool) -> Source:
    return Source.LLM if same else Source.CLASSIFIER
