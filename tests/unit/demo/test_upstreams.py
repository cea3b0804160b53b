"""What the demo's balancer accepts as nginx configuration, and how it says no."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.demo.upstreams import NginxSyntaxError, read_configuration

CONF = """\
events { worker_connections 10; }
http {
    include upstream.conf;
    server { listen 127.0.0.1:8080; location / { proxy_pass http://budget_was; } }
}
"""


def configuration(folder: Path, upstream: str) -> Path:
    (folder / "nginx.conf").write_text(CONF)
    (folder / "upstream.conf").write_text(upstream)
    return folder / "nginx.conf"


def test_leaves_out_members_that_are_down(tmp_path: Path) -> None:
    text = "upstream budget_was { # two\n server 127.0.0.1:1; server 127.0.0.1:2 weight=2 down; }"
    read = read_configuration(configuration(tmp_path, text))
    assert (read.host, read.port) == ("127.0.0.1", 8080)
    assert [member.address for member in read.members] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert [member.address for member in read.live] == ["127.0.0.1:1"]


def test_accepts_an_upstream_whose_members_are_all_down(tmp_path: Path) -> None:
    text = "upstream budget_was { server 127.0.0.1:1 down; }"
    assert read_configuration(configuration(tmp_path, text)).live == ()


@pytest.mark.parametrize(
    ("upstream", "says"),
    [
        ("upstream budget_was {\n server 127.0.0.1:1\n}", 'unexpected "}" in FILE:3'),
        ("upstream budget_was {\n server 127.0.0.1:1;\n", "unexpected end of file"),
        ("upstream budget_was {\n server 127.0.0.1:1;\n}\n}", 'unexpected "}" in FILE:4'),
        ("upstream budget_was {\n sever 127.0.0.1:1;\n}", 'unknown directive "sever" in FILE:2'),
        ("upstream budget_was {\n server 127.0.0.1:1 dwon;\n}", 'invalid parameter "dwon"'),
        ("upstream budget_was {\n server 127.0.0.1:99999;\n}", "invalid port in upstream"),
        ("upstream budget_was {\n server;\n}", 'arguments in "server" directive in FILE:2'),
        ("upstream budget_was {\n}", "no servers are inside upstream in FILE:1"),
        ("upstream other { server 127.0.0.1:1; }", 'host not found in upstream "budget_was"'),
        ("{ }", 'unexpected "{" in FILE:1'),
        (";", 'unexpected ";" in FILE:1'),
        ("upstream { server 127.0.0.1:1; }", 'arguments in "upstream" directive'),
        ('upstream budget_was { server "127.0.0.1:1; }', "unexpected"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path: Path, upstream: str, says: str) -> None:
    conf = configuration(tmp_path, upstream)
    with pytest.raises(NginxSyntaxError) as raised:
        read_configuration(conf)
    assert says.replace("FILE", str(tmp_path / "upstream.conf")) in str(raised.value)
