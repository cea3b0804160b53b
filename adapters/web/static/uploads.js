// Files on their way: one chip each with progress, retry and remove.

import { upload } from "./api.js";
import { el, icon } from "./dom.js";
import { bytes } from "./format.js";
import { t } from "./texts.js";

export class Uploads {
  constructor({ room, limits, onChange }) {
    this.room = room;
    this.limits = limits;
    this.onChange = onChange;
    this.items = [];
    this.root = el("ul", { class: "chips", hidden: true });
  }

  get busy() {
    return this.items.some((item) => item.state === "sending");
  }

  get broken() {
    return this.items.some((item) => item.state === "failed");
  }

  done() {
    return this.items.filter((item) => item.state === "done").map((item) => item.stored);
  }

  add(files) {
    for (const file of files) {
      const item = { file, state: "sending" };
      this.items.push(item);
      this.root.append(this.chip(item));
      this.start(item);
    }
    this.changed();
  }

  chip(item) {
    item.note = el("span", { class: "chip-note" });
    item.fill = el("span", { class: "chip-fill" });
    item.again = el("button", { type: "button", class: "link", hidden: true, onclick: () => this.start(item) }, t("upload.retry"));
    item.node = el("li", { class: "chip", testid: "upload-chip" }, item.fill, icon("file"),
      el("span", { class: "chip-name", title: item.file.name }, item.file.name), item.note, item.again,
      el("button", { type: "button", class: "chip-remove", "aria-label": t("upload.remove", { name: item.file.name }), onclick: () => this.remove(item) }, icon("close")));
    return item.node;
  }

  async start(item) {
    item.again.hidden = true;
    if (item.file.size > this.limits.upload_bytes) {
      this.set(item, "failed", t("upload.too_large", { size: bytes(this.limits.upload_bytes) }));
      return;
    }
    this.set(item, "sending", bytes(item.file.size), 0);
    item.transfer = upload(this.room, item.file, (share) => this.set(item, "sending", `${Math.floor(share * 100)}%`, share));
    try {
      item.stored = await item.transfer.done;
      this.set(item, "done", bytes(item.stored.size), 1);
    } catch (failure) {
      item.again.hidden = false;
      this.set(item, "failed", failure.summary);
    }
  }

  set(item, state, note, share = 1) {
    const changed = item.state !== state;
    item.state = state;
    item.node.dataset.state = state;
    item.note.textContent = note;
    item.fill.style.width = `${share * 100}%`;
    if (changed) this.changed();
  }

  remove(item) {
    this.items = this.items.filter((one) => one !== item);
    item.node.remove();
    if (item.state === "sending") item.transfer?.cancel();
    this.changed();
  }

  clear() {
    this.items = [];
    this.root.replaceChildren();
    this.changed();
  }

  changed() {
    this.root.hidden = this.items.length === 0;
    this.onChange();
  }
}
