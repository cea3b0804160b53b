"""Policy's rows.

Owns: how rules are stored, and the ones that a new site starts with. What they mean is policy's.
"""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.core.domain.decision import Effect, Rule, Stage
from bot.core.domain.estate import Environment
from bot.core.domain.people import Role
from bot.core.domain.plan import Risk
from cmdb.models import RuleRow
from cmdb.rows import upsert
from cmdb.serial import RULE

DEPLOYMENT = ("deploy", "rollback")
OPERATORS = (Role.OPERATOR, Role.PART_LEADER)
BELOW_PROD = (Environment.STAGE.value, Environment.DEV.value)
ONE_LEADER = (Stage(roles=(Role.PART_LEADER, Role.PM), quorum=1),)

# Every rule names its roles: one without would let anybody ask for what it has approved.
DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        rule_id="read",
        effect=Effect.PERMIT,
        roles=tuple(Role),
        risks=(Risk.READ.value,),
    ),
    Rule(
        rule_id="developer-deploy",
        effect=Effect.PERMIT,
        roles=(Role.DEVELOPER,),
        actions=DEPLOYMENT,
        risks=(Risk.CHANGE.value,),
        environments=BELOW_PROD,
    ),
    Rule(
        rule_id="developer-deploy-prod",
        effect=Effect.APPROVE,
        roles=(Role.DEVELOPER,),
        actions=DEPLOYMENT,
        risks=(Risk.CHANGE.value,),
        environments=(Environment.PROD.value,),
        stages=ONE_LEADER,
    ),
    Rule(
        rule_id="developer-deploy-danger",
        effect=Effect.APPROVE,
        roles=(Role.DEVELOPER,),
        actions=DEPLOYMENT,
        risks=(Risk.DANGER.value,),
        stages=ONE_LEADER,
    ),
    Rule(
        rule_id="operator-change",
        effect=Effect.PERMIT,
        roles=OPERATORS,
        risks=(Risk.CHANGE.value,),
        environments=BELOW_PROD,
    ),
    Rule(
        rule_id="operator-change-prod",
        effect=Effect.APPROVE,
        roles=OPERATORS,
        risks=(Risk.CHANGE.value,),
        environments=(Environment.PROD.value,),
        stages=ONE_LEADER,
    ),
    Rule(
        rule_id="operator-danger",
        effect=Effect.APPROVE,
        roles=OPERATORS,
        risks=(Risk.DANGER.value,),
        stages=ONE_LEADER,
    ),
    Rule(
        rule_id="pm-bot",
        effect=Effect.PERMIT,
        roles=(Role.PM,),
        risks=(Risk.BOT.value,),
    ),
)


async def load_rules(session: AsyncSession) -> tuple[Rule, ...]:
    """All rules, most specific first."""
    rows = await session.scalars(select(RuleRow).order_by(col(RuleRow.rule_id)))
    return tuple(sorted((RULE.load(row.rule) for row in rows), key=_breadth))


async def put_rules(session: AsyncSession, rules: tuple[Rule, ...]) -> None:
    """Insert or replace these rules."""
    rows = [
        RuleRow(rule_id=rule.rule_id, effect=rule.effect.value, rule=RULE.dump(rule))
        for rule in rules
    ]
    await upsert(session, rows, by=("rule_id",))


async def seed_rules(session: AsyncSession) -> int:
    """The default rules, where a site has none at all. Returns how many were put."""
    if await session.scalar(select(func.count()).select_from(RuleRow)):
        return 0
    await put_rules(session, DEFAULT_RULES)
    return len(DEFAULT_RULES)


def _breadth(rule: Rule) -> int:
    """How many of its conditions are open: the fewer, the more specific."""
    conditions = (rule.roles, rule.actions, rule.risks, rule.institutions, rule.environments)
    return sum(not condition for condition in conditions)
