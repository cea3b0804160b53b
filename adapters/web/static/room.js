// The room on screen: sidebar, timeline, thread panel, composer, and everything that arrives.

import { call, newId } from "./api.js";
import { Composer } from "./composer.js";
import { announce, el, icon } from "./dom.js";
import { bytes } from "./format.js";
import { MessageList } from "./list.js";
import { Model } from "./model.js";
import { Sidebar } from "./sidebar.js";
import { Stream } from "./stream.js";
import { t } from "./texts.js";
import { ThreadPanel } from "./thread.js";

const NAMES = { text: "composer", send: "send", files: "file-input" };
const WIDE = matchMedia("(min-width: 900px)");
const BANNER_AFTER_MS = 800; // a reconnection that takes less than a blink is not worth a banner
const TOAST_MS = 7000;

export class Room {
  constructor(session, container, onSignedOut) {
    this.session = session;
    this.limits = session.limits;
    this.container = container;
    this.onSignedOut = onSignedOut;
    this.model = new Model(session.person);
    this.fail = (failure) => this.toast(failure);
    this.drafts = new Map();
    this.unseen = 0;
    this.build();
    this.listeners = new AbortController();
    this.listen();
  }

  async start() {
    this.model.rooms = (await call("GET", "/api/rooms")).rooms;
    this.enter(this.model.rooms.find((room) => `#${room.id}` === decodeURIComponent(location.hash))?.id ?? this.model.rooms[0]?.id);
    this.stream = new Stream({
      positions: {},
      onMessage: (message) => this.arrived(message),
      onReady: () => this.ready(),
      onState: (state) => this.connection(state),
      onSignedOut: () => this.signedOut(),
    });
  }

  build() {
    const { person } = this.session;
    this.sidebar = new Sidebar({
      person, onRoom: (id) => this.enter(id), onWaiting: (root) => this.openThread(root),
      onSignOut: () => this.signOut(), onClose: () => this.drawer(false),
    });
    this.title = el("h1", { class: "room-title", testid: "room-title" });
    this.members = el("span", { class: "room-members" });
    this.menu = el("button", { type: "button", class: "tool menu", "aria-label": t("room.open_list"), "aria-controls": "sidebar", "aria-expanded": "false", testid: "menu", onclick: () => this.drawer(true) }, icon("menu"));
    this.banner = el("div", { class: "banner", role: "status", hidden: true }, el("span", { class: "spinner" }), t("connection.lost"));
    this.main = el("main", { class: "main" });
    this.panel = el("div", { class: "panel-slot" });
    this.drop = el("div", { class: "drop", hidden: true }, el("div", {}, icon("clip"), el("p", { class: "drop-title" }, t("composer.drop_title")), el("p", {}, t("composer.drop_hint", { size: bytes(this.limits.upload_bytes) }))));
    this.toasts = el("div", { class: "toasts", role: "alert" });
    this.shade = el("div", { class: "shade", onclick: () => this.drawer(false) });
    this.root = el("div", { class: "shell" }, this.sidebar.root, this.shade, this.main, this.panel, this.drop, this.toasts);
    this.container.replaceChildren(this.root);
  }

  listen() {
    const { signal } = this.listeners;
    addEventListener("dragover", (event) => this.dragging(event), { signal });
    addEventListener("dragleave", (event) => event.relatedTarget === null && (this.drop.hidden = true), { signal });
    addEventListener("drop", (event) => this.dropped(event), { signal });
    addEventListener("keydown", (event) => event.key === "Escape" && this.escape(), { signal });
    document.addEventListener("visibilitychange", () => !document.hidden && this.seen(), { signal });
    addEventListener("focus", () => this.seen(), { signal });
  }

  // --- rooms and threads ---------------------------------------------------------------------

