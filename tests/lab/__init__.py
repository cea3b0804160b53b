"""The laboratory: real parts as scratch instances on loopback, for tests and for trying by hand.

    make lab                                       # prints where everything listens, until Ctrl+C
    from tests.lab.fixtures import lab, module_lab  # in a conftest; needs deploy/system-packages.sh
    with Lab() as lab: ...                         # anywhere else

Everything lives in one folder (``lab.root``), runs as one ordinary account (``lab.account``:
``guardia-lab`` when this process is root, else its own user), and is gone at the end, also after
a failure: parts are stopped, and every process that carries the lab's mark in its environment
(what was started over its sshds does, too) is killed. All of it is synchronous; a start takes
milliseconds, but for Tomcat (1-3 s). ``Unavailable`` says what a machine cannot offer; raised in
a test or fixture, it skips.

Nodes, which most tests want::

    fleet = lab.nodes(4)                  # was01..was04 at 127.0.1.11.. (light services), web01
    fleet = lab.tomcat_nodes(2)           # tom01, tom02 at 127.0.1.201.., web02: real Tomcats
    fleet.nodes, fleet.web, fleet.nginx, fleet.all_nodes, fleet.accesses()
    lab.nodes(2, options=SshdOptions(...), web=False, prefix="old")   # other servers behind
    node.access(), node.target()          # NodeAccess, NodeTarget; field=value changes one,
    node.access(port=cut.port, charset="cp949", login=node.sshd.password_login)
    lab.ftp_node()                        # FtpNode: .ftp .service .access() .target() .digests()
    node.digests()                        # {path: sha256} below deploy_path, from the disk
    node.member                           # "host:port" as in the upstream file
    node.sshd, node.service, node.deploy_path, node.backup_path, node.balancer

Parts (each ``lab.<part>()`` starts it; ``start``/``stop`` by hand as well)::

    sshd = lab.sshd(name, host="127.0.1.1", options=SshdOptions(
        host_keys=("ed25519", "rsa"),     # also "ecdsa"
        logins=("key",),                  # "password", "keyboard-interactive": root only
        legacy="",                        # "rsa", "dss": SHA-1 and CBC only (legacy_host_keys())
        sftp_only=False, without=("tar",), clock_offset_s=-600, log_level="VERBOSE", lines=()))
    sshd.host .port .user .host_key .host_keys[kind] .key_login .password_login .log .command
    sshd.restart(new_host_keys=True) .freeze() .thaw() .stop() .start()

    cut = lab.cut(sshd)                   # TcpCut at sshd.host:cut.port; also before a Vsftpd
    cut.cut_after(n, "up"|"down") .silent_after(n, direction) .cut_now() .restore()
    cut.passed["up"] .connections .cuts

    service = lab.service(name, host=...)  # .home .deploy_path .log .port .url .pid .spec
    service.deploy(application("2.0.0", mode="unhealthy"))   # by hand; modes: application()
    service.script("shutdown.sh") .get("/health") -> (status, body) .version -> "2.0.0" or ""

    tomcat = lab.tomcat(name)             # .webapps .home .log .version .script(...) .await_up()
    war("2.0.0", mode="ok"|"context-fails"|"init-fails") -> bytes; war_files(...) -> dict

    nginx = lab.nginx(("127.0.1.11:8080", ...))   # .balancer .upstream .upstream_file .url
    nginx.break_syntax() .write_upstream(extra="...")

    tls = lab.tls(); tls.add("long", issue("…", by=tls.intermediate, days=300), tls.intermediate)
    lab.add(tls)                          # nginx: .port["long"] .path("long"); .write(...) renews
    spool = lab.cron()                    # real crontab: SshdOptions(private=spool.private)
    spool.text .install("0 3 * * * …")    # no daemon runs; logs are written by tests
    SshdOptions(private=((lab.root / "x", "/var/log"),))  # root: a folder over the machine's own
    ftp = lab.vsftpd(jailed=True)         # .host .port .user .password .login .root (on disk)
    ftp.visible_root                      # "" or the real path: the prefix of clients' paths
    pg = lab.postgres(host="127.0.1.11")  # .spec() .login(role) .address(role) .psql(text) .pgpass
    broker = lab.broker()                 # .queues .spec() .login .asked: see tests/lab/broker.py
    repository = lab.git_repository()     # .url .path .commit(files, message, branch=, tag=)
    disk = lab.disk(size=4 << 20)         # tmpfs at .path; .free .fill(leave=bytes); root only
    lab.disk("was01/webapps", size=...)   # a folder of a node becomes small, contents kept
    with lab.load(url, connections=8, pause_ms=10) as load: ...   # then load.result.lost,
                                          # .requests .non_2xx .connect .read .write .timeout
    lab.leftovers()                       # files named *.guardia-* that an agent left anywhere

Without root: no other account (permission tests run as oneself), no password or interactive
login, no SmallDisk, and vsftpd takes anonymous logins and no jail. ``ssh-dss`` needs an OpenSSH
older than 9.8, such as Debian 12's.
"""

from tests.lab.account import Account, Unavailable
from tests.lab.broker import Broker
from tests.lab.cron import CronSpool
from tests.lab.cut import TcpCut
from tests.lab.disk import SmallDisk
from tests.lab.git import GitRepository
from tests.lab.lab import Lab
from tests.lab.load import Load, LoadResult
from tests.lab.nginx import Nginx
from tests.lab.nodes import Fleet, FtpNode, LabNode, digests_below
from tests.lab.postgres import Postgres
from tests.lab.service import Service, application
from tests.lab.sshd import Sshd, SshdOptions, legacy_host_keys
from tests.lab.tls import Issued, TlsNginx, issue
from tests.lab.tomcat import Tomcat
from tests.lab.vsftpd import Vsftpd
from tests.lab.war import war, war_files

__all__ = [
    "Account",
    "Broker",
    "CronSpool",
    "Fleet",
    "FtpNode",
    "GitRepository",
    "Issued",
    "Lab",
    "LabNode",
    "Load",
    "LoadResult",
    "Nginx",
    "Postgres",
    "Service",
    "SmallDisk",
    "Sshd",
    "SshdOptions",
    "TcpCut",
    "TlsNginx",
    "Tomcat",
    "Unavailable",
    "Vsftpd",
    "application",
    "digests_below",
    "issue",
    "legacy_host_keys",
    "war",
    "war_files",
]
