"""The classifier: what it learns, what it keeps, and what happens when it cannot be made."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bot.core.domain.estate import InstitutionEntry, SystemEntry, Vocabulary
from bot.core.domain.intent import Source, Utterance
from intents.classifier import Classifier
from intents.linear import LinearModel, read_model
from intents.shelf import Shelf, key_of
from intents.training import fitted_temperature, held_out, probabilities, train
from intents.wording import canonical
from prompts import load_examples

EXAMPLES = load_examples()
KEY = key_of(EXAMPLES)
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.UTC)
FEW = {
    "check_disk_space": (
        "디스크 용량",
        "디스크 얼마나 남았어",
        "용량 확인",
        "하드 용량",
        "디스크 확인",
    ),
    "help": ("도움말", "사용법", "뭐 할 수 있어", "기능 알려줘", "할 수 있는 일"),
    "none": ("안녕", "점심 먹자", "수고하세요", "네 알겠습니다", "좋은 하루 되세요"),
}


@pytest.fixture(scope="module")
def model() -> LinearModel:
    return train(EXAMPLES, KEY)


def said(text: str, vocabulary: Vocabulary | None = None) -> Utterance:
    return Utterance(text=text, now=NOW, vocabulary=vocabulary or Vocabulary())


def two_systems() -> Vocabulary:
    return Vocabulary(
        institutions=(
            InstitutionEntry(name="국세청", code="nts"),
            InstitutionEntry(name="중소벤처기업부", code="mss"),
        ),
        systems=(
            SystemEntry(institution="국세청", name="홈택스", code="n-1"),
            SystemEntry(institution="중소벤처기업부", name="보안감사로그시스템", code="m-1"),
        ),
    )


def test_the_same_examples_give_the_same_model(model: LinearModel) -> None:
    again = train(EXAMPLES, KEY)
    assert again.grams == model.grams
    assert np.array_equal(again.weights, model.weights)
    assert again.temperature == model.temperature


def test_its_probabilities_add_up_and_the_likeliest_comes_first(model: LinearModel) -> None:
    ranked = model.probabilities(canonical("□ 디스크 여유 좀 볼까"))
    shares = [share for _, share in ranked]
    assert ranked[0][0] == "check_disk_space"
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)


def test_what_it_says_of_unseen_sentences_is_mostly_right_and_as_sure_as_it_should_be() -> None:
    held = held_out(EXAMPLES)
    shares = probabilities(held.scores, fitted_temperature(held))
    sure, hit = shares.max(axis=1), shares.argmax(axis=1) == held.right
    assert hit.mean() >= 0.72
    assert hit[sure >= 0.85].mean() >= 0.90
    assert abs(sure.mean() - hit.mean()) <= 0.06


def test_a_prediction_takes_milliseconds(model: LinearModel) -> None:
    times = []
    for sentence in EXAMPLES["none"]:
        started = time.perf_counter()
        model.probabilities(canonical(sentence))
        times.append(time.perf_counter() - started)
    assert sorted(times)[len(times) // 2] < 0.1  # 1 ms on an idle machine


async def test_it_proposes_an_action_with_its_operation_and_alternatives() -> None:
    proposal = await Classifier().propose(said("톰캣 얼른 재시작해 주세요"))
    assert proposal is not None
    assert (proposal.action, proposal.params) == ("manage_service", {"operation": "restart"})
    assert proposal.source is Source.CLASSIFIER
    assert proposal.others


async def test_it_does_not_look_at_whose_system_it_is() -> None:
    classifier = Classifier()
    first = await classifier.propose(said("홈택스 디스크 봐줘", two_systems()))
    second = await classifier.propose(said("보안감사로그시스템 디스크 봐줘", two_systems()))
    assert first == second


async def test_a_model_is_kept_and_read_again(tmp_path: Path) -> None:
    assert await Classifier(cache=tmp_path / "cache", examples=FEW).warm()
    (file,) = (tmp_path / "cache").iterdir()
    kept = read_model(file, key_of(FEW))
    assert kept is not None
    assert kept.labels == tuple(sorted(FEW))
    before = file.stat().st_mtime_ns
    assert await Classifier(cache=tmp_path / "cache", examples=FEW).warm()
    assert file.stat().st_mtime_ns == before


async def test_other_examples_give_another_file(tmp_path: Path) -> None:
    await Classifier(cache=tmp_path, examples=FEW).warm()
    await Classifier(cache=tmp_path, examples={**FEW, "help": (*FEW["help"], "도와줘")}).warm()
    assert len(list(tmp_path.iterdir())) == 2


class Trap:
    """Unpickling it creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]


@pytest.mark.parametrize("how", ["garbage", "empty", "pickle", "other key"])
async def test_a_file_that_is_not_its_own_is_replaced_and_never_run(
    how: str, tmp_path: Path
) -> None:
    await Classifier(cache=tmp_path, examples=FEW).warm()
    (file,) = tmp_path.iterdir()
    sprung = tmp_path / "sprung"
    if how == "pickle":
        with file.open("wb") as stream:
            np.savez(stream, key=np.array(Trap(sprung), dtype=object))
    elif how == "other key":
        train(FEW, "somebody else's").save(file)
    else:
        file.write_bytes(b"PK\x03\x04 not a model" if how == "garbage" else b"")
    assert read_model(file, key_of(FEW)) is None
    assert await Classifier(cache=tmp_path, examples=FEW).warm()
    assert read_model(file, key_of(FEW)) is not None
    assert not sprung.exists()


def test_a_bare_pickle_is_no_model(tmp_path: Path) -> None:
    file, sprung = tmp_path / "model.npz", tmp_path / "sprung"
    file.write_bytes(pickle.dumps(sprung))
    assert read_model(file, KEY) is None


async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert await Classifier(cache=blocked / "cache", examples=FEW).warm()


async def test_whoever_asks_first_makes_it_once_for_all(tmp_path: Path) -> None:
    classifier = Classifier(cache=tmp_path, examples=FEW)
    first = asyncio.create_task(classifier.propose(said("디스크 용량 좀")))
    await asyncio.sleep(0)
    first.cancel()
    answers = await asyncio.gather(*(classifier.propose(said("디스크 용량 좀")) for _ in range(3)))
    assert len({answer and answer.action for answer in answers}) == 1
    assert answers[0] is not None


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip().splitlines()[-1]


def test_nothing_heavy_is_imported_before_the_first_question() -> None:
    code = "import sys, intents.chain; print([m for m in ('sklearn', 'numpy') if m in sys.modules])"
    assert run(code) == "[]"


def test_without_scikit_learn_the_rules_go_on_working() -> None:
    code = """
import sys, asyncio, datetime as dt
sys.modules["sklearn"] = None
from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Utterance
from intents.chain import build_parser
said = Utterance(text="재기동해줘", now=dt.datetime.now(dt.UTC), vocabulary=Vocabulary())
print(asyncio.run(build_parser().parse(said)).action)
"""
    assert run(code) == "manage_service"


def test_what_was_built_with_the_installation_is_not_made_again(tmp_path: Path) -> None:
    Shelf(tmp_path / "built", built=tmp_path / "none").model("intents", FEW)
    model = Shelf(tmp_path / "kept", built=tmp_path / "built").model("intents", FEW)
    assert model.key == key_of(FEW)
    assert not (tmp_path / "kept").exists()