  enter(id) {
    this.drawer(false);
    if (!id) {
      this.main.replaceChildren(this.header(), el("div", { class: "empty" }, el("p", {}, t("room.none"))));
      return;
    }
    if (this.composer) this.drafts.set(this.id, this.composer.text.value);
    this.closeThread();
    this.id = id;
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
    const room = this.model.rooms.find((one) => one.id === id);
    this.title.textContent = room.name;
    this.members.textContent = t("room.members", { count: room.members });
    this.list = new MessageList(this, { threads: true, label: t("room.timeline"), onBottom: () => this.seen() });
    this.composer = new Composer({
      room: id, limits: this.limits, names: NAMES, placeholder: t("composer.placeholder"), draft: this.drafts.get(id),
      onSend: (post) => this.send({ ...post, thread: null }),
    });
    this.empty = el("div", { class: "empty", hidden: true }, el("img", { src: "/static/icon.svg", alt: "" }), el("p", { class: "empty-title" }, t("room.empty_title")), el("p", {}, t("room.empty_hint")));
    this.main.replaceChildren(this.header(), this.banner, this.empty, this.list.root, this.composer.root);
    this.render();
    if (WIDE.matches) this.composer.text.focus();
  }

  header() {
    return el("header", { class: "main-head" }, this.menu, el("div", { class: "main-head-text" }, this.title, this.members));
  }

  openThread(rootId) {
    this.drawer(false);
    if (this.thread?.rootId === rootId) return;
    this.closeThread();
    this.list.keepBottom();
    this.thread = new ThreadPanel(this, rootId, { limits: this.limits, onClose: () => this.closeThread(), draft: this.drafts.get(rootId) });
    this.panel.replaceChildren(this.thread.root);
    this.root.classList.add("with-thread");
    this.render();
    if (WIDE.matches) this.thread.composer.text.focus();
  }

  closeThread() {
    if (!this.thread) return;
    this.list.keepBottom();
    this.drafts.set(this.thread.rootId, this.thread.composer.text.value);
    this.thread = null;
    this.panel.replaceChildren();
    this.root.classList.remove("with-thread");
    this.render();
  }

  drawer(open) {
    this.root.classList.toggle("drawer-open", open);
    this.menu.setAttribute("aria-expanded", String(open));
  }

  escape() {
    if (this.root.classList.contains("drawer-open")) this.drawer(false);
    else this.closeThread();
  }

  // --- what arrives --------------------------------------------------------------------------

  arrived(message) {
    const what = this.model.take(message);
    if (!this.live || what === "known") return;
    const others = message.author !== this.model.person.id;
    if (what === "new" && others) this.tell(message);
    this.render();
  }

  tell(message) {
    if (message.author === "bot") announce(t("message.new_from_bot", { name: message.body.summary || message.body.title }));
    if (document.hidden || !document.hasFocus()) this.unseen += 1;
    if (message.room !== this.id) return;
    if (message.thread === null) this.list.noteNew();
    else if (message.thread === this.thread?.rootId) this.thread.list.noteNew();
    // The answer to one's own request opens by itself where there is room for it.
    const root = this.model.messages.get(message.thread);
    if (message.author === "bot" && root?.author === this.model.person.id && !this.thread && WIDE.matches) this.openThread(root.id);
  }

  ready() {
    this.live = true;
    this.root.dataset.ready = "true";
    this.render();
    this.seen();
  }

  render() {
    if (!this.id) return;
    // A hidden page gets no animation frames, but its title still counts what is new.
    if (document.hidden) this.draw();
    else this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const replies = new Map();
    for (const one of this.model.select((m) => m.room === this.id && m.thread)) {
      if (!replies.has(one.thread)) replies.set(one.thread, []);
      replies.get(one.thread).push(one);
    }
    const roots = this.model.roots(this.id);
    this.empty.hidden = !this.live || roots.length > 0;
    this.list.root.hidden = roots.length === 0;
    this.list.show(roots, { repliesOf: (id) => replies.get(id) ?? [], active: this.thread?.rootId });
    this.thread?.show();
    this.sidebar.show(this.model, this.id);
    document.title = this.unseen > 0 ? `(${this.unseen}) ${this.title.textContent}` : `${this.title.textContent} · ${t("app_name")}`;
  }

