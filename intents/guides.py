"""The passage of a guide that answers a question, or that nothing fits.

Owns: BM25 over character pairs, which need neither spaces nor a dictionary; the names in a question
decide whose guides come into question at all, and a floor decides whether the best is an answer.
Pure. Must not decide who sees what: it is only given what the person may see.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.core.domain.estate import Vocabulary
from bot.core.domain.guide import Guide, GuideAnswer, Passage
from bot.core.domain.intent import Selector
from bot.core.guide_ports import GuideEmbedding
from intents.guide_words import IDLE, PARTICLE, PLACE, PREDICATE, SUFFIX, deeds, things
from intents.names import Kind, Name, find_names
from intents.phrase import LONGEST, read_phrase

# Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), 3.7:
# 1.2 < k1 < 2 and 0.5 < b < 0.8 do well; these are also Lucene's.
K1, B = 1.2, 0.75
TITLE_WEIGHT = 3  # a title says in a few words what the text is about
# How much of what a question is about its answer must speak of; less where the question says
# whose guide it means. Measured on tests/cases/guides/questions.jsonl.
FLOOR, FLOOR_NAMED = 0.6, 0.4
# What a word weighs beside the name of a thing: what is done with it, a verb that is no known
# deed, and an institution that this person's estate does not have.
DEED, FILLER, ELSEWHERE = 0.5, 0.25, 2.0
BEST = 3
PASSAGE = 320  # characters
FUSION = 60  # Cormack, Clarke & Büttcher, "Reciprocal Rank Fusion" (2009)

_RUN = re.compile(r"[a-z0-9가-힣]+")
_WORD = re.compile(r"[a-z][a-z0-9]*|[0-9가-힣]+")
_SCRIPTS = re.compile(r"(?<=[가-힣])(?=[a-z])")  # "기재부vpn": a name may end there
_HEADING = re.compile(r"^#+\s.*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?다])\s+|\n+")

Grams = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Term:
    """One thing that a question says, in every spelling that it may have in a guide."""

    spellings: tuple[Grams, ...]
    weight: float = 1.0  # 0: the name of an institution or system, which says whose, not what


@dataclass(frozen=True, slots=True)
class _Question:
    terms: tuple[_Term, ...]
    institutions: frozenset[str]  # whose guides come into question; empty: everybody's


class GuideFinder:
    """``GuideSearch`` by words, and by meaning too where a local model is given."""

    def __init__(self, embedding: GuideEmbedding | None = None) -> None:
        self._embedding = embedding

    def search(
        self, question: str, guides: Sequence[Guide], *, vocabulary: Vocabulary, about: Selector
    ) -> GuideAnswer:
        """See ``GuideSearch``."""
        asked = _read(question[:LONGEST], vocabulary, about)
        corpus = _Corpus(guides)
        rated = [
            (corpus.score(guide, asked.terms), guide)
            for guide in guides
            if not asked.institutions or guide.institution in {None, *asked.institutions}
        ]
        found = sorted((row for row in rated if row[0] > 0), key=lambda row: -row[0])
        fitting = [guide for _, guide in found if corpus.fits(guide, asked.terms)]
        ranked = sorted(found, key=lambda row: row[1] not in fitting)[:BEST] if fitting else []
        institution = next(iter(asked.institutions)) if len(asked.institutions) == 1 else None
        return GuideAnswer(
            passages=tuple(
                Passage(guide=guide, text=corpus.passage(guide, asked.terms), score=round(score, 3))
                for score, guide in self._by_meaning(question, ranked)
            ),
            institution=institution,
        )

    def _by_meaning(
        self, question: str, ranked: list[tuple[float, Guide]]
    ) -> list[tuple[float, Guide]]:
        """Both orders fused; what fits at all is the words' to say."""
        if self._embedding is None or not ranked:
            return ranked
        near = self._embedding.nearness(question, [guide.text for _, guide in ranked])
        if len(near) != len(ranked):
            return ranked
        by_nearness = sorted(range(len(ranked)), key=lambda place: -near[place])
        fused = {
            place: 1 / (FUSION + place) + 1 / (FUSION + by_nearness.index(place))
            for place in range(len(ranked))
        }
        return [ranked[place] for place in sorted(fused, key=lambda place: -fused[place])]


# --- the question ----------------------------------------------------------------------------


def _read(question: str, vocabulary: Vocabulary, about: Selector) -> _Question:
    phrase = read_phrase(question)
    text = _SCRIPTS.sub(" ", " ".join([phrase.text, *phrase.quotes]).lower())
    found = find_names(text, vocabulary)
    names = [name for name in found if not name.excluded]
    institutions = _institutions(names, about)
    terms = [_named(spellings) for spellings in _spellings(names, vocabulary, about)]
    for name in found:
        if not name.weak:
            text = text[: name.start] + " " * (name.end - name.start) + text[name.end :]
    return _Question((*terms, *_topics(text)), institutions)


def _institutions(names: Iterable[Name], about: Selector) -> frozenset[str]:
    """Whose guides are asked for: what is named, else what the system's name or place implies."""
    named = frozenset(name.value for name in names if name.kind is Kind.INSTITUTION)
    of_systems = frozenset(
        system.institution for name in names if not name.weak for system in name.systems
    )
    implied = frozenset([about.institution] if about.institution else [])
    return named or of_systems or implied


def _spellings(
    names: Iterable[Name], vocabulary: Vocabulary, about: Selector
) -> list[tuple[str, ...]]:
    """Every name and alias of what is named."""
    institutions = {name.value for name in names if name.kind is Kind.INSTITUTION}
    systems = {system.code for name in names for system in name.systems}
    return [
        (one.name, *one.aliases)
        for one in vocabulary.institutions
        if one.name in institutions or one.name == about.institution
    ] + [
        (one.name, *one.aliases)
        for one in vocabulary.systems
        if one.code in systems or (one.institution, one.name) == (about.institution, about.system)
    ]


