// Start: sentences, session, then sign-in or the room.

import { call } from "./api.js";
import { Room } from "./room.js";
import { signIn } from "./signin.js";
import { loadTexts } from "./texts.js";

const container = document.getElementById("app");

async function start(notice = "") {
  let session = await call("GET", "/api/session");
  if (!session.person) session = await signIn(session, container, notice);
  const room = new Room(session, container, (reason) => start(reason));
  await room.start();
}

await loadTexts(new URLSearchParams(location.search).get("lang"));
await start();
