// A report of the bot: stripe, title, sections, buttons, footer. Edited in place.

import { call, newId } from "./api.js";
import { el, icon, patch } from "./dom.js";
import { bytes, plain, rich } from "./format.js";
import { section } from "./sections.js";
import { t } from "./texts.js";

const SEPARATOR = " · "; // between what happened and to what, in titles and summaries
const SETTLE_MS = 700; // long enough for the card's own edit to arrive after a press

export class Card {
  constructor(message, onFailure) {
    this.folds = new Map();
    this.onFailure = onFailure;
    this.title = el("h3", { class: "card-title" });
    this.badge = el("span", { class: "badge" });
    this.summary = el("p", { class: "card-summary" });
    this.sections = el("div", { class: "card-sections" });
    this.actions = el("div", { class: "card-actions" });
    this.files = el("ul", { class: "card-files" });
    this.link = el("p", { class: "card-link" });
    this.footer = el("footer", { class: "card-footer" });
    this.root = el("article", { class: "card", testid: "card" },
      el("header", { class: "card-head" }, this.title, this.badge),
      this.summary, this.sections, this.actions, this.files, this.link, this.footer);
    this.update(message);
  }

  update(message) {
    const { body } = message;
    this.message = message;
    this.root.dataset.tone = body.tone;
    this.root.setAttribute("aria-label", body.title);
    this.title.textContent = plain(body.title);
    this.badge.textContent = t(`tone.${body.tone}`);
    this.badge.dataset.tone = body.tone;
    this.badge.hidden = body.tone === "neutral";
    this.showSummary(body);
    patch(this.sections, body.sections, (data, index, before) => section(data, index, this.folds, before));
    this.showActions(body.buttons);
    this.showFiles(body.files ?? []);
    this.showLink(body.link);
    this.footer.replaceChildren(...rich(body.footer));
    this.footer.hidden = !body.footer;
  }

  // The summary is for notifications; a card that already says more does not repeat it.
  showSummary(body) {
    const said = body.sections.some((one) => one.kind === "paragraph" || one.kind === "notice");
    const subject = `${body.title.split(SEPARATOR).slice(1).join(SEPARATOR)}${SEPARATOR}`;
    const summary = body.summary.startsWith(subject) ? body.summary.slice(subject.length) : body.summary;
    this.summary.hidden = said || !summary || summary === body.title;
    this.summary.replaceChildren(...rich(summary));
  }

  // Only to pages of our own kind: an address of any other scheme is no link. Messages of before
  // there were links have none.
  showLink(link) {
    const url = link ? new URL(link.url, location.href) : null;
    this.link.hidden = !url || !["http:", "https:"].includes(url.protocol);
    if (this.link.hidden || this.link.firstChild?.href === url.href) return;
    this.link.replaceChildren(el("a", { class: "link", href: url.href, target: "_blank", rel: "noopener", testid: "card-link" }, link.label));
  }

  // What the bot has made goes to the disk, never into a page; but a picture is shown as well.
  showFiles(files) {
    const signature = JSON.stringify(files);
    this.files.hidden = files.length === 0;
    if (signature === this.enclosed) return;
    this.enclosed = signature;
    const at = `/api/messages/${encodeURIComponent(this.message.id)}/files`;
    this.files.replaceChildren(...files.map((file) => {
      const href = `${at}/${encodeURIComponent(file.digest)}`;
      const picture = file.media_type === "image/png"
        ? el("a", { class: "picture", href, download: file.name }, el("img", { src: href, alt: file.name, testid: "card-picture" }))
        : null;
      return el("li", {}, picture,
        el("a", { class: "link", href, download: file.name, testid: "card-file" }, `${file.name} (${bytes(file.size)})`));
    }));
  }

  showActions(buttons) {
    const signature = JSON.stringify(buttons);
    this.actions.hidden = buttons.length === 0;
    if (signature === this.shown) return;
    this.shown = signature;
    this.actions.replaceChildren(...buttons.map((button) => this.button(button)));
  }

  button(button) {
    const label = { class: "action", "data-style": button.style, testid: `button-${button.button}` };
    const page = button.opens ? new URL(button.opens, location.href) : null;
    // What needs a page of ours is finished there; it asks by itself.
    if (page && ["http:", "https:"].includes(page.protocol)) return el("a", { ...label, href: page.href, target: "_blank", rel: "noopener" }, button.label);
    return el("button", {
      type: "button", ...label,
      onclick: (event) => (button.confirm ? this.confirm(button, event.currentTarget) : this.press(button)),
    }, button.label);
  }

  confirm(button, origin) {
    const close = () => {
      this.question?.remove();
      this.question = null;
      origin.focus();
    };
    this.question?.remove();
    const yes = el("button", {
      type: "button", class: "action", "data-style": button.style === "plain" ? "primary" : button.style, testid: "confirm-yes",
      onclick: () => {
        close();
        this.press(button);
      },
    }, button.label);
    const no = el("button", { type: "button", class: "action", "data-style": "plain", testid: "confirm-no", onclick: close }, t("card.confirm_no"));
    this.question = el("div", {
      class: "confirm", role: "alertdialog", "aria-label": t("card.confirm_title"),
      onkeydown: (event) => event.key === "Escape" && (event.stopPropagation(), close()),
    }, el("p", {}, button.confirm), el("div", { class: "confirm-actions" }, yes, no));
    this.actions.after(this.question);
    this.question.scrollIntoView({ block: "nearest" });
    no.focus();
  }

  async press(button) {
    if (this.pending) return;
    this.setPending(true);
    try {
      await call("POST", `/api/messages/${encodeURIComponent(this.message.id)}/press`,
        { button: button.button, value: button.value, client_id: newId() });
    } catch (failure) {
      this.onFailure(failure);
    }
    setTimeout(() => this.setPending(false), SETTLE_MS);
  }

  setPending(pending) {
    this.pending = pending;
    this.actions.setAttribute("aria-busy", String(pending));
    for (const button of this.actions.querySelectorAll("button")) button.disabled = pending;
  }
}
