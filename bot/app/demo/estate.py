"""The demo estate as a process of its own: ``python -m bot.app.demo.estate --dir D``.

Owns: bringing the live nodes up in order, saying when they are ready (``D/estate.json``), and
taking them down at SIGTERM. Knows nothing of bot or agent: killing those does not touch it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.wire.plan import KeyLogin, PasswordLogin
from bot.app.demo.cmdb_folder import write_cmdb_folder
from bot.app.demo.login import ForgottenLogin
from bot.app.demo.node_folder import prepare_application, prepare_balancer
from bot.app.demo.nodes import BALANCED, BALANCER, LOOPBACK, LiveNode, NodeLayout, live_layouts
from bot.app.demo.packages import write_packages
from bot.app.demo.ports import PortBook
from bot.app.demo.repository import repository_of
from bot.app.demo.ssh_server import NodeIdentity, NodeServer, load_identity, serve_node
from bot.app.folder_lock import FolderBusyError, FolderLock

_log = logging.getLogger("estate")
_READY_S = 60.0
_SCRIPT_S = 60.0


class Estate:
    """All live nodes below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.facts = self.folder / "estate.json"
        self._identities: dict[str, NodeIdentity] = {}
        self._acceptors: list[NodeServer] = []
        self._repository: str | None = None
        self._login: ForgottenLogin | None = None
        self.nodes: tuple[LiveNode, ...] = ()

    async def start(self) -> None:
        """Prepare, listen, start every application, then tell that the estate is ready.

        Raises:
            OSError: a node's application does not listen.
        """
        self.facts.unlink(missing_ok=True)
        self._prepare()
        for node in self.nodes:
            identity = self._identities[node.node_id]
            self._acceptors.append(await serve_node(node.layout, identity, port=node.ssh_port))
        await asyncio.gather(*(_run(node.layout, node.layout.startup) for node in self.nodes))
        await asyncio.gather(*(_listening(node) for node in self.nodes))
        balanced = next(node for node in self.nodes if node.node_id in BALANCED)
        self._login = ForgottenLogin(balanced.layout)
        await self._login.open()
        self._publish()

    async def stop(self) -> None:
        """Close the servers, then stop the applications. A node that is already down stays so."""
        self.facts.unlink(missing_ok=True)
        for acceptor in self._acceptors:
            acceptor.close()
        if self._login is not None:
            await self._login.close()
        await asyncio.gather(
            *(
                _run(node.layout, node.layout.shutdown)
                for node in self.nodes
                if node.layout.shutdown.exists()
            )
        )

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        book = PortBook(self.folder / "ports.json")
        self.nodes = tuple(self._live(layout, book) for layout in live_layouts(self.folder))
        book.save()
        balanced = [node for node in self.nodes if node.node_id in BALANCED]
        for node in self.nodes:
            if node.node_id == BALANCER:
                prepare_balancer(node, balanced)
            else:
                prepare_application(node)
        write_packages(self.folder / "packages")
        logins: dict[str, PasswordLogin | KeyLogin] = {
            node_id: identity.login for node_id, identity in self._identities.items()
        }
        self._repository = repository_of(self.folder)
        write_cmdb_folder(self.folder / "cmdb", self.nodes, logins, repository=self._repository)

    def _live(self, layout: NodeLayout, book: PortBook) -> LiveNode:
        identity = load_identity(
            self.folder / "identities" / layout.node_id, by_key=layout.balances
        )
        self._identities[layout.node_id] = identity
        return LiveNode(
            layout=layout,
            ssh_port=book.take(f"{layout.node_id}.ssh"),
            # An application that a killed estate left running is ours and keeps its port.
            service_port=book.take(f"{layout.node_id}.service", keep=layout.pid_file.exists()),
            host_key=identity.fingerprint,
            tls_port=self._tls_port(layout, book),
        )

    @staticmethod
    def _tls_port(layout: NodeLayout, book: PortBook) -> int | None:
        if not layout.balances:
            return None
        return book.take(f"{layout.node_id}.tls", keep=layout.pid_file.exists())

    def _publish(self) -> None:
        balancer = next(node for node in self.nodes if node.node_id == BALANCER)
        facts = {
            "pid": os.getpid(),
            "balancer_url": f"http://{balancer.member}/",
            "packages": str(self.folder / "packages"),
            "cmdb": str(self.folder / "cmdb"),
            "repository": self._repository,
            "nodes": [_facts(node) for node in self.nodes],
        }
        draft = self.facts.with_suffix(".new")
        draft.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
        draft.replace(self.facts)


def _facts(node: LiveNode) -> dict[str, object]:
    layout = node.layout
    return {
        "node_id": node.node_id,
        "host": LOOPBACK,
        "ssh_port": node.ssh_port,
        "os_user": layout.os_user,
        "host_key": node.host_key,
        "folder": str(layout.folder),
        "deploy_path": str(layout.deploy_path),
        "service_home": str(layout.service_home),
        "service_port": node.service_port,
        "url": f"http://{node.member}/",
        "log_path": str(layout.log_path),
    }


async def _run(layout: NodeLayout, script: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        str(script),
        cwd=layout.folder,
        env=layout.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_SCRIPT_S):
        output, _ = await child.communicate()
    said = output.decode("utf-8", "replace").strip()
    _log.info("%s %s: %s (%s)", layout.node_id, script.name, said, child.returncode)


async def _listening(node: LiveNode) -> None:
    try:
        async with asyncio.timeout(_READY_S):
            while True:
                if await _answers(node.service_port):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise OSError(f"{node.node_id} does not listen; see {node.layout.log_path}") from error


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def _serve(folder: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    estate = Estate(folder)
    try:
        await estate.start()
        _log.info("ready: %s", estate.facts)
        await stop.wait()
    finally:
        await estate.stop()
        _log.info("stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bot.app.demo.estate")
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    folder: Path = options.dir
    try:
        with FolderLock(folder / "estate.lock"):
            asyncio.run(_serve(folder))
    except FolderBusyError:
        sys.stderr.write(f"an estate already runs on {folder}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
