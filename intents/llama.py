"""A GGUF model in this process, through llama-cpp-python.

Owns: the one import of ``llama_cpp``, the one thread that may touch the model, and stopping it in
the middle of a decode. The library is imported only when a site has switched this on.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.core.errors import ConfigurationError
from intents.fewshot import Message, Prompt
from intents.grammar import Form, intent_form
from intents.model import ModelError

_T = TypeVar("_T")
# As what llama-cpp-python reports a file that is no model, a template that is none, a full context.
_FAILURES = (
    *(ValueError, RuntimeError, OSError, AttributeError, ImportError),
    *(TypeError, LookupError, AssertionError),
)
_RETRY_TEMPERATURE = 0.4  # the deterministic answer would only come again
_INTENT = intent_form()


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaOptions:
    """``chat_format`` is a name that llama-cpp-python knows, ``chat_template`` a Jinja file;
    without either the template inside the GGUF is used."""

    file: Path
    threads: int = 1
    context: int = 4096  # tokens
    chat_format: str | None = None
    chat_template: Path | None = None


def check_llama(options: LlamaOptions) -> None:
    """Whether a model can be loaded at all, without loading it.

    Raises:
        ConfigurationError: the library or a file is missing.
    """
    if importlib.util.find_spec("llama_cpp") is None:
        raise ConfigurationError("model_library")
    for file in (options.file, options.chat_template):
        if file is not None and not file.is_file():
            raise ConfigurationError("model_file", file=file)


class LlamaModel:
    """``Model`` in this process."""

    def __init__(self, options: LlamaOptions) -> None:
        self._options = options
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._stop = _Stop()
        self._engine: _Engine | None = None

    async def start(self, prompt: Prompt) -> None:
        """See ``Model``."""
        self._engine = await self._run(lambda: _Engine(self._options, self._stop))
        warming = prompt.asking(".")
        await self._run(lambda: self._loaded().warm(warming))

    async def complete(
        self, messages: list[Message], *, attempt: int, form: Form | None = None
    ) -> str:
        """See ``Model``."""
        temperature = _RETRY_TEMPERATURE if attempt else 0.0
        return await self._run(
            lambda: self._loaded().complete(messages, form or _INTENT, temperature=temperature)
        )

    async def idle(self) -> None:
        """Return when the worker has ended what it was doing."""
        await asyncio.get_running_loop().run_in_executor(self._worker, lambda: None)

    async def close(self) -> None:
        """See ``Model``."""
        self._stop.set()
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._worker, engine.close)
        self._worker.shutdown(wait=False)

    def _loaded(self) -> _Engine:
        if self._engine is None:
            raise ModelError("not loaded")
        return self._engine

    async def _run(self, work: Callable[[], _T]) -> _T:
        """Do it in the model's thread. Cancelling makes the thread stop at the next operation."""
        call = _Call()

        def guarded() -> _T:
            self._stop.clear()
            if call.dropped:
                raise ModelError("dropped")
            return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, guarded)
        except asyncio.CancelledError:
            call.dropped = True
            self._stop.set()
            raise
        except _FAILURES as error:
            raise ModelError(f"{type(error).__name__}: {error}") from error


@dataclass(slots=True)
class _Call:
    dropped: bool = False


class _Stop:
    """A flag that llama.cpp itself reads between two operations of a decode.

    Its abort callback is ``bool (*)(void *)``. A Python function there would take the interpreter
    lock some hundred times a token; ``strlen`` of a string of one or no character is the same
    answer without Python: 1 stops, 0 goes on.
    """

    def __init__(self) -> None:
        self.flag = ctypes.create_string_buffer(2)
        self.function = ctypes.CDLL(None).strlen

    def set(self) -> None:
        self.flag[0] = b"\x01"

    def clear(self) -> None:
        self.flag[0] = b"\x00"


class _Engine:
    """The loaded model. Only the worker thread calls it."""

    def __init__(self, options: LlamaOptions, stop: _Stop) -> None:
        # Read when the library is loaded: threads that wait for work do not spin meanwhile.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import llama_cpp  # noqa: PLC0415  # loads native code, only where a model is switched on

        self._llama = llama_cpp.Llama(
            model_path=str(options.file),
            n_ctx=options.context,
            n_threads=options.threads,
            n_threads_batch=options.threads,
            chat_format=options.chat_format,
            verbose=False,
        )
        if options.chat_template is not None:
            self._llama.chat_handler = _handler(self._llama, options.chat_template)
        self._grammars: dict[str, Any] = {}
        self._warmed: Any = None  # the state behind the prompt that most questions begin with
        self._last = _INTENT.name
        self._make_grammar = llama_cpp.LlamaGrammar.from_json_schema
        self._template_error = llama_cpp.llama_chat_format.jinja2.TemplateError
        self._callback = ctypes.cast(stop.function, llama_cpp.llama_cpp.ggml_abort_callback)
        llama_cpp.llama_set_abort_callback(
            self._llama.ctx, self._callback, ctypes.cast(stop.flag, ctypes.c_void_p)
        )

    def warm(self, messages: list[Message]) -> None:
        """Read that prompt once, and keep what the model knows after it: another form's question
        overwrites it, and reading it again would take longer than a person waits."""
        self.complete(messages, replace(_INTENT, tokens=1), temperature=0.0)
        self._warmed = self._llama.save_state()

    def complete(self, messages: list[Message], form: Form, *, temperature: float) -> str:
        if form.name == _INTENT.name and self._last != _INTENT.name and self._warmed is not None:
            self._llama.load_state(self._warmed)
        self._last = form.name
        try:
            answer: Any = self._llama.create_chat_completion(
                messages=messages,
                grammar=self._grammar(form),
                temperature=temperature,
                max_tokens=form.tokens,
                seed=1,
            )
        except self._template_error as error:
            raise ModelError(f"chat template: {error}") from error
        return str(answer["choices"][0]["message"]["content"])

    def _grammar(self, form: Form) -> Any:
        if form.schema is None:
            return None
        if form.name not in self._grammars:
            schema = json.dumps(form.schema)
            self._grammars[form.name] = self._make_grammar(schema, verbose=False)
        return self._grammars[form.name]

    def close(self) -> None:
        self._llama.close()


def _handler(llama: Any, template: Path) -> Any:
    """A chat handler for a template of the site's own."""
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # noqa: PLC0415  # see _Engine

    end = llama.token_eos()
    return Jinja2ChatFormatter(
        template=template.read_text("utf-8"),
        eos_token=llama._model.token_get_text(end),
        bos_token=llama._model.token_get_text(llama.token_bos()),
        stop_token_ids=[end],
    ).to_chat_handler()
