// Calls to the room's API. A failed call throws Failure with sentences a person can read.

import { t } from "./texts.js";

export class Failure extends Error {
  constructor(status, error, answer = null) {
    super(error.summary);
    this.status = status;
    this.code = error.code;
    this.summary = error.summary;
    this.hint = error.hint ?? "";
    this.answer = answer;
  }
}

function unreachable() {
  return new Failure(0, { code: "network", summary: t("failed.network"), hint: t("failed.network_hint") });
}

function read(status, text) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw unreachable();
  }
  if (status >= 400) throw new Failure(status, answer.error ?? { code: String(status), summary: t("failed.network") }, answer);
  return answer;
}

export async function call(method, path, body = undefined) {
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw unreachable();
  }
  return read(response.status, await response.text());
}

// Sends one file as the raw body; XMLHttpRequest because fetch reports no upload progress.
export function upload(room, file, onProgress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", `/api/rooms/${encodeURIComponent(room)}/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(read(request.status, request.responseText).files[0]);
      } catch (failure) {
        reject(failure);
      }
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(unreachable());
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}

export function newId() {
  const raw = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
