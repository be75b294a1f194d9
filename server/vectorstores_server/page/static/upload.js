// Files and folders sent to the server: a few at a time, with progress, until cancelled. Files that have arrived are
// safe whatever happens to the page; those that had not when it was loaded again are named.
import { dropped } from "./dropped.js";
import { refresh } from "./live.js";
import { changeToken } from "./requests.js";

const AT_ONCE = 3;
const SHOWN = 200;

export function wireUpload() {
  const section = document.querySelector("[data-upload]");
  if (section) new Upload(section);
}

class Upload {
  constructor(section) {
    this.section = section;
    this.store = section.dataset.upload;
    this.waiting = [];
    this.running = new Map();
    this.done = this.failed = this.bytes = this.sent = this.count = 0;
    const drop = section.querySelector(".drop");
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", async (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.add(await dropped(event.dataTransfer));
    });
    for (const button of section.querySelectorAll("[data-picks]")) {
      const input = section.querySelector(`[data-pick="${button.dataset.picks}"]`);
      button.addEventListener("click", () => input.click());
      input.addEventListener("change", () => {
        this.add([...input.files].map((file) => ({ file, path: file.webkitRelativePath })));
        input.value = "";
      });
    }
    section.querySelector("[data-cancel]").addEventListener("click", () => this.cancel());
    this.tellOfLeftOver();
  }

  add(found) {
    if (this.waiting.length === 0 && this.running.size === 0) this.begin();
    for (const { file, path } of found) {
      this.waiting.push({ file, path: path || "" });
      this.bytes += file.size;
      this.count += 1;
    }
    if (found.length === 0) this.tellCount("Nothing was found to upload.");
    this.remember();
    this.next();
  }

  begin() {
    this.done = this.failed = this.bytes = this.sent = this.count = 0;
    this.section.querySelector(".uploads").replaceChildren();
    this.section.querySelector(".left-over").replaceChildren();
    this.section.querySelector(".sending").hidden = false;
    this.section.querySelector("[data-cancel]").hidden = false;
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.length > 0) this.send(this.waiting.shift());
    this.show();
    if (this.running.size === 0 && this.waiting.length === 0) this.end();
  }

  send({ file, path }) {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams({ filename: file.name, ...(path ? { path } : {}) });
    request.open("POST", `/page/stores/${encodeURIComponent(this.store)}/files?${query}`);
    request.setRequestHeader("x-change-token", changeToken());
    request.setRequestHeader("content-type", "application/octet-stream");
    const row = this.row(path || file.name);
    const entry = { file, path, row, sent: 0 };
    this.running.set(request, entry);
    request.upload.addEventListener("progress", (event) => {
      this.sent += event.loaded - entry.sent;
      entry.sent = event.loaded;
      this.show();
    });
    request.addEventListener("load", () => this.ended(request, request.status < 300 ? "" : reason(request)));
    request.addEventListener("error", () => this.ended(request, "The connection broke off."));
    request.addEventListener("abort", () => this.ended(request, "Cancelled."));
    request.send(file);
  }

  ended(request, problem) {
    const entry = this.running.get(request);
    this.running.delete(request);
    this.sent += entry.file.size - entry.sent;
    if (problem) {
      this.failed += 1;
      entry.row.classList.add("went-wrong");
      entry.row.lastChild.textContent = problem;
    } else {
      this.done += 1;
      entry.row.remove();
    }
    this.remember();
    this.next();
  }

  cancel() {
    this.waiting = [];
    for (const request of [...this.running.keys()]) request.abort();
    this.next();
  }

  row(name) {
    const list = this.section.querySelector(".uploads");
    const row = document.createElement("li");
    const label = document.createElement("bdi");
    label.textContent = name;
    const state = document.createElement("span");
    state.textContent = "on its way";
    row.append(label, state);
    if (list.childElementCount < SHOWN) list.append(row);
    return row;
  }

  show() {
    const bar = this.section.querySelector(".sending progress");
    bar.max = Math.max(1, this.bytes);
    bar.value = this.sent;
    const failures = this.failed ? `, ${this.failed} not` : "";
    this.tellCount(`${this.done} of ${this.count} uploaded${failures}`);
  }

  end() {
    this.section.querySelector("[data-cancel]").hidden = true;
    this.section.querySelector(".sending").hidden = this.failed === 0;
    const failures = this.failed ? ` ${this.failed} did not arrive.` : "";
    if (this.count) this.tellCount(`${this.done} of ${this.count} files are uploaded.${failures}`);
    refresh().catch(() => {});
  }

  tellCount(text) {
    this.section.querySelector(".count").textContent = text;
  }

  get key() {
    return `uploading ${this.store}`;
  }

  remember() {
    const left = [...[...this.running.values()], ...this.waiting].map(({ file, path }) => path || file.name);
    if (left.length) sessionStorage.setItem(this.key, JSON.stringify({ count: left.length, names: left.slice(0, 5) }));
    else sessionStorage.removeItem(this.key);
  }

  tellOfLeftOver() {
    const kept = sessionStorage.getItem(this.key);
    if (!kept) return;
    sessionStorage.removeItem(this.key);
    const { count, names } = JSON.parse(kept);
    const note = document.createElement("p");
    note.className = "note";
    const more = count > names.length ? ` and ${count - names.length} more` : "";
    note.textContent = `Not uploaded when the page was loaded anew: ${names.join(", ")}${more}. Add them again.`;
    this.section.querySelector(".left-over").replaceChildren(note);
  }
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return `The server answered ${request.status}.`;
  }
}
