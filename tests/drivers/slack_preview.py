"""Look at the bot in Slack without Slack: a thread as Block Kit, drawn near to how Slack does.

``python -m tests.drivers.slack_preview [file.png]`` photographs a deployment's thread. What the
adapter really posts to the fake service is drawn; only the drawing is ours.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from adapters.slack.adapter import SlackAdapter
from bot.app.wiring import SystemClock
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.texts import load_texts
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.room_server import chromium_options
from tests.fakes.sample_reports import final_report, plan_report
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import SlackService
from tests.fakes.slack_workspace import BOT, CHANNEL, Message

_DOTS = {"🟡": "#e0a500", "🔵": "#1264a3", "🟢": "#007a5a", "🟠": "#de7a00", "🔴": "#e01e5a"}
_STYLE = """
body{margin:0;background:#fff;color:#1d1c1d;width:660px}
body{font:15px/1.46 'Noto Sans CJK KR',sans-serif}
main{padding:16px 20px}.m{display:flex;gap:8px;margin:0 0 18px}.a{flex:none;width:36px;height:36px;
border-radius:8px;background:#0b3d5c;color:#fff;text-align:center;line-height:36px;font-weight:700}
.a.p{background:#7a5c00}.n{font-weight:700}.n small{font-weight:400;color:#616061;margin-left:6px}
.b{margin:6px 0}h3{font-size:18px;margin:4px 0}.tag{font-size:10px;background:#ddd;padding:1px 4px;
border-radius:3px;margin-left:5px}pre{border:1px solid #ddd;background:#f8f8f8;border-radius:4px;
padding:8px;margin:4px 0;font:12px/1.5 'Noto Sans Mono CJK KR',monospace;white-space:pre-wrap}
code{border:1px solid #ddd;background:#f8f8f8;color:#c01343;border-radius:3px;padding:1px 3px;
font:12px monospace}.x{font-size:12px;color:#616061}button{font:700 14px inherit;background:#fff;
padding:5px 12px;border:1px solid #bbb;border-radius:4px;margin:0 8px 4px 0}
.primary{background:#007a5a;color:#fff;border-color:#007a5a}.danger{background:#e01e5a;color:#fff;
border-color:#e01e5a}.t{white-space:pre-wrap;overflow-wrap:anywhere}.w{min-width:0}
.u{background:#e8f5fa;color:#1264a3;border-radius:3px;padding:0 2px}
"""


async def photograph(file: Path) -> None:
    """A plan card that waits, and the report, in one thread."""
    async with SlackService() as slack, async_playwright() as playwright:
        adapter = SlackAdapter(
            settings_for(slack, "socket"),
            files=MemoryFileStore(),
            memory=MemoryMessengerMemory(),
            texts=load_texts("ko"),
            clock=SystemClock(),
        )
        asked = slack.say(
            "김개발", f"<@{BOT}> 기재부 예산시스템 운영 WAS 1, 2번에 반영해줘. SR-2026-0401"
        )
        thread = ConversationRef(adapter="slack", channel=CHANNEL, thread=asked.ts)
        await _say(adapter, [plan_report(), final_report()], thread)
        page = _page([m for m in slack.messages.values() if m.channel == CHANNEL])
        browser = await playwright.chromium.launch(**chromium_options())
        sheet = await browser.new_page(viewport={"width": 660, "height": 400})
        await sheet.set_content(page)
        await sheet.screenshot(path=file, full_page=True)
        await browser.close()


async def _say(adapter: SlackAdapter, reports: Sequence[Report], to: ConversationRef) -> None:
    for number, report in enumerate(reports):
        await adapter.post(report, to, key=f"preview-{number}")


def _page(messages: Sequence[Message]) -> str:
    inner = "".join(map(_message, messages))
    return f"<meta charset=utf-8><style>{_STYLE}</style><main>{inner}</main>"


def _message(message: Message) -> str:
    if message.user == BOT:
        name, mark, body = (
            "guardia<span class=tag>앱</span>",
            "<div class=a>G</div>",
            message.blocks,
        )
        inner = "".join(_block(block) for block in body)
    else:
        name, mark = escape(message.user), f"<div class='a p'>{escape(message.user[0])}</div>"
        words = escape(message.text).replace(f"&lt;@{BOT}&gt;", "<span class=u>@guardia</span>")
        inner = f"<div class=t>{words}</div>"
    return f"<div class=m>{mark}<div class=w><div class=n>{name}</div>{inner}</div></div>"


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{_dotted(escape(block['text']['text']))}</h3>"
        case "context":
            return "".join(f"<div class='b x'>{escape(e['text'])}</div>" for e in block["elements"])
        case "actions":
            return f"<div class=b>{''.join(map(_button, block['elements']))}</div>"
    return f"<div class=b>{''.join(map(_rich, block['elements']))}</div>"


def _dotted(words: str) -> str:
    """Slack brings its own emoji; this machine has no font with them."""
    for sign, colour in _DOTS.items():
        words = words.replace(sign, f"<span style='color:{colour}'>●</span>")
    return words


def _button(button: dict[str, Any]) -> str:
    return f"<button class='{button.get('style', '')}'>{escape(button['text']['text'])}</button>"


def _rich(element: dict[str, Any]) -> str:
    inner = "".join(map(_leaf, element["elements"]))
    tag = "pre" if element["type"] == "rich_text_preformatted" else "div class=t"
    return f"<{tag}>{inner}</{tag.split(maxsplit=1)[0]}>"


def _leaf(leaf: dict[str, Any]) -> str:
    words = escape(leaf.get("text", leaf.get("user_id", "")))
    if leaf["type"] == "link":
        return f"<a href='#'>{words}</a>"
    style = leaf.get("style", {})
    words = f"<b>{words}</b>" if style.get("bold") else words
    return f"<code>{words}</code>" if style.get("code") else words


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("slack-thread.png")
    asyncio.run(photograph(target))