def _topics(text: str) -> list[_Term]:
    """What the question is about, without the words that only ask."""
    terms: list[_Term] = []
    for match in _SAME_WORDS.finditer(text):
        term = _MEANT[_flat(match.group())]
        terms += [] if term in terms else [term]
    text = _SUFFIXED.sub(" ", text)
    for word in _WORD.findall(IDLE.sub(" ", text)):
        bare = PARTICLE.sub("", word)
        if len(bare) > 1:
            terms.append(_Term((_pairs(bare),), _weight_of(bare)))
    return terms


def _weight_of(word: str) -> float:
    if PLACE.fullmatch(word):
        return ELSEWHERE
    return FILLER if PREDICATE.search(word) else 1.0


def _meanings() -> dict[str, _Term]:
    return {
        _flat(word): _Term(tuple(_pairs(_flat(word)) for word in words), weight)
        for weight, table in ((1.0, things()), (DEED, deeds()))
        for words in table
        for word in words
    }


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Any of the words, the longest first, spaced or not; Latin ones only as whole words."""
    spelled = (
        (r"(?<![a-z]){}(?![a-z])" if word.isascii() else "{}").format(r"\s*".join(word))
        for word in sorted(words, key=len, reverse=True)
    )
    return re.compile("|".join(spelled))


def _named(spellings: Iterable[str]) -> _Term:
    return _Term(tuple(_pairs(_flat(name)) for name in spellings), weight=0.0)


def _flat(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def _pairs(run: str) -> Grams:
    return tuple(run[at : at + 2] for at in range(len(run) - 1))


_MEANT = _meanings()
_SAME_WORDS = _pattern(_MEANT)
_SUFFIXED = re.compile(rf"(?:{_SAME_WORDS.pattern})(?:{SUFFIX.pattern}(?![가-힣]))?")

# --- the guides ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _counts(text: str) -> Mapping[str, int]:
    """Character pairs of a text, over its spaces but not over its signs."""
    return Counter(
        pair for run in _RUN.findall(re.sub(r"\s+", "", text.lower())) for pair in _pairs(run)
    )


@lru_cache(maxsize=4096)
def _weighed(guide: Guide) -> Mapping[str, int]:
    counts = Counter(_counts(_HEADING.sub(" ", guide.text)))
    for pair, count in _counts(guide.title).items():
        counts[pair] += TITLE_WEIGHT * count
    return counts


class _Corpus:
    """BM25's statistics over the guides that one person may see."""

    def __init__(self, guides: Sequence[Guide]) -> None:
        self._spread = Counter(pair for guide in guides for pair in _weighed(guide))
        lengths = [sum(_weighed(guide).values()) for guide in guides]
        self._size = len(guides)
        self._mean = sum(lengths) / len(lengths) if lengths else 1.0

    def score(self, guide: Guide, terms: Iterable[_Term]) -> float:
        """BM25; of a term's spellings the one counts that the guide uses."""
        counts = _weighed(guide)
        norm = K1 * (1 - B + B * sum(counts.values()) / self._mean)
        return sum(
            max(sum(self._weight(pair, counts, norm) for pair in grams) for grams in term.spellings)
            for term in terms
        )

    def fits(self, guide: Guide, terms: Sequence[_Term]) -> bool:
        """Whether the guide speaks of enough of what the question is about."""
        topics = [term for term in terms if term.weight]
        counts = _weighed(guide)
        told = sum(term.weight * _share(term, counts) for term in topics)
        named = len(topics) < len(terms)
        return told >= (FLOOR_NAMED if named else FLOOR) * sum(term.weight for term in topics)

    def passage(self, guide: Guide, terms: Sequence[_Term]) -> str:
        """The stretch of whole sentences that says most of it."""
        paragraphs = re.split(r"\n\s*\n", _HEADING.sub("\n\n", guide.text))
        texts = [" ".join(part.split()) for part in paragraphs if part.strip()]
        windows = [window for text in texts for window in _windows(text)] or [guide.title]
        return max(windows, key=lambda window: self._told(window, terms))

    def _told(self, text: str, terms: Iterable[_Term]) -> float:
        counts = _counts(text)
        return sum(
            max(sum(self._rarity(pair) for pair in grams if pair in counts) for grams in spelled)
            for spelled in (term.spellings for term in terms)
        )

    def _weight(self, pair: str, counts: Mapping[str, int], norm: float) -> float:
        often = counts.get(pair, 0)
        return self._rarity(pair) * often * (K1 + 1) / (often + norm) if often else 0.0

    def _rarity(self, pair: str) -> float:
        """Inverse document frequency; the one added keeps it above zero."""
        spread = self._spread[pair]
        return math.log(1 + (self._size - spread + 0.5) / (spread + 0.5))


def _share(term: _Term, counts: Mapping[str, int]) -> float:
    return max(
        sum(pair in counts for pair in grams) / len(grams) if grams else 0.0
        for grams in term.spellings
    )


def _windows(text: str) -> list[str]:
    """Runs of sentences, each as long as a passage may be; a long sentence stands alone."""
    if len(text) <= PASSAGE:
        return [text]
    sentences = _SENTENCE.split(text)
    windows = []
    for first in range(len(sentences)):
        window = sentences[first][:PASSAGE]
        for sentence in sentences[first + 1 :]:
            if len(window) + 1 + len(sentence) > PASSAGE:
                break
            window = f"{window} {sentence}"
        windows.append(window)
    return windows
