"""A plan whose undoing is not "the version before" never claims that it was put back."""

from __future__ import annotations

import pytest

from bot.core.texts import load_texts

UNDOES_OTHERWISE = ("rollback", "service_start", "service_stop", "service_restart")


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("state", ["rolled_back", "cancelled"])
@pytest.mark.parametrize("undo", UNDOES_OTHERWISE)
def test_has_words_of_its_own_for_ending_halfway(language: str, state: str, undo: str) -> None:
    assert load_texts(language).has(f"cards.final.summary.{state}_{undo}")
