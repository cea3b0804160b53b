// Signing in: cards in the demo, a single-use code elsewhere.

import { call } from "./api.js";
import { el } from "./dom.js";
import { avatar } from "./message.js";
import { t } from "./texts.js";

export function institutions(person) {
  return person.all_institutions ? t("signin.all_institutions") : person.institutions.join(" · ");
}

function frame(title, note, content, failure) {
  return el("main", { class: "signin" },
    el("div", { class: "signin-box" },
      el("div", { class: "brand" }, el("img", { src: "/static/icon.svg", alt: "", class: "brand-mark" }),
        el("div", {}, el("p", { class: "brand-name" }, t("app_name")), el("p", { class: "brand-line" }, t("tagline")))),
      el("h1", {}, title), el("p", { class: "signin-note" }, note), content, failure));
}

export async function signIn(session, container, notice = "") {
  const failure = el("p", { class: "form-failure", role: "alert" }, notice);
  const tell = (error) => failure.replaceChildren(`${error.summary} ${error.hint}`);
  return new Promise((resolve) => {
    const enter = async (claim) => {
      failure.replaceChildren();
      try {
        resolve(await call("POST", "/api/session", claim));
      } catch (error) {
        tell(error);
      }
    };
    if (session.sign_in === "cards") showCards(container, enter, failure).catch(tell);
    else showCode(container, enter, failure);
  });
}

async function showCards(container, enter, failure) {
  const list = el("div", { class: "people" });
  container.replaceChildren(frame(t("signin.title"), t("signin.demo_note"), list, failure));
  const { people } = await call("GET", "/api/people");
  list.append(...people.map((person) =>
    el("button", { type: "button", class: "person", testid: `person-${person.id}`, onclick: () => enter({ person_id: person.id }) },
      avatar(person.id, person.name),
      el("span", { class: "person-text" },
        el("span", { class: "person-line" }, el("span", { class: "person-name" }, person.name), el("span", { class: "role-tag", "data-role": person.role }, t(`role.${person.role}`))),
        el("span", { class: "person-institutions" }, institutions(person))))));
}

function showCode(container, enter, failure) {
  const field = el("input", { class: "code-field", id: "code", autocomplete: "one-time-code", spellcheck: "false", autocapitalize: "characters", testid: "code", required: true });
  const form = el("form", { class: "code-form", onsubmit: (event) => {
    event.preventDefault();
    enter({ code: field.value });
  } }, el("label", { for: "code" }, t("signin.code_label")), field, el("button", { type: "submit", class: "action", "data-style": "primary", testid: "sign-in" }, t("signin.code_submit")));
  container.replaceChildren(frame(t("signin.code_title"), t("signin.code_note"), form, failure));
  field.focus();
}
