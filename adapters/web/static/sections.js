// One section of a card each: paragraph, facts, table, checklist, lines, notice.

import { el, icon, patch } from "./dom.js";
import { elapsed, rich } from "./format.js";
import { t } from "./texts.js";

const NUMBER = /^[+-]?[\d,.]+\s?(B|KB|MB|GB|TB|%|ms|s|초|개|건|일)?$/;
const CODE = /^(?=.*[/._\d-])[\x21-\x7e]{4,}$/;
const STATE_ICONS = {
  pending: "dot", running: "dot", succeeded: "check", failed: "cross",
  refused: "cross", unknown: "ask", skipped: "dash",
};

const BUILDERS = { paragraph, facts, table, checklist, lines, notice };

// `folds` remembers, by section, whether a person has opened or closed it.
export function section(data, index, folds, before) {
  const build = BUILDERS[data.kind];
  return build ? build(data, `${index}:${data.title ?? ""}`, folds, before) : el("div");
}

function heading(title) {
  return title ? el("h4", { class: "section-title" }, title) : null;
}

function paragraph(data) {
  return el("p", { class: "paragraph" }, rich(data.text));
}

function notice(data) {
  const mark = data.tone === "good" ? "check" : "alert";
  return el("div", { class: "notice", "data-tone": data.tone, role: "note" }, icon(mark), el("p", {}, rich(data.text)));
}

function facts(data) {
  const rows = data.rows.map(([label, value]) =>
    el("div", { class: "fact" }, el("dt", {}, label), el("dd", {}, rich(value))));
  return el("section", { class: "section" }, heading(data.title), el("dl", { class: "facts" }, rows));
}

function table(data, key, folds) {
  const numeric = data.columns.map((_, column) =>
    data.rows.length > 0 && data.rows.every((row) => NUMBER.test(row[column] ?? "")));
  const cellClass = (text, column) => (numeric[column] ? "number" : CODE.test(text) ? "code" : null);
  const head = el("tr", {}, data.columns.map((name, column) =>
    el("th", { scope: "col", class: numeric[column] ? "number" : null }, name)));
  const body = data.rows.map((row) =>
    el("tr", {}, row.map((text, column) => el("td", { class: cellClass(text, column) }, rich(text)))));
  const grid = el("div", { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": data.title || null },
    el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
  if (!data.folded) return el("section", { class: "section" }, heading(data.title), grid);
  return fold(data.title, t("card.fold_open", { count: data.rows.length }), grid, { key, folds, open: false });
}

function lines(data, key, folds) {
  const text = el("pre", { class: "lines", tabIndex: 0 }, data.lines.join("\n"));
  if (data.lines.length <= 12) return el("section", { class: "section" }, heading(data.title), text);
  return fold(data.title, t("card.lines", { count: data.lines.length }), text, { key, folds, open: true });
}

function fold(title, hint, content, { key, folds, open }) {
  const details = el("details", { class: "section fold", open: folds.get(key) ?? open },
    el("summary", {}, icon("right"), el("span", { class: "section-title" }, title || hint),
      title ? el("span", { class: "fold-hint" }, hint) : null),
    content);
  details.addEventListener("toggle", () => folds.set(key, details.open));
  return details;
}

// The one section that changes every second: only the rows that changed are built anew.
function checklist(data, _key, _folds, before) {
  const root = before?.classList.contains("checklist") ? before : el("section", { class: "section checklist" },
    el("div", { class: "checklist-head" }, el("h4", { class: "section-title" }), el("span", { class: "checklist-count" })),
    el("div", { class: "bar" }, el("div", { class: "bar-fill" })),
    el("ol", { class: "steps" }));
  const done = data.rows.filter((row) => row.state !== "pending" && row.state !== "running").length;
  const broken = data.rows.some((row) => row.state === "failed" || row.state === "unknown");
  root.querySelector(".section-title").textContent = data.title;
  root.querySelector(".checklist-count").textContent = `${done} / ${data.rows.length}`;
  const bar = root.querySelector(".bar");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", t("card.progress", { total: data.rows.length, done }));
  bar.setAttribute("aria-valuenow", String(done));
  bar.setAttribute("aria-valuemax", String(data.rows.length));
  bar.dataset.broken = String(broken);
  // Nothing has begun: these are the steps of a plan, and a plan has numbers, not progress.
  const planned = data.rows.every((row) => row.state === "pending");
  root.dataset.planned = String(planned);
  bar.hidden = planned;
  root.querySelector(".checklist-count").hidden = planned;
  root.querySelector(".bar-fill").style.width = `${data.rows.length ? (100 * done) / data.rows.length : 0}%`;
  patch(root.querySelector(".steps"), data.rows, step);
  return root;
}

function step(row) {
  return el("li", { class: "step", "data-state": row.state },
    el("span", { class: "step-mark", role: "img", "aria-label": t(`state.${row.state}`) }, icon(STATE_ICONS[row.state] ?? "dot")),
    el("span", { class: "step-text" },
      el("span", { class: "step-label" }, rich(row.label)),
      row.detail ? el("span", { class: "step-detail" }, rich(row.detail)) : null),
    el("span", { class: "step-time" }, row.elapsed_ms === null ? "" : elapsed(row.elapsed_ms)));
}
