"""What ``help`` shows: the checks that a person may have, in sentences that are understood."""

from __future__ import annotations

import pytest

from actions.help import CHECKS, Help
from bot.app.demo.nodes import DATA
from bot.core.domain.intent import Intent, Utterance
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from cmdb.importers.estate_csv import read_estate, vocabulary_of
from intents.rules import RuleParser
from tests.fakes.engine import NOW, OPERATOR, words_of

TEXTS = load_texts("ko")
ESTATE = vocabulary_of(read_estate(DATA), None)


def helped(*permitted: str) -> str:
    request = ActionRequest(
        job_id="J260401-AB12CD",
        actor=OPERATOR,
        target=None,
        params={},
        sr=None,
        artifact=None,
        facts={},
        history=(),
        now=NOW,
        permitted=frozenset(permitted),
    )
    return words_of(Help(TEXTS).plan(request))


def test_only_what_is_permitted_is_mentioned() -> None:
    assert "디스크 용량 확인해줘" in helped("check_disk_space")
    assert "DB 백업해줘" not in helped("check_disk_space")
    assert "/sm" in helped("check_disk_space")
    assert "/sm" not in helped()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("name", list(CHECKS))
def test_every_sentence_is_understood_as_its_check(name: str, language: str) -> None:
    said = load_texts(language).say(f"help.example.{name}")
    answer = RuleParser(TEXTS).understand(Utterance(text=said, now=NOW, vocabulary=ESTATE))
    assert isinstance(answer, Intent)
    assert (answer.action, answer.missing) == (CHECKS[name], ())
