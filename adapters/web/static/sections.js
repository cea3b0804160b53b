// One section of a card each: paragraph, facts, table, checklist, lines, notice.

import { el, icon, patch } from "./dom.js";
import { elapsed, rich } from "./format.js";
import { t } from "./texts.js";

const NUMBER = /^[+-]?[\d,.]+\s?(B|KB|MB|GB|TB|%|ms|s|초|개|건|일)?$/;
const CODE = /^(?=.*[/._\d-])[\x21-\x7e]{4,}$/;
const LONG = 40; // characters that a cell holds on one line
const CROWDED = 34; // characters that a row holds on a phone
const BAD_LINE = /\b(SEVERE|ERROR|FATAL)\b|^Caused by:/;
const HEADING = "■ ";
const STATE_ICONS = {
  pending: "dot", running: "dot", succeeded: "check", failed: "cross",
  refused: "cross", unknown: "ask", skipped: "dash",
};

const PHASE_ICONS = { idle: "dot", active: "dot", done: "check", broken: "cross" };

const BUILDERS = { paragraph, facts, table, checklist, lines, notice };

// `folds` remembers, by section, whether a person has opened or closed it.
export function section(data, index, folds, before) {
  const build = BUILDERS[data.kind];
  return build ? build(data, `${index}:${data.title ?? ""}`, folds, before) : el("div");
}

function heading(title) {
  return title ? el("h4", { class: "section-title" }, title) : null;
}

// "■ Title" on the first line is a heading, and a run of "1. …" lines a list: the same text is
// plain in messengers that know neither.
function paragraph(data) {
  const [first, ...rest] = data.text.split("\n");
  const titled = first.startsWith(HEADING);
  const body = titled ? rest : [first, ...rest];
  const numbered = body.length > 1 && body.every((line, index) => line.startsWith(`${index + 1}. `));
  const content = numbered
    ? el("ol", { class: "numbered" }, body.map((line) => el("li", {}, rich(line.slice(line.indexOf(" ") + 1)))))
    : el("p", { class: "paragraph" }, rich(body.join("\n")));
  return titled ? el("section", { class: "section" }, heading(first.slice(HEADING.length)), content) : content;
}

function notice(data) {
  const mark = { good: "check", neutral: "info" }[data.tone] ?? "alert";
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
  const cellClass = (text, column) => (numeric[column] ? "number" : CODE.test(text) ? "code" : text.length > LONG ? "long" : null);
  const head = el("tr", {}, data.columns.map((name, column) =>
    el("th", { scope: "col", class: numeric[column] ? "number" : null }, name)));
  const body = data.rows.map((row) =>
    el("tr", {}, row.map((text, column) => el("td", { class: cellClass(text, column), "data-label": data.columns[column] }, rich(text)))));
  const wide = data.rows.some((row) => row.some((text) => text.length > LONG));
  const widest = data.columns.map((name, column) => Math.max(name.length, ...data.rows.map((row) => (row[column] ?? "").length)));
  const crowded = data.columns.length > 2 && widest.reduce((sum, length) => sum + length, 0) > CROWDED;
  const grid = el("div", { class: "table-scroll", "data-columns": wide || data.columns.length > 4 ? "many" : data.columns.length > 3 || crowded ? "some" : "few", tabIndex: 0, role: "region", "aria-label": data.title || null },
    el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
  if (!data.folded) return el("section", { class: "section" }, heading(data.title), grid);
  return fold(data.title, t("card.fold_open", { count: data.rows.length }), grid, { key, folds, open: false });
}

function lines(data, key, folds) {
  const text = el("pre", { class: "lines", tabIndex: 0 }, data.lines.map((line) =>
    el("code", { class: "line", "data-bad": BAD_LINE.test(line) ? "true" : null }, line.replace(/^\s*at /, "\u00a0\u00a0at\u00a0") || " ")));
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

// The one section that changes every second: only the rows that changed are built anew. A node
// that has not begun or is done is one line, so that the one at work stays in sight.
function checklist(data, key, folds, before) {
  const root = before?.classList.contains("checklist") ? before : checklistFrame(key, folds);
  const phase = phaseOf(data.rows);
  const done = data.rows.filter((row) => row.state !== "pending" && row.state !== "running").length;
  root.dataset.phase = phase;
  root.dataset.titled = String(Boolean(data.title));
  root.open = folds.get(key) ?? (!data.title || phase === "active" || phase === "broken");
  root.querySelector(".checklist-mark").replaceChildren(icon(PHASE_ICONS[phase]));
  root.querySelector(".section-title").replaceChildren(...rich(data.title));
  root.querySelector(".checklist-count").textContent = checklistCount(data.rows, phase, done);
  const bar = root.querySelector(".bar");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", t("card.progress", { total: data.rows.length, done }));
  bar.setAttribute("aria-valuenow", String(done));
  bar.setAttribute("aria-valuemax", String(data.rows.length));
  bar.hidden = phase === "idle" || phase === "done";
  root.querySelector(".bar-fill").style.width = `${data.rows.length ? (100 * done) / data.rows.length : 0}%`;
  patch(root.querySelector(".steps"), data.rows, step);
  return root;
}

function checklistFrame(key, folds) {
  const summary = el("summary", { class: "checklist-head", onclick: () => folds.set(key, !root.open) },
    el("span", { class: "checklist-mark" }), el("h4", { class: "section-title" }), el("span", { class: "checklist-count" }), icon("right"));
  const root = el("details", { class: "section checklist" }, summary,
    el("div", { class: "bar" }, el("div", { class: "bar-fill" })), el("ol", { class: "steps" }));
  return root;
}

function phaseOf(rows) {
  if (rows.some((row) => row.state === "failed" || row.state === "refused" || row.state === "unknown")) return "broken";
  if (rows.every((row) => row.state === "pending" || row.state === "skipped")) return "idle";
  return rows.every((row) => row.state === "succeeded" || row.state === "skipped") ? "done" : "active";
}

function checklistCount(rows, phase, done) {
  if (phase === "idle") return t(`state.${rows[0]?.state ?? "pending"}`);
  const took = rows.reduce((sum, row) => sum + (row.elapsed_ms ?? 0), 0);
  if (phase === "active") return `${done}/${rows.length}`;
  return phase === "done" ? elapsed(took) : `${done}/${rows.length} · ${elapsed(took)}`;
}

function step(row) {
  return el("li", { class: "step", "data-state": row.state },
    el("span", { class: "step-mark", role: "img", "aria-label": t(`state.${row.state}`) }, icon(STATE_ICONS[row.state] ?? "dot")),
    el("span", { class: "step-text" },
      el("span", { class: "step-label" }, rich(row.label)),
      row.detail ? el("span", { class: "step-detail" }, rich(row.detail)) : null),
    el("span", { class: "step-time" }, row.elapsed_ms === null ? "" : elapsed(row.elapsed_ms)));
}
