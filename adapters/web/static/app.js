// Start: sentences, session, then sign-in or the room.

import { call } from "./api.js";
import { Room } from "./room.js";
import { signIn } from "./signin.js";
import { loadTexts } from "./texts.js";

const container = document.getElementById("app");

// Where somebody was on the way to when they had to sign in: a page of ours, never another site.
function wayOn() {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  const ours = /^\/(me|jobs\/J[0-9]{6}-[A-Z0-9]{6}|(act|upload|file)\/[A-Za-z0-9_.-]{1,4096})$/;
  return ours.test(next) ? next : "";
}

async function start(notice = "") {
  let session = await call("GET", "/api/session");
  if (!session.person) session = await signIn(session, container, notice);
  const next = wayOn();
  if (next) return location.replace(next);
  const room = new Room(session, container, (reason) => start(reason));
  await room.start();
}

await loadTexts(new URLSearchParams(location.search).get("lang"));
await start();
