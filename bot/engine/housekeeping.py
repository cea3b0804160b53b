"""The workflows' own database between two lives of the bot.

Owns: how long ended workflows are kept there, and what becomes of those that an older version of
the bot has begun. Knows nothing of what a workflow does but this: each of its steps may be done
twice, and what was done is in the stores.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

log = structlog.get_logger(__name__)

KEEP = timedelta(days=30)
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_ACTIVE = ["PENDING", "ENQUEUED", "DELAYED"]
_PORTION = 200
_PORTIONS = 50  # a launch is not held up for ever; the next one goes on

Workflow = Callable[..., Coroutine[Any, Any, Any]]


async def forget_ended(*, keep: timedelta = KEEP) -> int:
    """Delete workflows that ended longer ago than that, and say how many. What waits or runs is
    never touched, however old it is."""
    before = (datetime.now(UTC) - keep).isoformat()
    forgotten = 0
    for _ in range(_PORTIONS):
        ended = await DBOS.list_workflows_async(
            status=_ENDED,
            completed_before=before,
            limit=_PORTION,
            load_input=False,
            load_output=False,
        )
        if not ended:
            break
        await DBOS.delete_workflows_async([each.workflow_id for each in ended])
        forgotten += len(ended)
    if forgotten:
        log.info("workflows_forgotten", count=forgotten)
    return forgotten


async def begin_anew(workflows: Mapping[str, Workflow]) -> int:
    """Start again, from their beginning and under their own ids, the workflows that another
    version of this replica has left: their records do not fit this version's steps.

    An approval may wait for days and a run for its time, so that an upgrade in between is
    ordinary. Steps that were done answer from the stores: nothing is run a second time.
    """
    left = await DBOS.list_workflows_async(status=_ACTIVE, load_output=False)
    anew = 0
    for each in left:
        strange = each.app_version not in (None, DBOS.application_version)
        workflow = workflows.get(each.name)
        if not strange or workflow is None or each.executor_id not in (None, DBOS.executor_id):
            continue
        arguments = each.input["args"] if each.input else ()
        await DBOS.delete_workflow_async(each.workflow_id)
        with SetWorkflowID(each.workflow_id):
            if each.queue_name and each.queue_partition_key:
                with SetEnqueueOptions(queue_partition_key=each.queue_partition_key):
                    await DBOS.enqueue_workflow_async(each.queue_name, workflow, *arguments)
            else:
                await DBOS.start_workflow_async(workflow, *arguments)
        anew += 1
    if anew:
        log.warning("workflows_begun_anew", count=anew)
    return anew
