// The side panel of one thread: its root, the replies, a composer of its own.

import { Composer } from "./composer.js";
import { el, icon } from "./dom.js";
import { MessageList } from "./list.js";
import { t } from "./texts.js";

const NAMES = { text: "thread-composer", send: "thread-send", files: "thread-file-input" };

export class ThreadPanel {
  constructor(room, rootId, { limits, onClose, draft }) {
    this.rootId = rootId;
    this.model = room.model;
    this.list = new MessageList(room, { threads: false, label: t("thread.title") });
    this.composer = new Composer({
      room: room.id, limits, names: NAMES, placeholder: t("composer.placeholder_thread"), draft,
      onSend: (post) => room.send({ ...post, thread: rootId }),
    });
    this.root = el("aside", { class: "thread-panel", testid: "thread-panel", "aria-label": t("thread.title") },
      el("header", { class: "panel-head" }, el("h2", {}, t("thread.title")),
        el("button", { type: "button", class: "tool", "aria-label": t("thread.close"), testid: "thread-close", onclick: onClose }, icon("close"))),
      this.list.root, this.composer.root);
  }

  show() {
    const root = this.model.messages.get(this.rootId);
    const messages = [root, ...this.model.replies(this.rootId)].filter(Boolean);
    this.list.show(messages);
    if (this.opened || messages.length === 0) return;
    this.opened = true;
    const asking = messages.findLast((one) => one.body.tone === "ask" && one.body.buttons?.length > 0);
    this.list.toTopOf((asking ?? messages.at(-1)).id);
  }
}
