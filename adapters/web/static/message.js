// One message in a list: author, time, text with files, or a card; below it the way to its thread.

import { Card } from "./card.js";
import { el, icon } from "./dom.js";
import { bytes, clockTime, fullTime, plain, rich } from "./format.js";
import { waits } from "./model.js";
import { t } from "./texts.js";

const BOT = "bot";
const MENTION = /^(\s*)(@guardia|@가디아|가디아야)/i;

export function authorName(message) {
  return message.author === BOT ? t("app_name") : message.body.author_name || message.author;
}

export function avatar(id, name) {
  if (id === BOT) return el("img", { class: "avatar bot", src: "/static/icon.svg", alt: "" });
  let hue = 0;
  for (const character of id) hue = (hue * 31 + character.codePointAt(0)) % 8;
  return el("span", { class: `avatar hue-${hue}`, "aria-hidden": "true" }, [...name][0] ?? "?");
}

export class MessageView {
  // `room`: what the view may do (openThread, retry, fail); `threads`: whether it offers its thread.
  constructor(message, room, { threads }) {
    this.room = room;
    this.threads = threads;
    this.body = el("div", { class: "message-body" });
    this.state = el("div", { class: "message-state" });
    this.thread = el("div", { class: "message-thread" });
    this.time = el("time", { class: "message-time" });
    this.name = el("span", { class: "message-author" });
    this.role = el("span", { class: "message-role" });
    this.privacy = el("span", { class: "message-private" }, icon("lock"), t("message.private"));
    this.root = el("div", { class: "message", testid: "message" },
      el("div", { class: "message-side" }, avatar(message.author, authorName(message))),
      el("div", { class: "message-main" },
        el("div", { class: "message-head" }, this.name, this.role, this.time, this.privacy),
        this.body, this.state, this.thread));
    this.update(message);
  }

  update(message) {
    this.message = message;
    const { root } = this;
    root.dataset.messageId = message.id;
    root.dataset.author = message.author;
    root.dataset.tone = message.body.tone ?? "";
    root.dataset.private = String(message.private);
    this.name.textContent = authorName(message);
    this.role.textContent = t(`role.${message.author === BOT ? "bot" : message.body.author_role}`);
    this.time.textContent = clockTime(message.posted_at);
    this.time.dateTime = message.posted_at;
    this.time.title = fullTime(message.posted_at);
    this.privacy.hidden = !message.private;
    if (message.body.kind === "report") this.showCard(message);
    else this.body.replaceChildren(...textParts(message.body));
    this.showState(message);
  }

  showCard(message) {
    if (this.card) this.card.update(message);
    else {
      this.card = new Card(message, this.room.fail);
      this.body.append(this.card.root);
    }
  }

  showState(message) {
    const mine = message.author === this.room.model.person.id;
    const stuck = message.body.undelivered || message.unsent;
    this.state.hidden = !(stuck || message.sending);
    this.state.dataset.bad = String(Boolean(stuck));
    if (message.sending) this.state.replaceChildren(t("message.sending"));
    else if (stuck) {
      this.state.replaceChildren(icon("alert"), el("span", {}, t(message.unsent ? "message.unsent" : "message.undelivered")),
        mine ? el("button", { type: "button", class: "link", onclick: () => this.room.retry(message) }, t("message.retry")) : "");
    }
  }

  // Called by the list, because it depends on other messages.
  showThread(replies, active) {
    this.root.classList.toggle("thread-active", active);
    if (!this.threads || this.message.sending || this.message.unsent) {
      this.thread.hidden = true;
      return;
    }
    this.thread.hidden = false;
    const last = replies.at(-1);
    const signature = replies.map((one) => `${one.id}/${one.revision}`).join();
    if (signature === this.threadShown) return;
    this.threadShown = signature;
    const open = () => this.room.openThread(this.message.id);
    if (!last) {
      this.thread.replaceChildren(el("button", { type: "button", class: "thread-reply", testid: "thread-open", onclick: open }, icon("thread"), t("thread.reply")));
      return;
    }
    this.thread.replaceChildren(el("button", { type: "button", class: "thread-bar", testid: "thread-open", onclick: open },
      threadDigest(replies),
      el("span", { class: "thread-count" }, t("thread.open", { count: replies.length })),
      el("span", { class: "thread-last" }, t("thread.last", { time: clockTime(last.posted_at) })), icon("right")));
  }
}

// The newest card speaks for the thread; one that waits for an answer comes first.
function threadDigest(replies) {
  const cards = replies.filter((one) => one.body.kind === "report");
  const card = cards.findLast((one) => waits(one, replies)) ?? cards.findLast((one) => !one.private) ?? cards.at(-1);
  if (!card) return null;
  const { tone, title, summary, footer } = card.body;
  // A question or a refusal belongs to no job yet: its title is the same each time, its sentence is not.
  const said = footer || !["ask", "bad", "warning"].includes(tone) ? title : summary || title;
  return el("span", { class: "thread-digest" },
    el("span", { class: "badge", "data-tone": tone }, t(`tone.${tone}`)), el("span", { class: "thread-title" }, plain(said)));
}

function textParts(body) {
  const parts = [];
  if (body.text) {
    const mention = MENTION.exec(body.text);
    parts.push(el("p", { class: "text", dir: "auto" },
      mention ? el("span", { class: "mention" }, mention[2]) : "", rich(mention ? body.text.slice(mention[0].length) : body.text)));
  }
  if (body.files?.length) {
    parts.push(el("ul", { class: "files" }, body.files.map((file) =>
      el("li", { class: "file", title: `SHA-256 ${file.digest}` }, icon("file"),
        el("span", { class: "file-name" }, file.name),
        el("span", { class: "file-size" }, bytes(file.size)),
        el("code", { class: "file-digest" }, file.digest.slice(0, 12))))));
  }
  return parts;
}
