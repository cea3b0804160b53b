"""What people read: pure functions from jobs to reports.

Owns: the cards of a request from its plan to its end, and the bot's short replies. Words are in
the catalogues; adapters shape what comes out. No I/O, no clock.
"""

from bot.core.cards.log import job_log, wants_log
from bot.core.cards.outcome import final_report
from bot.core.cards.plan import plan_card
from bot.core.cards.progress import progress_card
from bot.core.cards.replies import (
    decided_note,
    denial_report,
    plain_report,
    question_report,
    refusal_report,
    working_report,
)
from bot.core.cards.timing import (
    Schedule,
    closed_values,
    moment,
    read_stamp,
    running_on_report,
)

__all__ = [
    "Schedule",
    "closed_values",
    "decided_note",
    "denial_report",
    "final_report",
    "job_log",
    "moment",
    "plain_report",
    "plan_card",
    "progress_card",
    "question_report",
    "read_stamp",
    "refusal_report",
    "running_on_report",
    "wants_log",
    "working_report",
]
