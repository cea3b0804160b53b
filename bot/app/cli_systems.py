"""The commands about one system: freeze, window, rollout, limits, repository, profile.

Owns: their arguments. What they do is in ``bot.app.commands``.
"""

from __future__ import annotations

import argparse
from datetime import datetime

from bot.app.cli_arguments import Groups, add_command, add_group, instant
from bot.app.commands import freezes, systems
from bot.app.commands.limits import LimitOrder, change_limits
from bot.app.commands.profiles import show_profile
from bot.app.settings import GuardiaSettings
from bot.app.wiring import SystemClock
from bot.core.domain.estate import Environment
from bot.core.domain.limits import LIMIT_NAMES
from bot.engine.naming import SEOUL

_CLOCK = SystemClock()


def add_system_commands(groups: Groups[argparse.ArgumentParser]) -> None:
    """Declare them."""
    _add_freezes(add_group(groups, "freeze", "times in which nothing new is deployed"))
    _add_windows(add_group(groups, "window", "weekly times in which a system is deployed to"))
    rollout = add_command(groups, "rollout", _rollout, "in which portions nodes are changed")
    rollout.add_argument("code", metavar="CODE")
    rollout.add_argument("--canary", type=int, metavar="N", help="nodes that go first")
    rollout.add_argument("--batch", type=int, metavar="N", help="nodes at a time after them")
    rollout.add_argument("--settle", type=int, metavar="S", help="seconds for open requests")
    _add_limits(groups)
    _add_repositories(add_group(groups, "repository", "git repositories of systems"))
    profiles = add_group(groups, "profile", "what checks may touch on a node: show")
    profile = add_command(profiles, "show", _profile_show, "say it as profiles.toml does")
    profile.add_argument("node", metavar="NODE")


def _add_freezes(group: Groups[argparse.ArgumentParser]) -> None:
    add = add_command(group, "add", _freeze_add, "declare one")
    scope = add.add_mutually_exclusive_group(required=True)
    scope.add_argument("--system", metavar="CODE")
    scope.add_argument("--institution", metavar="NAME")
    add.add_argument("--from", dest="start", type=instant, metavar="TIME", help="default: now")
    add.add_argument("--until", type=instant, metavar="TIME", required=True)
    add.add_argument("--why", metavar="TEXT", required=True)
    add.add_argument("--by", metavar="PERSON", required=True, help="who declares it")
    _add_environments(add)
    add_command(group, "list", _freeze_list, "those that have not ended")
    lift = add_command(group, "lift", _freeze_lift, "end one now")
    lift.add_argument("id", metavar="ID")
    lift.add_argument("--by", metavar="PERSON", required=True, help="who lifts it")


def _add_windows(group: Groups[argparse.ArgumentParser]) -> None:
    setting = add_command(group, "set", _window_set, "replace a system's windows")
    setting.add_argument("code", metavar="CODE")
    setting.add_argument("words", nargs="+", metavar="WINDOW", help="'월-금 22:00-06:00'")
    _add_environments(setting)
    show = add_command(group, "show", _window_show, "say them")
    show.add_argument("code", metavar="CODE")
    clear = add_command(group, "clear", _window_clear, "any time from now on")
    clear.add_argument("code", metavar="CODE")


def _add_repositories(group: Groups[argparse.ArgumentParser]) -> None:
    setting = add_command(group, "set", _repository_set, "deploy a system from a repository")
    setting.add_argument("code", metavar="CODE")
    setting.add_argument("url", metavar="URL")
    setting.add_argument("--folder", default="", metavar="PATH", help="default: all of it")
    clear = add_command(group, "clear", _repository_clear, "from dropped files only")
    clear.add_argument("code", metavar="CODE")
    check = add_command(group, "check", _repository_check, "can it be read?")
    check.add_argument("code", metavar="CODE")
    check.add_argument("ref", nargs="?", metavar="REF")


def _add_limits(groups: Groups[argparse.ArgumentParser]) -> None:
    limits = add_command(groups, "limits", _limits, "from which value on a reading is bad")
    limits.add_argument("code", metavar="CODE")
    limits.add_argument("--node", default="", metavar="ID", help="default: the whole system")
    for name in LIMIT_NAMES:
        metavar = "MINUTES" if name == "stuck_minutes" else "WARNING/CRITICAL"
        limits.add_argument(f"--{name.replace('_', '-')}", metavar=metavar)
    limits.add_argument("--clear", action="store_true", help="forget what has been set there")


def _add_environments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env",
        action="append",
        choices=[env.value for env in Environment],
        help="may be given several times; default: prod",
    )


def _environments(parsed: argparse.Namespace) -> tuple[Environment, ...]:
    return tuple(Environment(env) for env in dict.fromkeys(parsed.env or ["prod"]))


# --- what each calls -------------------------------------------------------------------------


async def _freeze_add(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    order = freezes.Order(
        start=parsed.start or datetime.now(SEOUL),
        until=parsed.until,
        why=parsed.why,
        by=parsed.by,
        system=parsed.system,
        institution=parsed.institution,
        environments=_environments(parsed),
    )
    return _said(*await freezes.add_freeze(settings, _CLOCK, order))


async def _freeze_list(_: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(*await freezes.list_freezes(settings, _CLOCK))


async def _freeze_lift(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await freezes.lift_freeze(settings, _CLOCK, parsed.id, by=parsed.by))


async def _window_set(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    environments = _environments(parsed)
    return _said(
        await systems.set_windows(
            settings, _CLOCK, parsed.code, words=parsed.words, environments=environments
        )
    )


async def _window_show(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await systems.show_windows(settings, _CLOCK, parsed.code))


async def _window_clear(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await systems.clear_windows(settings, _CLOCK, parsed.code))


async def _rollout(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    change = systems.RolloutChange(canary=parsed.canary, batch=parsed.batch, settle_s=parsed.settle)
    return _said(await systems.change_rollout(settings, _CLOCK, parsed.code, change))


async def _limits(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    given = {name: getattr(parsed, name) for name in LIMIT_NAMES}
    order = LimitOrder(
        code=parsed.code,
        node=parsed.node,
        words={name: word for name, word in given.items() if word is not None},
        clear=parsed.clear,
    )
    return _said(await change_limits(settings, _CLOCK, order))


async def _repository_set(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(
        await systems.set_repository(
            settings, _CLOCK, parsed.code, url=parsed.url, folder=parsed.folder
        )
    )


async def _repository_clear(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await systems.clear_repository(settings, _CLOCK, parsed.code))


async def _repository_check(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await systems.check_repository(settings, parsed.code, parsed.ref))


async def _profile_show(parsed: argparse.Namespace, settings: GuardiaSettings) -> int:
    return _said(await show_profile(settings, parsed.node))


def _said(*lines: str) -> int:
    for line in lines:
        print(line)  # noqa: T201 - what a command line is for
    return 0
