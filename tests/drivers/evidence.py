"""What a deployment has left behind, judged from outside: files, HTTP, logs, databases.

Owns: the invariants that hold after every deployment, however often its processes were killed.
Each check returns sentences of what is wrong; none: it holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import aiohttp

from tests.drivers.kills import KillableDemo, Sight

Tree = dict[str, str]  # path below the deploy path to SHA-256
NODES = ("moef-budget-prod-was01", "moef-budget-prod-was02")
_KEEP = "choose"  # offers to keep the command under a name: of a final report, too
_OPEN_TONES = {"running", "ask"}
_TONES = {
    "succeeded": "good",
    "rolled_back": "warning",
    "cancelled": "neutral",
    "failed": "bad",
    "rollback_failed": "bad",
    "unknown": "bad",
}
_STARTS = "Starting service [Catalina]"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Both nodes as they are: files, the version that runs, how often each has been started."""

    trees: Mapping[str, Tree]
    versions: Mapping[str, str]
    starts: Mapping[str, int]


def overlaid(tree: Tree, package: Path) -> Tree:
    """What a node holds when the package has been put over this tree."""
    with ZipFile(package) as archive:
        return tree | {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()
        }


async def look(demo: KillableDemo) -> Fleet:
    """Read both nodes."""
    facts = {node["node_id"]: node for node in demo.estate()["nodes"]}
    trees, versions, starts = {}, {}, {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        for name in NODES:
            trees[name] = _tree(Path(facts[name]["deploy_path"]))
            log = Path(facts[name]["log_path"]).read_text("utf-8", "replace")
            starts[name] = log.count(_STARTS)
            try:
                async with session.get(f"{facts[name]['url']}api/version") as answer:
                    versions[name] = (await answer.json()).get("version", f"HTTP {answer.status}")
            except aiohttp.ClientError as error:
                versions[name] = type(error).__name__
    return Fleet(trees, versions, starts)


def _tree(root: Path) -> Tree:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def _version_of(tree: Tree, known: Mapping[str, str]) -> str:
    return known.get(json.dumps(tree, sort_keys=True), "a version nobody knows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Old and new as trees and versions; ``versions`` None: nothing restarts."""

    before: Fleet
    new: Tree
    new_version: str


def judge_nodes(state: str, now: Fleet, expected: Expected, *, mixed: bool = False) -> list[str]:
    """Each node is old or new; all are new where that is said, all old where that is said.
    ``mixed``: some may be old and some new, and the final report says so."""
    wrong = []
    for node in NODES:
        old = now.trees[node] == expected.before.trees[node]
        new = now.trees[node] == expected.new
        if not (old or new):
            wrong.append(f"{node}: a mixed set of files")
        if state == "succeeded" and not new:
            wrong.append(f"{node}: succeeded, but the files are not the new ones")
        if state in {"rolled_back", "cancelled", "failed", "denied"} and not old and not mixed:
            wrong.append(f"{node}: {state}, but the files are not the old ones")
        version = expected.new_version if new and not old else expected.before.versions[node]
        if new and old:
            version = expected.new_version
        if now.versions[node] != version:
            wrong.append(f"{node}: serves {now.versions[node]}, its files are {version}")
    return wrong


def judge_estate(demo: KillableDemo) -> list[str]:
    """Nothing of a job lies about, and both nodes stand in the balancer."""
    wrong = [f"left behind: {path}" for path in (demo.folder / "nodes").rglob("*.guardia-*")]
    wrong += [f"left behind: {path}" for path in (demo.folder / "nodes").rglob(".guardia-*")]
    upstream = next((demo.folder / "nodes").rglob("upstream.conf")).read_text("utf-8")
    if "down" in upstream or upstream.count("server ") != len(NODES):
        wrong.append(f"the balancer holds: {upstream}")
    error_log = next((demo.folder / "nodes").rglob("error.log")).read_text("utf-8", "replace")
    live = re.findall(r"live members: (.*)", error_log)
    if live and any(str(node["service_port"]) not in live[-1] for node in _balanced(demo)):
        wrong.append(f"the balancer runs with: {live[-1]}")
    return wrong


def _balanced(demo: KillableDemo) -> list[dict[str, Any]]:
    return [node for node in demo.estate()["nodes"] if node["node_id"] in NODES]


def judge_job(sight: Sight, job_id: str) -> list[str]:
    """One end, no lock kept without a reason, nothing of the bot's own work lost."""
    wrong = []
    state = sight.state(job_id)
    ends = [
        subject
        for (body,) in sight.bot(
            "SELECT body FROM audit_events WHERE job_id = ? AND kind = 'state'", job_id
        )
        if (subject := json.loads(body)["subject"]) in _TONES
    ]
    if set(ends) != {state}:
        wrong.append(f"the audit knows the ends {ends}, the job is {state}")
    holders = [who for (who,) in sight.bot("SELECT job_id FROM locks") if who]
    if holders and state not in {"unknown", "rollback_failed"}:
        wrong.append(f"the lock is held by {holders}")
    if "running" in sight.recorded(job_id).values():
        wrong.append(f"steps still run: {sight.recorded(job_id)}")
    failed = sight.workflows(
        "SELECT workflow_uuid, status FROM workflow_status WHERE status != 'SUCCESS'"
    )
    wrong += [f"workflow {name}: {status}" for name, status in failed]
    return wrong


def judge_ledger(sight: Sight, job_id: str, before: Fleet, now: Fleet) -> list[str]:
    """No operation has run twice unnoticed."""
    wrong = []
    told: dict[str, list[dict[str, Any]]] = {}
    for (body,) in sight.bot(
        "SELECT body FROM audit_events WHERE job_id = ? AND kind = 'outcome'", job_id
    ):
        event = json.loads(body)
        told.setdefault(event["subject"], []).append(event["detail"])
    starts = dict.fromkeys(NODES, 0)
    rows = sight.ledger("SELECT step_id, attempt, outcome FROM step WHERE job_id = ?", job_id)
    for step_id, attempt, outcome in rows:
        if outcome is None:
            wrong.append(f"{step_id}: begun {attempt} times, never ended")
            continue
        if not any(detail["attempt"] == attempt for detail in told.get(step_id, [])):
            wrong.append(f"{step_id}: {attempt} attempts, the audit has {told.get(step_id)}")
        if len({json.dumps(detail, sort_keys=True) for detail in told.get(step_id, [])}) > 1:
            wrong.append(f"{step_id}: told differently: {told[step_id]}")
        if step_id.endswith("-start"):
            node = next(node for node in NODES if node.endswith(step_id.split(".")[0]))
            starts[node] += attempt
    for node in NODES:
        started = now.starts[node] - before.starts[node]
        if started > starts[node]:
            wrong.append(f"{node}: started {started} times, {starts[node]} were begun")
    return wrong


def judge_reading(sight: Sight, job_id: str, thread: str) -> list[str]:
    """A read is answered by one message, which says how it ended."""
    rows = sight.bot("SELECT body FROM room_messages WHERE thread = ? AND author = 'bot'", thread)
    bodies = [json.loads(body) for (body,) in rows]
    told = [(body["title"], body["tone"]) for body in bodies]
    return [] if [tone for _, tone in told] == [_TONES[sight.state(job_id)]] else [f"told: {told}"]


def judge_words(sight: Sight, job_id: str, words: str) -> list[str]:
    """The final report says this."""
    if not words:
        return []
    rows = sight.bot("SELECT body FROM room_messages WHERE key LIKE ?", f"%{job_id}:final")
    told = [json.loads(body)["summary"] for (body,) in rows]
    return [] if any(words in summary for summary in told) else [f"not said: {words} in {told}"]


def judge_room(sight: Sight, job_id: str, thread: str) -> list[str]:
    """One card, one progress message, one final report; none of them still in the making."""
    state = sight.state(job_id)
    rows = sight.bot(
        "SELECT key, body FROM room_messages WHERE thread = ? AND author = 'bot' "
        "AND only_for IS NULL ORDER BY posted_at",
        thread,
    )
    bodies = {key: json.loads(body) for key, body in rows}
    finals = [body for key, body in bodies.items() if key.endswith(f"{job_id}:final")]
    answers = [body for key, body in bodies.items() if key.endswith(":answer")]
    progress = [body for key, body in bodies.items() if key.endswith(f"{job_id}:progress")]
    wrong = []
    notes = [body for key, body in bodies.items() if key.endswith(":cancelling")]
    counts = (len(answers), len(progress), len(finals), len(notes))
    if counts != (1, 1, 1, int(state == "cancelled")) or len(rows) != sum(counts):
        wrong.append(f"messages: {[(key, body['title']) for key, body in bodies.items()]}")
    wrong += [
        f"still in the making: {body['title']} {body['summary']}"
        for body in bodies.values()
        if {each["button"] for each in body["buttons"]} - {_KEEP} or body["tone"] in _OPEN_TONES
    ]
    if finals and finals[0]["tone"] != _TONES[state]:
        wrong.append(f"{state}, but the final report says: {finals[0]['summary']}")
    return wrong
