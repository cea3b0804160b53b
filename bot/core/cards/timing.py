"""When it will run, in words.

Owns: how freezes, windows and agreed times are said, also to a job that runs on into them, and the
buttons that approve for later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.core.calendar import BOOKED_AT_MOST
from bot.core.cards.progress import cancel_buttons
from bot.core.cards.wording import SEOUL
from bot.core.domain.calendar import Timing
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Button, ButtonStyle, Paragraph, Report, Tone
from bot.core.policy import needs_code
from bot.core.redaction import redact
from bot.core.texts import Texts

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STAMP = "%Y%m%dT%H%M%SZ"
_WHY_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What the calendar says, and the name of who declared the freeze, if one is in force."""

    timing: Timing
    who: str = ""


def moment(at: datetime, texts: Texts) -> str:
    """``2026-05-23(토) 22:00``, in Seoul."""
    local = at.astimezone(SEOUL)
    weekday = texts.say(f"time.weekday.{_WEEKDAYS[local.weekday()]}")
    return f"{local:%Y-%m-%d}({weekday}) {local:%H:%M}"


def closed_values(schedule: Schedule, texts: Texts) -> dict[str, str]:
    """The values of the sentences ``frozen`` and ``window_closed``."""
    freeze, opens_at = schedule.timing.freeze, schedule.timing.opens_at
    never = texts.say("cards.timing.never")
    return {
        "who": schedule.who or "-",
        "why": redact(freeze.why)[:_WHY_MAX] if freeze else "-",
        "until": moment(freeze.until, texts) if freeze else "-",
        "opens": moment(opens_at, texts) if opens_at else never,
    }


def timing_words(job: Job, schedule: Schedule, *, texts: Texts, now: datetime) -> str | None:
    """When the job runs, for the card; None where there is nothing to say."""
    if job.state is JobState.QUEUED:
        if job.run_at is None or job.run_at <= now:
            return None
        return texts.say("cards.timing.agreed", time=moment(job.run_at, texts))
    if job.state is not JobState.AWAITING_APPROVAL:
        return None
    timing = schedule.timing
    values = {**closed_values(schedule, texts), "days": str(BOOKED_AT_MOST.days)}
    if timing.freeze is not None:
        said = texts.say("cards.timing.frozen", **values)
    elif not timing.open:
        said = texts.say("cards.timing.window", opens=values["opens"])
    elif timing.closes_at is not None:
        said = texts.say("cards.timing.in_window", until=moment(timing.closes_at, texts))
    else:
        said = texts.say("cards.timing.at_once")
    if not timing.open and timing.opens_at is not None and not _bookable(timing.opens_at, now):
        said = f"{said}\n{texts.say('cards.timing.too_far', **values)}"
    agreed = [given.run_at for given in job.approvals if given.run_at is not None]
    if not agreed:
        return said
    return f"{said}\n{texts.say('cards.timing.agreed', time=moment(max(agreed), texts))}"


def _bookable(at: datetime, now: datetime) -> bool:
    return now < at <= now + BOOKED_AT_MOST


def approve_buttons(
    job: Job, schedule: Schedule, texts: Texts, *, now: datetime
) -> tuple[Button, ...]:
    """Approve now, or for the next opening, or both; neither, where it does not open soon. A yes
    that takes a one-time code is not asked for twice: its page shows the plan again."""
    coded = needs_code(job.plan)
    value = f"{job.job_id}:{job.plan.digest}"
    title = texts.note(job.plan.title)
    timing = schedule.timing
    buttons: list[Button] = []
    if timing.open:
        buttons.append(
            Button(
                button="approve",
                value=value,
                label=texts.say("cards.button.approve"),
                style=ButtonStyle.PRIMARY,
                confirm="" if coded else texts.say("cards.button.approve_confirm", plan=title),
            )
        )
    if timing.opens_at is not None and _bookable(timing.opens_at, now):
        local = timing.opens_at.astimezone(SEOUL)
        time = moment(timing.opens_at, texts)
        confirm = texts.say("cards.button.approve_at_confirm", plan=title, time=time)
        buttons.append(
            Button(
                button="approve_at",
                value=f"{value}:{stamp(timing.opens_at)}",
                label=texts.say("cards.button.approve_at", time=f"{local:%m-%d %H:%M}"),
                style=ButtonStyle.PLAIN if timing.open else ButtonStyle.PRIMARY,
                confirm="" if coded else confirm,
            )
        )
    return tuple(buttons)


def running_on_report(job: Job, schedule: Schedule, texts: Texts) -> Report:
    """That a freeze has begun, or the window has ended, under a job that runs on."""
    kind = "frozen" if schedule.timing.freeze else "window"
    values = closed_values(schedule, texts)
    said = texts.say(f"running_on.{kind}", job=job.job_id, system=job.plan.system, **values)
    return Report(
        title=said,
        summary=said,
        tone=Tone.WARNING,
        sections=(Paragraph(text=texts.say("running_on.next")),),
        buttons=cancel_buttons(job, texts),
        footer=texts.say("cards.footer_job", job=job.job_id),
    )


def stamp(at: datetime) -> str:
    """An instant as a button carries it."""
    return at.astimezone(UTC).strftime(_STAMP)


def read_stamp(text: str) -> datetime | None:
    """The instant that a button carried; None: it is none."""
    try:
        return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
