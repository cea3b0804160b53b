// Times in Seoul, sizes, durations, and text in which digests are shown short.

import { el } from "./dom.js";
import { language, t } from "./texts.js";

const ZONE = "Asia/Seoul";
const SPECIAL = /\b([0-9a-f]{64})\b|\b[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+\b|`([^`\n]{1,200})`/g;
const WHOLE_CHARACTERS = 32; // a longer name may not fit on a phone

function formatter(options) {
  return new Intl.DateTimeFormat(language() === "ko" ? "ko-KR" : "en-GB", { timeZone: ZONE, ...options });
}

export function clockTime(iso) {
  return formatter({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(iso));
}

export function fullTime(iso) {
  return formatter({
    year: "numeric", month: "long", day: "numeric", weekday: "short",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).format(new Date(iso));
}

export function dayKey(iso) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date(iso));
}

export function dayName(iso) {
  const day = formatter({ year: "numeric", month: "long", day: "numeric", weekday: "long" }).format(new Date(iso));
  const key = dayKey(iso);
  if (key === dayKey(Date.now())) return `${t("day.today")} · ${day}`;
  if (key === dayKey(Date.now() - 86_400_000)) return `${t("day.yesterday")} · ${day}`;
  return day;
}

export function bytes(size) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  let left = size;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}

export function elapsed(ms) {
  if (ms < 1000) return t("time.ms", { count: ms });
  if (ms < 60_000) return t("time.seconds", { count: (ms / 1000).toFixed(ms < 10_000 ? 1 : 0) });
  const seconds = Math.round(ms / 1000);
  return t("time.minutes", { count: Math.floor(seconds / 60), size: seconds % 60 });
}

// Text nodes; every SHA-256 becomes a button that shows it whole, and names with hyphens (hosts,
// job ids, SRs) stay on one line where they fit, and what is to be typed looks so.
export function rich(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(SPECIAL)) {
    const command = match[2];
    const whole = match[0].length > WHOLE_CHARACTERS ? match[0] : el("span", { class: "whole" }, match[0]);
    nodes.push(text.slice(from, match.index), match[1] ? digest(match[0]) : command ? el("code", {}, command) : whole);
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

// The same where there is room for plain words only.
export function plain(text) {
  return text.replaceAll("`", "");
}

function digest(value) {
  const short = `${value.slice(0, 12)}…`;
  const button = el("button", {
    class: "digest", type: "button", title: value, "aria-expanded": "false",
    "aria-label": `SHA-256 ${value.slice(0, 12)}. ${t("card.copy_digest")}`,
    onclick: () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? value : short;
      if (open) getSelection().selectAllChildren(button);
    },
  }, short);
  return button;
}
