"""Slack's text as people typed it; and no payload, whatever is in it, is more than nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.inbound import Bot, Heard, Said, clean_text, read

BOT = Bot(user_id="U0BOT", bot_id="B0BOT", team_id="T1", enterprise_id="E1")

json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    *("type", "event", "user", "channel", "ts", "text", "files", "subtype", "thread_ts", "team"),
    *("actions", "container", "message", "command", "user_id", "channel_id", "trigger_id"),
    *("action_id", "action_ts", "value", "message_ts", "id", "bot_id", "edited"),
)
rows = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=10)


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("<@U0BOT> 재기동해줘", "재기동해줘"),
        ("<@U0BOT|guardia> 재기동", "재기동"),
        ("<@U0BOT>야, 재기동", "재기동"),
        ("<@U0BOT>님 재기동", "재기동"),
        ("<@U0BOT>재기동", "재기동"),
        ("재기동 부탁해 <@U0BOT>", "재기동 부탁해"),
        ("<@U0BOT> <@U1|kim> 승인?", "@kim 승인?"),
        ("<@U0BOT> <@U1> 승인?", "@U1 승인?"),
        ("<#C1|운영> 대화방", "#운영 대화방"),
        ("<!here> <!subteam^S1|@sm> <!date^1^{date}|어제>", "@here @sm 어제"),
        ("<http://a.go.kr/?a=1&amp;b=2>", "http://a.go.kr/?a=1&b=2"),
        ("<http://a.go.kr|a.go.kr> <mailto:a@b.kr|a@b.kr>", "a.go.kr a@b.kr"),
        ("<https://evil.example|https://gov.kr>", "https://evil.example"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&lt;@U0BOT&gt; 재기동", "<@U0BOT> 재기동"),
        ("예\r\n산\x00\u0007", "예\n산"),
        ("예산", "예산"),  # as macOS types it
    ],
)
def test_text_is_what_the_person_typed(typed: str, read_as: str) -> None:
    assert clean_text(typed, BOT.user_id) == read_as


def test_words_that_only_look_like_a_call_are_none() -> None:
    event = {"type": "message", "user": "U1", "channel": "C1", "ts": "1.000001"}
    body = {"type": "event_callback", "event": event | {"text": "&lt;@U0BOT&gt; 재기동"}}
    said = read(body, BOT)
    assert isinstance(said, Said)
    assert not said.addressed


@pytest.mark.parametrize(
    ("outer", "inner", "tenant", "foreign"),
    [
        ({}, {}, "T1", False),  # as Slack's own examples have it: the event names no workspace
        ({}, {"team": "T1"}, "T1", False),
        ({}, {"team": "E1"}, "E1", False),
        ({}, {"team": "T2"}, "T2", True),
        ({}, {"team": "T1", "user_team": "T2"}, "T2", True),
        ({"is_ext_shared_channel": True}, {"team": "T1"}, "T1", False),
        ({"is_ext_shared_channel": True}, {"team": "T1", "user_team": "T2"}, "T2", True),
        # The outer id is the workspace that has opened the channel, whoever speaks.
        ({"is_ext_shared_channel": True}, {}, "T1", True),
        ({"is_ext_shared_channel": True, "team_id": "T2"}, {"team": "T1"}, "T1", False),
    ],
)
def test_a_person_of_a_shared_channel_is_their_own_workspaces(
    outer: dict[str, object], inner: dict[str, object], tenant: str, foreign: bool
) -> None:
    event = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "1.000001", "text": "x"}
    body = {"type": "event_callback", "team_id": "T1", "event": event | inner} | outer
    said = read(body, BOT)
    assert said is not None
    assert (said.sender.tenant, said.sender.foreign) == (tenant, foreign)


def test_who_presses_or_commands_from_elsewhere_is_foreign_too() -> None:
    action = {"action_id": "g.0.approve", "action_ts": "1.000001", "value": "v"}
    press = {
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": "U1", "team_id": "T2"},
        "container": {"channel_id": "C1", "message_ts": "1.000001"},
        "actions": [action],
    }
    command = {"command": "/sm", "channel_id": "C1", "user_id": "U1", "trigger_id": "1"}
    for body, foreign in (
        (press, True),
        (press | {"user": {"id": "U1", "team_id": "T1"}}, False),
        (command | {"team_id": "T2"}, True),
        (command | {"team_id": "T1"}, False),
    ):
        heard = read(body, BOT)
        assert heard is not None
        assert heard.sender.foreign == foreign


def test_a_reply_that_is_shown_in_the_channel_as_well_stays_in_its_thread() -> None:
    """https://docs.slack.dev/reference/events/message/thread_broadcast, shortened."""
    root = {"type": "message", "user": "U1", "text": "첫 글", "ts": "1673464730.703009"}
    event = {
        "type": "message",
        "subtype": "thread_broadcast",
        "text": "운영이요",
        "user": "U1",
        "ts": "1673464745.620769",
        "thread_ts": "1673464730.703009",
        "root": root,
        "channel": "C1",
    }
    said = read({"type": "event_callback", "team_id": "T1", "event": event}, BOT)
    assert isinstance(said, Said)
    assert (said.conversation.thread, said.text) == ("1673464730.703009", "운영이요")


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["event_callback", "block_actions", "other"]),
    body=rows,
    event=rows | json_values,
    action=rows | json_values,
)
def test_no_payload_is_an_error(
    kind: str, body: dict[str, object], event: object, action: object
) -> None:
    heard = read({**body, "type": kind, "event": event, "actions": [action]}, BOT)
    assert heard is None or isinstance(heard, Heard)
