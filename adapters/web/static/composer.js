// Where a person writes: text, files, the call of the bot.

import { el, icon } from "./dom.js";
import { t } from "./texts.js";
import { Uploads } from "./uploads.js";

const CALL = "@guardia ";
const CALLED = /^\s*(@guardia|@가디아|가디아야)/i;

export class Composer {
  // `names`: data-testid of textarea, button and file input; `onSend({text, files})`.
  constructor({ room, limits, names, placeholder, onSend, draft = "" }) {
    this.limits = limits;
    this.onSend = onSend;
    this.uploads = new Uploads({ room, limits, onChange: () => this.changed() });
    this.text = el("textarea", {
      class: "composer-text", rows: 1, placeholder, "aria-label": t("composer.label"), testid: names.text, enterkeyhint: "send",
      oninput: () => this.changed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.paste(event),
    });
    this.picker = el("input", { type: "file", multiple: true, class: "hidden-visually", tabIndex: -1, testid: names.files, "aria-label": t("composer.attach"), onchange: () => this.picked() });
    this.send = el("button", { type: "button", class: "send", title: t("composer.hint"), "aria-label": t("composer.send"), testid: names.send, onclick: () => this.submit() }, icon("send"));
    this.hint = el("p", { class: "composer-hint" });
    const tool = (name, label, act) => el("button", { type: "button", class: "tool", title: label, "aria-label": label, onclick: act }, icon(name));
    this.root = el("div", { class: "composer" }, this.uploads.root,
      el("div", { class: "composer-row" },
        tool("clip", t("composer.attach"), () => this.picker.click()),
        tool("at", t("composer.mention"), () => this.call()),
        this.text, this.picker, this.send), this.hint);
    this.text.value = draft;
    this.changed();
  }

  key(event) {
    // While Hangul is being composed, Enter ends the syllable and nothing more (229: Safari).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (matchMedia("(pointer: coarse)").matches) return; // on a phone the button sends
    event.preventDefault();
    this.submit();
  }

  paste(event) {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    this.uploads.add(files);
  }

  picked() {
    this.uploads.add([...this.picker.files]);
    this.picker.value = "";
    this.text.focus();
  }

  call() {
    if (!CALLED.test(this.text.value)) this.text.value = CALL + this.text.value.trimStart();
    this.text.focus();
    this.changed();
  }

  changed() {
    const over = this.text.value.length - this.limits.text_characters;
    const empty = !this.text.value.trim() && this.uploads.items.length === 0;
    this.send.disabled = empty || over > 0 || this.uploads.broken;
    this.waiting &&= this.uploads.busy || !this.flush();
    this.hint.textContent = over > 0 ? t("composer.too_long", { count: over }) : this.waiting ? t("upload.wait") : "";
    this.hint.hidden = !this.hint.textContent;
    this.grow();
  }

  grow() {
    if (!this.text.isConnected) {
      requestAnimationFrame(() => this.text.isConnected && this.grow());
      return;
    }
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 200)}px`;
  }

  submit() {
    if (this.send.disabled) return;
    if (this.uploads.busy) {
      this.waiting = true; // sent as soon as the last file has arrived
      this.changed();
      return;
    }
    this.flush();
  }

  flush() {
    if (this.send.disabled) return false;
    this.waiting = false;
    const text = this.text.value.trim();
    const files = this.uploads.done();
    this.text.value = "";
    this.uploads.clear();
    this.onSend({ text, files });
    return true;
  }
}
