"""The files of a deployment, against what runs on each node now.

Owns: novelty (new, changed, same) and handling (static, dynamic) of files, and what stands in the
way of them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from pydantic import ValidationError

from actions.mapping import folders_of, laid_out, layouts
from agent.wire.operations import FileSpec, FingerprintFiles
from agent.wire.results import Digests, Result, Space
from bot.core.domain.artifact import Artifact, ArtifactEntry
from bot.core.domain.plan import FileChange, Handling, Novelty
from bot.core.errors import OperationError, UserError

FILES_MAX = 5000  # of the wire operations
_SPACE_FACTOR = 2  # an upload and a backup of about the same size lie there together
_SPACE_MARGIN = 16 * 1024 * 1024  # bytes; logs keep growing meanwhile
_PLACES_NAMED = 10


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATIC = _words(
    "html htm xhtml js mjs map css scss less png jpg jpeg gif svg webp ico bmp avif "
    "woff woff2 ttf otf eot txt md pdf hwp hwpx doc docx xls xlsx ppt pptx csv zip mp4 webm mp3 "
    "webmanifest"
)
_DYNAMIC = _words(
    "class jar war ear jsp jspx jspf tag tld java groovy kt properties xml yml yaml json conf "
    "cfg ini toml sql so dll sh py php xsl xslt vm ftl mustache policy jks p12 keystore"
)


def handling_of(path: str) -> Handling:
    """Served as it lies there, or read when the service starts. Doubt restarts."""
    return Handling.STATIC if _suffix(path) in _STATIC else Handling.DYNAMIC


def is_known(path: str) -> bool:
    """Whether the suffix is one of those this house knows."""
    return _suffix(path) in _STATIC | _DYNAMIC


def _suffix(path: str) -> str:
    # WEB-INF is never served: what lies below is read by the application.
    if "WEB-INF" in PurePosixPath(path).parts or "META-INF" in PurePosixPath(path).parts:
        return "class"
    return PurePosixPath(path).suffix.lstrip(".").lower()


def entries_of(artifact: Artifact | None) -> tuple[ArtifactEntry, ...]:
    """The files to deploy, in the order of their paths.

    Raises:
        UserError: none (``files_missing``), too many (``too_many_files``), or a path that no
            server is shown (``path_refused``).
    """
    if artifact is None or not artifact.entries:
        raise UserError("files_missing")
    if len(artifact.entries) > FILES_MAX:
        raise UserError("too_many_files", count=len(artifact.entries), limit=FILES_MAX)
    entries = tuple(sorted(artifact.entries, key=lambda entry: entry.path))
    for entry in entries:
        spec_of(entry)
    return entries


def spec_of(file: ArtifactEntry | FileChange) -> FileSpec:
    """The file as the wire names it."""
    try:
        return FileSpec(path=file.path, sha256=file.sha256, size=file.size)
    except ValidationError as error:
        raise UserError("path_refused", path=ascii(file.path)) from error


def fingerprint(entries: Sequence[ArtifactEntry]) -> FingerprintFiles:
    """The question what lies at every path that the entries may come to: under each layout, and
    where an archive unpacks to. A very large upload is only asked about as it is."""
    every = [entry for folder in layouts(entries) for entry in laid_out(entries, folder)]
    paths = list(dict.fromkeys(entry.path for entry in every))
    paths += [folder for folder in folders_of(paths) if folder not in paths]
    if len(paths) > FILES_MAX:
        paths = [entry.path for entry in entries]
    return FingerprintFiles(paths=tuple(paths))


def compare(
    entries: Sequence[ArtifactEntry],
    nodes: Sequence[str],
    facts: Mapping[tuple[str, int], Result],
) -> tuple[FileChange, ...]:
    """Every file with its novelty on every node.

    Raises:
        OperationError: a node has not been read (``survey_incomplete``).
    """
    present = {node: digests_of(node, facts).files for node in nodes}
    return tuple(
        FileChange(
            path=entry.path,
            sha256=entry.sha256,
            size=entry.size,
            handling=handling_of(entry.path),
            novelty=tuple((node, _novelty(entry, present[node])) for node in nodes),
            source=entry.source,
        )
        for entry in entries
    )


def digests_of(node: str, facts: Mapping[tuple[str, int], Result]) -> Digests:
    """What the survey found at a node.

    Raises:
        OperationError: the node has not been read (``survey_incomplete``).
    """
    fact = facts.get((node, 0))
    if not isinstance(fact, Digests):
        raise OperationError("survey_incomplete", node=node)
    return fact


def require_no_conflict(
    entries: Sequence[ArtifactEntry],
    nodes: Sequence[str],
    facts: Mapping[tuple[str, int], Result],
) -> None:
    """Nothing but plain files is replaced, and no file goes into a folder that its archive fills.

    Raises:
        UserError: ``path_conflict`` with every place, or ``war_and_folder``.
    """
    paths = [entry.path for entry in entries]
    places: dict[tuple[str, str], list[str]] = {}
    for node in nodes:
        conflicts = digests_of(node, facts).conflicts
        for path in paths:
            if path in conflicts:
                places.setdefault((conflicts[path], path), []).append(node)
    if places:
        raise UserError(
            "path_conflict",
            count=len(places),
            folders=_places("folder", places),
            links=_places("link", places),
            others=_places("other", places),
        )
    for folder in folders_of(paths):
        inside = [path for path in paths if path.startswith(f"{folder}/")]
        if inside:
            raise UserError("war_and_folder", folder=folder, path=inside[0])


def _places(kind: str, places: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """Where that kind of thing lies, the first few; a dash where it lies nowhere."""
    found = [f"{path} ({', '.join(at)})" for (what, path), at in places.items() if what == kind]
    more = len(found) - _PLACES_NAMED
    return "; ".join(found[:_PLACES_NAMED]) + (f" (+{more})" if more > 0 else "") or "-"


def _novelty(entry: ArtifactEntry, present: Mapping[str, str | None]) -> Novelty:
    now = present.get(entry.path)
    if now is None:
        return Novelty.NEW
    return Novelty.SAME if now == entry.sha256 else Novelty.CHANGED


def to_send(files: Sequence[FileChange], node: str) -> tuple[FileSpec, ...]:
    """The files that are not yet on this node as they should be."""
    return tuple(spec_of(file) for file in files if dict(file.novelty)[node] is not Novelty.SAME)


def space_for(size: int) -> int:
    """Bytes that must be free on a node before ``size`` bytes are sent there."""
    return size * _SPACE_FACTOR + _SPACE_MARGIN


def require_space(
    node: str, files: Sequence[FileSpec], facts: Mapping[tuple[str, int], Result]
) -> None:
    """The node has room for these files, as far as it could tell.

    Raises:
        UserError: ``space_too_small``.
    """
    found = facts.get((node, 1))
    needed = space_for(sum(file.size for file in files))
    if isinstance(found, Space) and found.free_bytes is not None and found.free_bytes < needed:
        free, wanted = found.free_bytes >> 20, -(-needed >> 20)
        raise UserError("space_too_small", node=node, free=free, needed=wanted)


def differs(file: FileChange) -> bool:
    """Whether the file changes anything anywhere."""
    return any(novelty is not Novelty.SAME for _, novelty in file.novelty)
