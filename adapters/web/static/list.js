// A scrolling list of messages with day lines: used for the room and for a thread.

import { el, icon } from "./dom.js";
import { dayKey, dayName } from "./format.js";
import { MessageView } from "./message.js";
import { t } from "./texts.js";

const NEAR_PX = 120;
const TOGETHER_MS = 5 * 60_000;
const FIRST = 150;

export class MessageList {
  constructor(room, { threads, label, onBottom = () => {} }) {
    this.room = room;
    this.threads = threads;
    this.views = new Map();
    this.days = new Map();
    this.limit = FIRST;
    this.fresh = 0;
    this.onBottom = onBottom;
    this.content = el("div", { class: "list-content" });
    this.earlier = el("button", { type: "button", class: "earlier", onclick: () => this.showEarlier() }, t("room.earlier"));
    this.scroller = el("div", { class: "list-scroll", tabIndex: 0, role: "log", "aria-live": "off", "aria-label": label, onscroll: () => this.scrolled() }, this.earlier, this.content);
    this.jump = el("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toBottom() });
    this.root = el("div", { class: "list" }, this.scroller, this.jump);
    this.stuck = true; // to the bottom
    this.observer = new ResizeObserver(() => this.stuck && this.toBottom());
    this.observer.observe(this.content);
    this.observer.observe(this.scroller);
  }

  show(messages, { repliesOf = () => [], active = null } = {}) {
    this.messages = messages;
    this.options = { repliesOf, active };
    const shown = messages.slice(-this.limit);
    this.earlier.hidden = shown.length === messages.length;
    const nodes = [];
    let before = null;
    for (const message of shown) {
      const day = dayKey(message.posted_at);
      if (!before || dayKey(before.posted_at) !== day) {
        nodes.push(this.dayLine(day, message.posted_at));
        before = null;
      }
      const view = this.view(message);
      view.root.classList.toggle("together", together(before, message));
      view.showThread(repliesOf(message.id), active === message.id);
      nodes.push(view.root);
      before = message;
    }
    arrange(this.content, nodes);
    this.forget(new Set(shown.map((message) => viewKey(message))));
    if (this.stuck) this.toBottom();
  }

  view(message) {
    const key = viewKey(message);
    let view = this.views.get(key);
    if (!view) {
      view = new MessageView(message, this.room, { threads: this.threads });
      this.views.set(key, view);
    } else if (view.message !== message) {
      view.update(message);
    }
    return view;
  }

  forget(kept) {
    for (const key of this.views.keys()) if (!kept.has(key)) this.views.delete(key);
  }

  dayLine(day, iso) {
    const name = dayName(iso);
    if (this.days.get(day)?.name !== name) {
      this.days.set(day, { name, node: el("div", { class: "day", role: "separator" }, el("span", {}, name)) });
    }
    return this.days.get(day).node;
  }

  noteNew() {
    if (this.stuck) return;
    this.fresh += 1;
    this.jump.replaceChildren(icon("down"), t("room.new_messages", { count: this.fresh }));
    this.jump.hidden = false;
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.stuck = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (this.stuck) {
      this.fresh = 0;
      this.jump.hidden = true;
      this.onBottom();
    }
  }

  // A long card is read from its top, and only then answered.
  toTopOf(id) {
    const node = [...this.views.values()].find((view) => view.message.id === id)?.root;
    if (!node || node.offsetHeight < this.scroller.clientHeight * 0.8) return;
    this.scroller.scrollTop += node.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - 4;
    this.stuck = false;
  }

  // The column is about to change its width: who read the newest message goes on reading it.
  keepBottom() {
    if (this.stuck) requestAnimationFrame(() => requestAnimationFrame(() => this.toBottom()));
  }

  toBottom() {
    this.stuck = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  showEarlier() {
    const { scroller } = this;
    const below = scroller.scrollHeight - scroller.scrollTop;
    this.limit += FIRST;
    this.stuck = false;
    this.show(this.messages, this.options);
    scroller.scrollTop = scroller.scrollHeight - below;
  }
}

// One's own message keeps its element when the server's copy takes the place of the sent one.
function viewKey(message) {
  return message.body.client_id ? `${message.author}/${message.body.client_id}` : message.id;
}

function together(before, message) {
  return Boolean(before) && before.author === message.author && message.body.kind === "text" && before.body.kind === "text"
    && !before.body.addressed && !message.body.addressed && Date.parse(message.posted_at) - Date.parse(before.posted_at) < TOGETHER_MS;
}

function arrange(parent, nodes) {
  let cursor = parent.firstChild;
  for (const node of nodes) {
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}