  seen() {
    if (document.hidden || !this.id) return;
    this.unseen = 0;
    this.model.markRead(this.id, this.stream?.positions[this.id] ?? 0);
    this.render();
  }

  // --- what is sent --------------------------------------------------------------------------

  send({ text, files, thread }) {
    const { person } = this.model;
    const id = newId();
    this.list.stuck ||= thread === null;
    if (this.thread && thread) this.thread.list.stuck = true;
    this.transmit({
      id: `local-${id}`, room: this.id, thread, author: person.id, private: false, revision: 0, position: 0,
      posted_at: new Date().toISOString(), uploads: files.map((file) => file.upload),
      body: { kind: "text", text, files, author_name: person.name, author_role: person.role, client_id: id },
    });
  }

  async transmit(message) {
    const { text, client_id: clientId } = message.body;
    this.model.sending.set(clientId, { ...message, sending: true });
    this.render();
    try {
      const answer = await call("POST", `/api/rooms/${encodeURIComponent(message.room)}/messages`,
        { text, thread: message.thread, client_id: clientId, files: message.uploads ?? [] });
      this.arrived(answer.message);
    } catch (failure) {
      this.failed(message, failure);
    }
    this.render();
  }

  failed(message, failure) {
    if (failure.answer?.message) this.arrived(failure.answer.message); // stored, but not delivered
    else if (failure.status === 401) this.signedOut();
    else this.model.sending.set(message.body.client_id, { ...message, sending: false, unsent: true });
    this.fail(failure);
  }

  // The same client id: it is stored once and handed to the bot again.
  retry(message) {
    if (message.unsent) this.transmit({ ...message, unsent: false });
    else this.redeliver(message);
  }

  async redeliver(message) {
    try {
      const answer = await call("POST", `/api/rooms/${encodeURIComponent(message.room)}/messages`,
        { text: message.body.text, thread: message.thread, client_id: message.body.client_id, files: message.uploads ?? [] });
      this.arrived(answer.message);
    } catch (failure) {
      this.fail(failure);
    }
  }

  dragging(event) {
    if (![...event.dataTransfer.types].includes("Files") || !this.composer) return;
    event.preventDefault();
    this.drop.hidden = false;
  }

  dropped(event) {
    this.drop.hidden = true;
    if (!event.dataTransfer?.files.length || !this.composer) return;
    event.preventDefault();
    const inThread = this.thread && event.clientX >= this.thread.root.getBoundingClientRect().left;
    (inThread ? this.thread : this).composer.uploads.add([...event.dataTransfer.files]);
  }

  // --- connection and session ----------------------------------------------------------------

  connection(state) {
    clearTimeout(this.bannerTimer);
    if (state === "check") this.checkSession();
    else if (state === "live") this.banner.hidden = true;
    else this.bannerTimer = setTimeout(() => (this.banner.hidden = false), BANNER_AFTER_MS);
  }

  async checkSession() {
    this.banner.hidden = false;
    try {
      const session = await call("GET", "/api/session");
      if (!session.person) this.signedOut();
    } catch {
      // Not reachable yet: the stream goes on trying.
    }
  }

  signedOut() {
    this.stop();
    this.onSignedOut(t("connection.signed_out"));
  }

  async signOut() {
    try {
      await call("DELETE", "/api/session");
    } catch (failure) {
      this.fail(failure);
      return;
    }
    this.stop();
    this.onSignedOut("");
  }

  stop() {
    this.listeners.abort();
    this.stream?.stop();
    document.title = t("app_name");
  }

  toast(failure) {
    const note = el("div", { class: "toast" }, icon("alert"),
      el("div", {}, el("p", { class: "toast-title" }, failure.summary), failure.hint ? el("p", {}, failure.hint) : null),
      el("button", { type: "button", class: "tool", "aria-label": t("failed.close"), onclick: () => note.remove() }, icon("close")));
    this.toasts.append(note);
    setTimeout(() => note.remove(), TOAST_MS);
  }
}
