"""What a place implies: a thread its last job, a channel its system.

Owns: completing an intent that leaves its system entirely open from where it was said. What
the words name is never overruled, and nobody is led to a system that they may not see. The plan
names every node all the same.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import SystemEntry
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.engine.services import Services


class Surroundings:
    """Reads the place of a message."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def complete(self, intent: Intent, thread: ConversationRef, actor: Actor) -> Intent:
        """The intent with what its place implies; unchanged where its words say it."""
        selector = intent.selector
        if not intent.open_target or selector.institution or selector.system:
            return intent
        job = await self._services.stores.history.latest_job(thread)
        if job is not None and actor.may_see(job.plan.institution):
            return await self._after(job, intent)
        system = await self._services.inventory.system_of(thread)
        if system is not None and actor.may_see(system.institution):
            return _aimed(intent, _at(selector, system))
        return intent

    async def _after(self, job: Job, intent: Intent) -> Intent:
        """In the thread of a job its servers are meant, unless the words name others."""
        selector = replace(
            intent.selector, institution=job.plan.institution, system=job.plan.system
        )
        if intent.action == "rollback" and job.plan.action == "deploy":
            intent = replace(intent, params={"deployment": job.job_id, **intent.params})
        nodes = await self._services.inventory.nodes(job.plan.node_names)
        environments = {node.entry.env for node in nodes}
        layers = {node.entry.layer for node in nodes}
        if len(environments) == len(layers) == 1:
            env, layer = environments.pop(), layers.pop()
            if not (selector.env or selector.layer or selector.nodes):
                numbers = tuple(node.entry.number for node in nodes)
                selector = replace(selector, env=env, layer=layer, nodes=numbers)
            # A server that the words name is one of the thread's environment.
            selector = replace(selector, env=selector.env or env)
            if selector.nodes and selector.layer is None:
                selector = replace(selector, layer=layer)
        return _aimed(intent, selector)


def _at(selector: Selector, system: SystemEntry) -> Selector:
    return replace(selector, institution=system.institution, system=system.name)


def _aimed(intent: Intent, selector: Selector) -> Intent:
    """With that selector; what it now gives is no longer missing."""
    given = {
        "institution": selector.institution,
        "system": selector.system,
        "layer": selector.layer,
        "env": selector.env,
        "nodes": selector.nodes,
    }
    missing = tuple(slot for slot in intent.missing if not given.get(slot))
    return replace(intent, selector=selector, missing=missing)
