// Rooms, what waits for an answer, and who one is.

import { el, icon, patch } from "./dom.js";
import { clockTime, plain } from "./format.js";
import { avatar } from "./message.js";
import { t } from "./texts.js";

export class Sidebar {
  constructor({ person, onRoom, onWaiting, onSignOut, onClose }) {
    this.onRoom = onRoom;
    this.onWaiting = onWaiting;
    this.rooms = el("ul", { class: "room-list" });
    this.waiting = el("ul", { class: "waiting-list" });
    this.waitingTitle = el("h2", { class: "side-title" }, t("thread.waiting"));
    this.root = el("nav", { class: "sidebar", id: "sidebar", "aria-label": t("room.list") },
      el("div", { class: "side-brand" }, el("img", { src: "/static/icon.svg", alt: "" }), el("span", {}, t("app_name")),
        el("button", { type: "button", class: "tool side-close", "aria-label": t("room.close_list"), onclick: onClose }, icon("close"))),
      el("div", { class: "side-scroll" }, el("h2", { class: "side-title" }, t("room.list")), this.rooms, this.waitingTitle, this.waiting),
      el("div", { class: "side-person" }, avatar(person.id, person.name),
        el("span", { class: "side-person-text" }, el("span", { class: "person-name" }, person.name), el("span", { class: "side-role" }, t(`role.${person.role}`))),
        el("button", { type: "button", class: "tool", title: t("signin.sign_out"), "aria-label": t("signin.sign_out"), testid: "sign-out", onclick: onSignOut }, icon("out"))));
  }

  show(model, current) {
    const rooms = model.rooms.map((room) => ({ ...room, unread: room.id === current ? 0 : model.unread(room.id), current: room.id === current }));
    patch(this.rooms, rooms, (room) => this.room(room), (room) => room.id);
    const waiting = model.waiting(current).map((m) => ({ id: m.id, root: m.thread ?? m.id, title: m.body.buttons.some((one) => one.button === "choose") ? m.body.summary : m.body.title, at: m.posted_at }));
    this.waitingTitle.hidden = waiting.length === 0;
    patch(this.waiting, waiting, (one) => this.wait(one), (one) => one.id);
  }

  room(room) {
    return el("li", {}, el("button", {
      type: "button", class: "room-item", testid: `room-${room.id}`, "aria-current": room.current ? "true" : null, onclick: () => this.onRoom(room.id),
    }, el("span", { class: "room-name" }, room.name), room.unread > 0 ? el("span", { class: "unread" }, String(room.unread)) : null));
  }

  wait(one) {
    return el("li", {}, el("button", { type: "button", class: "waiting-item", onclick: () => this.onWaiting(one.root) },
      el("span", { class: "waiting-title" }, plain(one.title)), el("span", { class: "waiting-time" }, clockTime(one.at))));
  }
}
