"""The local language model and the classifiers: which of them a site has, opened and closed.

Owns: making them from the settings. What they may be asked for is in ``intents``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.app.settings import GuardiaSettings, GuideSettings, ModelSettings
from bot.core.advice_ports import Narrator
from intents.classifier import Classifier
from intents.embedding import EndpointEmbedding, open_embedding
from intents.endpoint import EndpointOptions, open_endpoint
from intents.fewshot import load_prompt
from intents.incidents import IncidentClassifier
from intents.llama import LlamaModel, LlamaOptions, check_llama
from intents.model import Model, ModelLimits, ModelProposer, running
from intents.narrate import ModelNarrator, NarratorLimits
from intents.opinion import ModelOpinion, Opinion
from intents.symptoms import load_symptoms
from intents.turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """What one model is asked for: intents of requests, the topic of a line of talk, the words of
    a summary."""

    proposer: ModelProposer
    opinion: Opinion
    narrator: Narrator


@asynccontextmanager
async def open_model(settings: ModelSettings) -> AsyncIterator[LocalModel | None]:
    """The local language model, loading in the background; None where a site has none.

    Raises:
        ConfigurationError: it cannot be reached or loaded as the settings say.
    """
    if settings.engine == "off":
        yield None
        return
    limits = ModelLimits(
        deadline_s=settings.deadline_s,
        queue=settings.queue,
        text_limit=settings.text_limit,
        confidence=settings.confidence,
    )
    model, turns = await model_of(settings), Turns()
    proposer = ModelProposer(model, load_prompt(settings.examples), limits, turns=turns)
    topics = tuple(symptom.topic for symptom in load_symptoms().topics)
    patience = NarratorLimits(deadline_s=settings.patience_s, context=settings.context)
    async with running(proposer, model):
        yield LocalModel(
            proposer=proposer,
            opinion=ModelOpinion(model, turns, topics, deadline_s=settings.patience_s),
            narrator=ModelNarrator(model, turns, patience),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModels:
    """The models that a site has: of language, and of nearness between texts."""

    language: LocalModel | None
    embedding: EndpointEmbedding | None


@asynccontextmanager
async def open_models(settings: GuardiaSettings) -> AsyncIterator[LocalModels]:
    """Both, each None where the site has none.

    Raises:
        ConfigurationError: as ``open_model`` and ``embedding_of``.
    """
    async with open_model(settings.model) as model, embedding_of(settings.guides) as embedding:
        yield LocalModels(language=model, embedding=embedding)


@asynccontextmanager
async def embedding_of(settings: GuideSettings) -> AsyncIterator[EndpointEmbedding | None]:
    """The embedding model of the guides; None where a site has none.

    Raises:
        ConfigurationError: its address cannot be used, or is public.
    """
    if settings.embedding_url is None:
        yield None
        return
    options = EndpointOptions(
        url=settings.embedding_url,
        name=settings.embedding_name,
        api_key=settings.embedding_api_key,
    )
    embedding = await open_embedding(options, deadline_s=settings.embedding_deadline_s)
    try:
        yield embedding
    finally:
        await embedding.close()


async def model_of(settings: ModelSettings) -> Model:
    """The model itself, not loaded yet; not for ``engine = "off"``.

    Raises:
        ConfigurationError: as ``open_model``.
    """
    if settings.engine == "endpoint":
        return await open_endpoint(
            EndpointOptions(url=settings.url or "", name=settings.name, api_key=settings.api_key)
        )
    options = LlamaOptions(
        file=settings.file or Path(),
        threads=settings.threads,
        context=settings.context,
        chat_format=settings.chat_format,
        chat_template=settings.chat_template,
    )
    check_llama(options)
    return LlamaModel(options)


def classifier_of(settings: GuardiaSettings) -> Classifier:
    """The intent classifier, kept beside the other data where there is a folder for it."""
    return Classifier(cache=_cache(settings))


def incidents_of(settings: GuardiaSettings) -> IncidentClassifier:
    """The classifier of overheard talk, kept in the same place."""
    return IncidentClassifier(cache=_cache(settings))


def _cache(settings: GuardiaSettings) -> Path | None:
    folder = settings.data_dir
    return folder / "cache" if folder.is_dir() else None
