// The server's REST door: every request goes through here, with the token where one is needed.

import { el } from "./dom.js";
import { say } from "./words.js";

const KEY = "gatecast-token";

export class Problem extends Error {
  constructor(status, { problem, value, fix, findings, rows } = {}) {
    super(problem || say("error_unknown"));
    Object.assign(this, { status, value, fix, findings, rows });
  }
}

let asking = null;  // one prompt, however many requests wait for it

function askToken(again) {
  asking ??= new Promise((resolve, reject) => {
    const dialog = document.getElementById("token");
    const input = document.getElementById("token-value");
    document.getElementById("token-wrong").textContent = again ? say("token_wrong") : "";
    input.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      asking = null;
      if (dialog.returnValue === "ok") {
        sessionStorage.setItem(KEY, input.value.trim());
        resolve();
      } else {
        reject(new Problem(401, { problem: say("token_needed"), fix: say("token_needed_fix") }));
      }
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

async function send(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { problem: say("error_offline"), fix: say("error_offline_fix") });
  }
  if (response.status === 401) {
    await askToken(token !== null && token === sessionStorage.getItem(KEY));
    return send(path, options);
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Problem(response.status, told.error);
  }
  return response;
}

export async function get(path, options) {
  return (await send(path, options)).json();
}

export async function getText(path) {
  return (await send(path)).text();
}

function posted(path, body, accept = "application/json") {
  const json = !(body instanceof FormData);
  return send(path, {
    method: "POST",
    body: json ? JSON.stringify(body) : body,
    headers: { Accept: accept, ...(json ? { "Content-Type": "application/json" } : {}) },
  });
}

export async function post(path, body) {
  return (await posted(path, body)).json();
}

export async function remove(path) {
  const response = await send(path, { method: "DELETE" });
  return response.status === 204 ? null : response.json();
}

// A file and settings; what is empty is left to the server.
export function form(file, settings) {
  const data = new FormData();
  data.append("file", file, file.name);
  for (const [key, value] of Object.entries(settings)) {
    if (value !== "" && value !== null && value !== undefined && value !== false) {
      data.append(key, String(value));
    }
  }
  return data;
}

export async function download(path, name) {
  await save(await send(path), name);
}

export async function downloadPosted(path, body, accept, name) {
  await save(await posted(path, body, accept), name);
}

async function save(response, name) {
  const url = URL.createObjectURL(await response.blob());
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Server-sent events over fetch, which can carry the token. Ends with the stream.
export async function listen(path, told, signal) {
  const response = await send(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard += value.replaceAll("\r", "");
    let end;
    while ((end = heard.indexOf("\n\n")) >= 0) {
      const lines = heard.slice(0, end).split("\n");
      heard = heard.slice(end + 2);
      const data = lines.filter(line => line.startsWith("data:")).map(line => line.slice(5));
      if (data.length) told(JSON.parse(data.join("\n")));
    }
  }
}
