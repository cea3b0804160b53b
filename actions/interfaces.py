"""The verbs ``fetch_mes_qc``, ``link_tx_tracker`` and ``esb_channel_monitor``: what systems hand
each other.

Owns: their plans: which nodes are asked, for which day, by which limits. Pure.
"""

from __future__ import annotations

import datetime as dt

from actions.nodes import profiled, target_of, with_database
from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import ReadChannels, ReadQuality, ReadTransactions
from bot.core.domain.estate import Layer
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.core.ports import ActionRequest


class FetchMesQc(ReadingVerb):
    """One day's quality rows."""

    action_id = "fetch_mes_qc"

    def plan(self, request: ActionRequest) -> Plan:
        """A look at every database of the target.

        Raises:
            UserError: ``date_malformed``, ``no_database``, ``node_not_connected``.
        """
        nodes = with_database(request)
        look = ReadQuality(date=_date(request))
        return reading_plan(request, self.action_id, lambda node: [look], nodes=nodes)


class LinkTxTracker(ReadingVerb):
    """Failed and stuck transactions between systems."""

    action_id = "link_tx_tracker"

    def plan(self, request: ActionRequest) -> Plan:
        """A look at every database of the target.

        Raises:
            UserError: ``no_database``, ``node_not_connected``.
        """
        limits = target_of(request).limits_of
        nodes = with_database(request)
        return reading_plan(
            request,
            self.action_id,
            lambda node: [ReadTransactions(stuck_minutes=limits(node.node_id).stuck_minutes)],
            nodes=nodes,
        )


class EsbChannelMonitor(ReadingVerb):
    """Queue depths and listeners."""

    action_id = "esb_channel_monitor"

    def plan(self, request: ActionRequest) -> Plan:
        """A look at every broker of the target.

        Raises:
            UserError: ``no_queue``, ``node_not_connected``.
        """
        limits = target_of(request).limits_of
        nodes = profiled(
            request, lambda profile: profile.queue is not None, "no_queue", sought_on=Layer.DB
        )
        return reading_plan(
            request,
            self.action_id,
            lambda node: [ReadChannels(depth=limits(node.node_id).queue)],
            nodes=nodes,
        )


def _date(request: ActionRequest) -> dt.date:
    """A day of the calendar, and nothing that merely looks like one."""
    try:
        return dt.date.fromisoformat(str(request.params.get("date", "")))
    except ValueError as error:
        raise UserError("date_malformed") from error
