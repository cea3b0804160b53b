"""What a request deploys: the files that were dropped, or its system's repository.

Owns: which of the two, and what is asked where neither gives files. Dropped files win: they are
what the person holds in their hands. Knows no repository by name.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.cards import plain_report
from bot.core.domain.artifact import Artifact
from bot.core.domain.estate import SystemEntry, Target, Vocabulary
from bot.core.domain.intent import Clarification, Intent
from bot.core.domain.report import Tone
from bot.core.errors import UserError
from bot.engine.reply import Reply
from bot.engine.services import Services


class Sourcing:
    """Finds the files of a request."""

    def __init__(self, services: Services) -> None:
        self._sources = services.sources
        self._files = services.stores.files
        self._texts = services.texts

    async def still_missing(self, intent: Intent, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The slots to ask for: files only where no repository can give them."""
        if "files" not in intent.missing:
            return intent.missing
        if intent.files or await self._from_repository(intent, vocabulary):
            return tuple(slot for slot in intent.missing if slot != "files")
        return intent.missing

    async def _from_repository(self, intent: Intent, vocabulary: Vocabulary) -> bool:
        system = _system_of(intent, vocabulary)
        if system is None or _ref_of(intent) is None:
            return False
        return await self._sources.has(system.code)

    async def artifact(self, intent: Intent, target: Target | None, reply: Reply) -> Artifact:
        """The files, in the file store.

        Raises:
            UserError: there are none, they are not to be deployed, or there is no such ref
                (``ref_unknown``): see ``question_after``.
            OperationError: the repository does not answer.
        """
        ref = _ref_of(intent)
        if intent.files or target is None or ref is None:
            return await self._files.open_artifact(intent.files)
        asked_for = "ref" in intent.params
        if not asked_for and not await self._sources.has(target.system.code):
            return await self._files.open_artifact(())
        fetching = self._texts.say("sources.fetching", ref=ref)
        await reply.say(plain_report(fetching, tone=Tone.RUNNING))
        return await self._sources.fetch(target.system.code, ref)

    def question_after(self, error: UserError, intent: Intent) -> Clarification | None:
        """What to ask when there is no such ref: the files, or another name. None: refuse."""
        if error.code != "ref_unknown":
            return None
        params = {name: value for name, value in intent.params.items() if name != "ref"}
        return Clarification(
            question=self._texts.say("sources.ask", **error.values),
            partial=replace(intent, params=params, missing=("files",)),
        )


def source_detail(artifact: Artifact | None) -> dict[str, str]:
    """What the audit says of where the files come from; nothing for dropped ones."""
    if artifact is None or artifact.ref is None:
        return {}
    ref = artifact.ref
    return {
        "repository": ref.repository,
        "ref": f"{ref.kind} {ref.ref}",
        "commit": ref.commit,
        "artifact": artifact.digest,
    }


def _ref_of(intent: Intent) -> str | None:
    """The tag or branch that is meant: the one that was named, else that of the request's SR."""
    named = intent.params.get("ref")
    return str(named) if named is not None else intent.sr


def _system_of(intent: Intent, vocabulary: Vocabulary) -> SystemEntry | None:
    wanted = intent.selector
    found = [
        system
        for system in vocabulary.systems
        if wanted.system == system.name and wanted.institution in (None, system.institution)
    ]
    return found[0] if len(found) == 1 else None
