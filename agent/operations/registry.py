"""Which code runs which operation: the closed set, once more, as an explicit tuple.

Owns: how each one is run, verified after a cut, and whether it may be stopped on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.operations import (
    backup,
    balancer,
    certificates,
    channels,
    clearing,
    cron_health,
    cron_registration,
    databases,
    devices,
    dumps,
    filesystems,
    fingerprints,
    healing,
    health,
    integrity,
    interfaces,
    log,
    log_search,
    node_check,
    preflight,
    resources,
    scripts,
    security,
    service,
    sessions,
    staging,
    stale,
    traffic,
)
from agent.operations.context import StepContext, Verified
from agent.wire import checks
from agent.wire import operations as wire
from agent.wire.results import Result
from agent.wire.types import WireModel

O = TypeVar("O", bound=WireModel)  # noqa: E741  the operation's model


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler(Generic[O]):
    """How one operation runs, and how its effect is verified by reading alone.

    ``stoppable``: it may be cut off anywhere, nothing is left half done that running it again
    or undoing it would not put right; where that is not the same for all of its kind, a function
    says it.
    """

    model: type[O]
    run: Callable[[StepContext, O], Awaitable[Result]]
    verify: Callable[[StepContext, O], Awaitable[Verified]]
    stoppable: bool | Callable[[O], bool] = True

    def may_stop(self, operation: O) -> bool:
        """Whether this one may be cut off anywhere."""
        return self.stoppable(operation) if callable(self.stoppable) else self.stoppable


async def without_effect(context: StepContext, operation: WireModel) -> Verified:
    """A reading operation leaves nothing behind: it is simply asked again."""
    return Verified.NOT_DONE


HANDLERS: tuple[Handler[Any], ...] = (
    Handler(model=wire.ProbeNode, run=health.probe, verify=without_effect),
    Handler(model=wire.Preflight, run=preflight.preflight, verify=without_effect),
    Handler(model=wire.FingerprintFiles, run=fingerprints.fingerprint_files, verify=without_effect),
    Handler(
        model=wire.DrainMember, run=balancer.drain, verify=balancer.is_drained, stoppable=False
    ),
    # The call may be on its way: cut off, nobody would know whether the device has heard it.
    Handler(model=wire.DrainDevice, run=devices.drain, verify=devices.is_drained, stoppable=False),
    Handler(model=wire.SettleTraffic, run=traffic.settle, verify=without_effect),
    Handler(model=wire.BackupFiles, run=backup.back_up, verify=backup.is_backed_up),
    Handler(model=wire.StageFiles, run=staging.stage, verify=staging.is_staged),
    Handler(
        model=wire.ReplaceFiles, run=staging.replace, verify=staging.is_replaced, stoppable=False
    ),
    Handler(model=wire.DiscardStaging, run=staging.discard, verify=staging.is_discarded),
    Handler(
        model=wire.RestoreBackup, run=backup.restore, verify=backup.is_restored, stoppable=False
    ),
    Handler(model=wire.StopService, run=service.stop, verify=service.is_stopped, stoppable=False),
    Handler(model=wire.StartService, run=service.start, verify=service.is_started, stoppable=False),
    Handler(model=wire.ServiceStatus, run=service.status, verify=without_effect),
    Handler(model=wire.MarkLog, run=log.mark, verify=without_effect),
    Handler(model=wire.ScanLog, run=log.scan, verify=without_effect),
    Handler(model=wire.AwaitHealth, run=health.await_health, verify=without_effect),
    Handler(model=wire.WatchNode, run=health.watch, verify=without_effect),
    Handler(model=checks.InspectSecurity, run=security.inspect, verify=without_effect),
    Handler(model=checks.RecordBaseline, run=integrity.record, verify=integrity.is_recorded),
    Handler(model=checks.CompareBaseline, run=integrity.compare, verify=without_effect),
    Handler(model=checks.ReadCertificates, run=certificates.read, verify=without_effect),
    Handler(model=checks.ReadCrontab, run=cron_health.read, verify=without_effect),
    Handler(model=checks.PreviewCron, run=cron_registration.preview, verify=without_effect),
    Handler(
        model=checks.RegisterCron,
        run=cron_registration.register,
        verify=cron_registration.is_registered,
        stoppable=False,
    ),
    Handler(
        model=checks.RunScript,
        run=scripts.run_script,
        verify=scripts.has_run,
        stoppable=scripts.may_stop,
    ),
    Handler(model=checks.CheckNode, run=node_check.check_node, verify=without_effect),
    Handler(model=checks.CheckLayer, run=node_check.check_layer, verify=without_effect),
    Handler(model=checks.ReadResources, run=resources.read_resources, verify=without_effect),
    Handler(model=checks.ReadDisks, run=filesystems.read_disks, verify=without_effect),
    Handler(model=checks.ListSessions, run=sessions.list_sessions, verify=without_effect),
    # The signal may be on its way: cut off, the look at the end would be missing.
    Handler(
        model=checks.EndSession,
        run=sessions.end_session,
        verify=sessions.is_ended,
        stoppable=False,
    ),
    Handler(model=checks.ReadDatabase, run=databases.read, verify=without_effect),
    Handler(model=checks.EndBackend, run=databases.end, verify=databases.is_ended, stoppable=False),
    Handler(model=checks.DumpDatabase, run=dumps.dump, verify=dumps.is_dumped),
    Handler(model=checks.ReadQuality, run=interfaces.read_quality, verify=without_effect),
    Handler(model=checks.ReadTransactions, run=interfaces.read_transactions, verify=without_effect),
    Handler(model=checks.ReadChannels, run=channels.read, verify=without_effect),
    Handler(model=checks.SearchLog, run=log_search.search, verify=without_effect),
    Handler(model=checks.ListStale, run=stale.list_stale, verify=without_effect),
    Handler(
        model=checks.ClearStale,
        run=clearing.clear_stale,
        verify=clearing.is_cleared,
        stoppable=False,
    ),
    Handler(
        model=checks.HealDisk, run=healing.heal_disk, verify=healing.is_healed, stoppable=False
    ),
)
_BY_MODEL = {handler.model: handler for handler in HANDLERS}


def handler_of(operation: WireModel) -> Handler[Any]:
    """The handler of an operation; there is one for each (a test says so)."""
    return _BY_MODEL[type(operation)]
