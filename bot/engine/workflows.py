"""The durable part: small interpreters over values that are already frozen.

Owns: what DBOS runs, resumes after a crash and keeps one at a time per system. A workflow only
decides what comes next; everything it calls is a step that may be done twice. It branches on
returned values, never on exceptions, and its code changes rarely: a change that moves a step
needs a new ``APPLICATION_VERSION``, so that no record of the old steps is taken for one of the new;
what is under way then begins anew (``housekeeping``).

Versions: 2: the node runs of a batch go side by side in one step, an approved job waits for its
time and its turn in its own workflow, and the records of steps have other shapes than in 1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    StepOptions,
)
from pydantic import TypeAdapter

from bot.core.domain.conversation import Chat, Click, Command, Inbound, Mention
from bot.core.domain.job import JobState, StepState
from bot.core.domain.plan import Risk
from bot.engine.approvals import Approvals
from bot.engine.conductor import Conductor
from bot.engine.follow_up import NOTHING, FollowUp
from bot.engine.housekeeping import begin_anew, forget_ended
from bot.engine.naming import event_key_of
from bot.engine.pipeline import Pipeline
from bot.engine.questions import as_answer
from bot.engine.recent import Recent
from bot.engine.requests import ApprovalRequests
from bot.engine.room_talk import Place, RoomTalk
from bot.engine.telling import StepGaveUpError, Telling
from bot.engine.waiting import WITHDRAWN, Waiting

log = structlog.get_logger(__name__)

APPLICATION_VERSION = "2"
CHANGES = "changes"  # the queue of changing jobs, one at a time per system
_WAKE = "wake"
_LOOK_S = 600.0  # how long a queued job's follower outlives its queueing, at the most
_INBOUND: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (Mention, Command, Click)
}


class Workflows:
    """Registers the workflows with DBOS and starts them. One per process.

    ``retry_s``: seconds before a step that raised is tried again, doubled each time; ``retell_s``:
    before a report is offered again to a messenger that has been away for longer.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        approvals: Approvals,
        requests: ApprovalRequests,
        conductor: Conductor,
        waiting: Waiting,
        retry_s: float = 0.5,
        retell_s: float = 600.0,
        talk: RoomTalk | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._approvals = approvals
        self._requests = requests
        self._conductor = conductor
        self._waiting = waiting
        self._retry_s = retry_s
        self._telling = Telling(conductor, self._step, again_s=retell_s)
        self._talk = talk
        self._taken = Recent(10_000)
        self._register()

    def _register(self) -> None:
        # DBOS marks the functions that it registers; a bound method cannot be marked.
        async def take(payload: dict[str, Any]) -> None:
            await self._take_event(payload)

        async def job(job_id: str) -> str:
            return await self._follow_job(job_id)

        async def run(job_id: str) -> str:
            return await self._run_plan(job_id)

        async def overheard(place: Place) -> None:
            await self._follow_talk(place)

        self._take = DBOS.workflow(name="take")(take)
        self._overheard = DBOS.workflow(name="overheard")(overheard)
        # However often the bot is cut off: a job that nobody takes up again would keep its lock.
        self._job = DBOS.workflow(name="job", max_recovery_attempts=None)(job)
        self._run = DBOS.workflow(name="run", max_recovery_attempts=None)(run)

    async def launch(self) -> None:
        """Start DBOS on the running loop; what a crash or an upgrade interrupted goes on."""
        DBOS.launch()
        await DBOS.register_queue_async(CHANGES, partition_concurrency=1, polling_interval_sec=0.2)
        known: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
            "take": self._take,
            "job": self._job,
            "run": self._run,
            "overheard": self._overheard,
            "tell": self._telling.workflow,
        }
        await begin_anew(known)
        await forget_ended()

    async def receive(self, event: Inbound) -> None:
        """Take an inbound value durably; the same event starts nothing a second time."""
        if isinstance(event, Chat):
            await self._overhear(event)
            return
        key = event_key_of(event.conversation.adapter, event.event_id)
        if key in self._taken:
            return
        payload = {
            "kind": type(event).__name__,
            "event": _INBOUND[type(event).__name__].dump_python(event, mode="json"),
        }
        with SetWorkflowID(f"in:{key}"):
            await DBOS.start_workflow_async(self._take, payload)
        self._taken.add(key)  # only now: it would be lost, had this failed

    async def approve(self, click: Click, code: str) -> None:
        """As ``Approvals.approve``, in no workflow: a code must lie in no table. Whoever is cut
        off enters the next one."""
        await self._approvals.approve(click, code, follow=self._follow)

    # --- talk ------------------------------------------------------------------------------

    async def _overhear(self, chat: Chat) -> None:
        """What people said among themselves stays where old talk is dropped: the workflow is
        given its place only."""
        if self._talk is None:
            return
        place = await self._talk.hear(chat)
        key = event_key_of(chat.conversation.adapter, chat.event_id)
        with SetWorkflowID(f"talk:{key}"):
            await DBOS.start_workflow_async(self._overheard, place)

    async def _follow_talk(self, place: Place) -> None:
        if self._talk is None:
            return
        try:
            if await self._step("heed", self._talk.heed, place):
                await self._step("summarise", self._talk.summarise, place)
        except StepGaveUpError:
            return  # logged; a card that nobody asked for is not missed

    # --- one message, one click ------------------------------------------------------------

    async def _take_event(self, payload: dict[str, Any]) -> None:
        key = f"{DBOS.workflow_id}"
        try:
            follow_up = await self._step("handle", self._handle, payload)
        except StepGaveUpError:
            await self._step("apologise", self._apologise, payload, patient=True)
            return
        await self._follow(FollowUp(**follow_up), key)

    async def _follow(self, follow_up: FollowUp, key: str) -> None:
        for job_id in filter(None, (follow_up.start, follow_up.wake)):
            # Also before waking: starting twice is once, and a job may not have come to life yet.
            with SetWorkflowID(f"job:{job_id}"):
                await DBOS.start_workflow_async(self._job, job_id)
        if follow_up.wake is not None:
            await DBOS.send_async(
                f"job:{follow_up.wake}", "look", _WAKE, idempotency_key=f"{key}:wake"
            )

    async def _handle(self, payload: dict[str, Any]) -> dict[str, str | None]:
        event = _INBOUND[payload["kind"]].validate_python(payload["event"])
        follow_up = await self._dispatch(event)
        return {"start": follow_up.start, "wake": follow_up.wake}

    async def _apologise(self, payload: dict[str, Any]) -> None:
        await self._pipeline.apologise(_INBOUND[payload["kind"]].validate_python(payload["event"]))

    async def _dispatch(self, event: Inbound) -> FollowUp:
        if isinstance(event, Click):
            chosen = as_answer(event)
            return await (self._request(chosen) if chosen else self._approvals.press(event))
        if isinstance(event, Mention | Command):
            return await self._request(event)
        return NOTHING

    async def _request(self, message: Mention | Command) -> FollowUp:
        if self._talk is not None and await self._talk.answer(message):
            return NOTHING
        return await self._pipeline.handle(message)

    # --- one job ---------------------------------------------------------------------------

    async def _follow_job(self, job_id: str) -> str:
        state = await self._step("open", self._requests.open, job_id, patient=True)
        while state == JobState.AWAITING_APPROVAL:
            remaining = await self._step(
                "remaining", self._requests.remaining_s, job_id, patient=True
            )
            woken = await DBOS.recv_async(_WAKE, timeout_seconds=remaining)
            settle = self._requests.settle if woken is not None else self._requests.lapse
            state = await self._step("settle", settle, job_id, patient=True)
        if state == JobState.QUEUED:
            return await self._follow_queued(job_id)
        return str(state)

    async def _follow_queued(self, job_id: str) -> str:
        scope = await self._step("scope", self._conductor.scope, job_id, patient=True)
        if scope is None:
            with SetWorkflowID(f"run:{job_id}"):
                await DBOS.start_workflow_async(self._run, job_id)
            return str(JobState.QUEUED)
        state = await self._await_time(job_id)
        if state != JobState.QUEUED:
            return state
        await self._step("turn", self._waiting.tell_turn, job_id, patient=True)
        with SetWorkflowID(f"run:{job_id}"), SetEnqueueOptions(queue_partition_key=scope):
            await DBOS.enqueue_workflow_async(CHANGES, self._run, job_id)
        while state == JobState.QUEUED:
            state = await self._doze(job_id, _LOOK_S)
        return state

    async def _await_time(self, job_id: str) -> str:
        """Until the time that people have said yes for, or a cancel."""
        state = str(JobState.QUEUED)
        left = await self._step("left", self._waiting.remaining_s, job_id, patient=True)
        if left > 0:
            await self._step("time", self._waiting.tell_time, job_id, patient=True)
        while left > 0 and state == JobState.QUEUED:
            state = await self._doze(job_id, left)
            left = await self._step("left", self._waiting.remaining_s, job_id, patient=True)
        return state

    async def _doze(self, job_id: str, seconds: float) -> str:
        """Until somebody wakes the job, or the time is over; a cancel ends it here."""
        await DBOS.recv_async(_WAKE, timeout_seconds=seconds)
        state = await self._step("withdraw", self._waiting.withdraw, job_id, patient=True)
        if state == WITHDRAWN:
            await self._telling.end(job_id, "cancelled")
        return str(state)

    # --- one run ---------------------------------------------------------------------------

    async def _run_plan(self, job_id: str) -> str:
        try:
            stopped = await self._step("begin", self._conductor.begin, job_id)
        except StepGaveUpError:
            return await self._end(job_id, JobState.FAILED)  # no server has been spoken to
        # Whoever has followed the job through the queue has nothing to look after any more.
        await DBOS.send_async(f"job:{job_id}", "look", _WAKE, idempotency_key=f"begun:{job_id}")
        if stopped is not None:
            await self._telling.end(job_id, str(stopped))
            return str(stopped)
        try:
            end = await self._walk(job_id)
        except StepGaveUpError:
            # The bot itself could not go on (its store, its audit): what the servers hold is
            # not known here any more, and says so.
            end = JobState.UNKNOWN
        return await self._end(job_id, end)

    async def _end(self, job_id: str, to: JobState) -> str:
        state = await self._step("conclude", self._conductor.conclude, job_id, to, patient=True)
        await self._telling.end(job_id, None)
        return str(state)

    async def _walk(self, job_id: str) -> JobState:
        course = await self._step("course", self._conductor.course, job_id)
        for batch in course["batches"]:
            whole: bool | None
            if course["risk"] == Risk.READ:
                whole = await self._read(job_id, [step_id for run in batch for step_id in run])
            else:
                whole = await self._forward(job_id, batch)
            if whole is None:
                return JobState.UNKNOWN
            if not whole:
                to = await self._step("fallen", self._conductor.fallen, job_id)
                return await self._go_back(job_id, JobState(to))
        return JobState.SUCCEEDED

    async def _forward(self, job_id: str, batch: list[list[str]]) -> bool | None:
        """One batch. False: it was broken off; None: nobody knows how it stands."""
        if len(batch) > 1:
            states = await self._step("runs", self._conductor.execute_runs, job_id, batch)
            return _verdict(states)
        for step_id in batch[0] if batch else []:
            if await self._step("cancelled", self._conductor.cancelled, job_id):
                return False
            state = await self._execute(job_id, step_id)
            if state != StepState.SUCCEEDED:
                return _verdict([state])
        return True

    async def _read(self, job_id: str, batch: list[str]) -> bool:
        """All steps of a batch at once. A read that failed left nothing unknown behind."""
        try:
            states = await self._step("read", self._conductor.execute_all, job_id, batch)
        except StepGaveUpError:
            return False
        return all(state == StepState.SUCCEEDED for state in states)

    async def _execute(self, job_id: str, step_id: str) -> str:
        return str(await self._step("execute", self._conductor.insist, job_id, step_id))

    async def _go_back(self, job_id: str, to: JobState) -> JobState:
        back = await self._step("way_back", self._conductor.way_back, job_id)
        if back is None:
            return JobState.ROLLBACK_FAILED
        for batch in back["ways"]:
            whole = await self._backward(job_id, batch)
            if whole is None:
                return JobState.UNKNOWN
            if not whole:
                return JobState.ROLLBACK_FAILED
        for batch in back["clearing"]:
            # These serve what they served; what is left there goes with the next staging.
            await self._backward(job_id, batch)
        nothing_changed = not back["changed"] and to is JobState.ROLLED_BACK
        return JobState.FAILED if nothing_changed else to

    async def _backward(self, job_id: str, batch: list[list[str]]) -> bool | None:
        """As ``_forward``, for the way back: no cancel is looked at any more."""
        if len(batch) > 1:
            return _verdict(await self._step("undo", self._conductor.undo_runs, job_id, batch))
        for step_id in batch[0]:
            state = await self._execute(job_id, step_id)
            if state != StepState.SUCCEEDED:
                return _verdict([state])
        return True

    async def _step(
        self,
        name: str,
        call: Callable[..., Awaitable[Any]],
        *arguments: Any,
        patient: bool = False,
    ) -> Any:
        """One durable step: its result is kept, and after a crash it is not called again.

        ``patient``: nobody could go on in its place, so that it is tried for a quarter of an hour.

        Raises:
            StepGaveUpError: it failed every time; the cause is logged here, once.
        """
        options: StepOptions = {
            "name": name,
            "retries_allowed": True,
            "interval_seconds": self._retry_s,
            "max_attempts": 12 if patient else 6,
            "backoff_rate": 2.0,
        }
        try:
            return await DBOS.run_step_async(options, call, *arguments)
        except Exception as error:
            log.exception("step_gave_up", step=name, workflow=DBOS.workflow_id)
            raise StepGaveUpError(name) from error


def _verdict(states: list[str]) -> bool | None:
    """Whether all is well; None where one of them is not known."""
    if StepState.UNKNOWN in states:
        return None
    return all(state == StepState.SUCCEEDED for state in states)


def configure(
    *, system_database_url: str, executor_id: str, version: str = APPLICATION_VERSION
) -> None:
    """Tell DBOS where it keeps its own state: a database of its own, apart from the application's.
    Before ``Workflows`` are made. ``executor_id`` names this replica; its interrupted workflows
    are taken up at its launch."""
    config: DBOSConfig = {
        "name": "guardia",
        "system_database_url": system_database_url,
        "application_version": version,
        "executor_id": executor_id,
        "serializer": DBOSPortableJSONSerializer(),
        "notification_listener_polling_interval_sec": 0.2,
        "console_log_level": "WARNING",
    }
    DBOS(config=config)


def shut_down() -> None:
    """Stop DBOS; what runs is taken up at the next launch."""
    DBOS.destroy(workflow_completion_timeout_sec=0)
