"""The balancer: its nginx command, and nobody noticing a rolling restart."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from tests.integration.demo.running import PATIENCE_S, RunningEstate, ask, until_status

WEB = "prod-web01"


class Poller:
    """Asks the balancer without a pause and counts the answers that were not 200."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.asked = 0
        self.failed: list[int] = []

    async def run(self) -> None:
        while True:
            status, _ = await ask(self._url)
            self.asked += 1
            if status != 200:
                self.failed.append(status)


def upstream(estate: RunningEstate, *, down: str | None) -> str:
    members = (estate.node(f"prod-was0{n}").target for n in (1, 2))
    rows = (
        f"server 127.0.0.1:{m.service.port}{' down' if m.node_id == down else ''};" for m in members
    )
    return f"upstream budget_was {{ {' '.join(rows)} }}"


async def switch(estate: RunningEstate, *, down: str | None) -> None:
    home = estate.node(WEB).target.service.home
    done = await estate.run(
        WEB,
        f"printf '%s\\n' '{upstream(estate, down=down)}' > {home}/conf/upstream.conf"
        f" && {home}/sbin/nginx -t && {home}/sbin/nginx -s reload",
    )
    assert done.exit_status == 0, done.stderr


async def nodes_answering(estate: RunningEstate) -> set[str]:
    answers = [await ask(f"{estate.url(WEB)}/api/version") for _ in range(8)]
    return {json.loads(body)["node"] for _, body in answers}


async def comes_to_answer(estate: RunningEstate, nodes: set[str]) -> bool:
    """Whether these, and no others, answer in the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while await nodes_answering(estate) != nodes:
                await asyncio.sleep(0.05)
            return True
    return False


async def test_takes_turns_and_leaves_out_the_drained_member(estate: RunningEstate) -> None:
    both = {"moef-budget-prod-was01", "moef-budget-prod-was02"}
    assert await comes_to_answer(estate, both)
    await switch(estate, down="moef-budget-prod-was01")
    assert await comes_to_answer(estate, {"moef-budget-prod-was02"})
    await switch(estate, down=None)
    assert await comes_to_answer(estate, both)


async def test_no_request_fails_while_both_members_restart_in_turn(estate: RunningEstate) -> None:
    poller = Poller(f"{estate.url(WEB)}/api/version")
    polling = [asyncio.ensure_future(poller.run()) for _ in range(2)]
    for node_id in ("prod-was01", "prod-was02"):
        target = estate.node(node_id).target
        await switch(estate, down=target.node_id)
        for script in ("shutdown.sh", "startup.sh"):
            done = await estate.run(node_id, f"{target.service.home}/bin/{script}")
            assert done.exit_status == 0
        await until_status(f"{estate.url(node_id)}/actuator/health", 200)
        await switch(estate, down=None)
    for task in polling:
        task.cancel()
    await asyncio.gather(*polling, return_exceptions=True)
    assert poller.failed == []
    assert poller.asked > 10


async def test_a_member_that_stops_undrained_is_stepped_over(estate: RunningEstate) -> None:
    target = estate.node("prod-was01").target
    await estate.run("prod-was01", f"{target.service.home}/bin/shutdown.sh")
    assert [(await ask(f"{estate.url(WEB)}/"))[0] for _ in range(6)] == [200] * 6
    other = estate.node("prod-was02").target
    await estate.run("prod-was02", f"{other.service.home}/bin/shutdown.sh")
    assert (await ask(f"{estate.url(WEB)}/"))[0] == 502


async def test_the_check_names_the_line_and_a_broken_file_is_never_loaded(
    estate: RunningEstate,
) -> None:
    home = estate.node(WEB).target.service.home
    conf = Path(home, "conf/upstream.conf")
    good = await estate.run(WEB, f"{home}/sbin/nginx -t")
    assert good.exit_status == 0
    assert "test is successful" in str(good.stderr)
    conf.write_text("upstream budget_was {\n    server 127.0.0.1:1\n}\n")
    bad = await estate.run(WEB, f"{home}/sbin/nginx -t")
    assert bad.exit_status == 1
    assert f"{conf}:3" in str(bad.stderr)
    assert "test failed" in str(bad.stderr)
    assert (await estate.run(WEB, f"{home}/sbin/nginx -s reload")).exit_status == 1
    assert (await ask(f"{estate.url(WEB)}/"))[0] == 200


async def test_the_web_nodes_own_scripts_stop_and_start_it(estate: RunningEstate) -> None:
    home = estate.node(WEB).target.service.home
    assert (await estate.run(WEB, f"{home}/bin/shutdown.sh")).exit_status == 0
    assert await ask(f"{estate.url(WEB)}/") == (0, "")
    assert (await estate.run(WEB, f"{home}/bin/startup.sh")).exit_status == 0
    assert (await ask(f"{estate.url(WEB)}/"))[0] == 200
