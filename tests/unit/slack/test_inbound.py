"""Slack's text as people typed it; and no payload, whatever is in it, is more than nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.inbound import Bot, Heard, Said, clean_text, read

BOT = Bot(user_id="U0BOT", bot_id="B0BOT", team_id="T1")

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


def test_a_person_of_a_shared_channel_is_their_own_workspaces() -> None:
    event = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "1.000001", "text": "x"}
    body = {"type": "event_callback", "team_id": "T1", "event": event | {"user_team": "T2"}}
    said = read(body, BOT)
    assert said is not None
    assert said.sender.tenant == "T2"


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
