// Dialogs that ask, and what is done when they are answered.
import { refresh } from "./live.js";
import { change, tell } from "./requests.js";

const V1 = "/page/v1";
const AT_ONCE = 4;
const storePath = (form) => `${V1}/vector_stores/${encodeURIComponent(form.dataset.store)}`;
const filePath = (form) => `${storePath(form)}/files/${encodeURIComponent(form.dataset.file)}`;

const CHANGES = {
  async "create-store"(form) {
    const { name, description, days } = Object.fromEntries(new FormData(form));
    const body = { name };
    if (description) body.description = description;
    if (days) body.expires_after = { anchor: "last_active_at", days: Number(days) };
    const store = await change("POST", `${V1}/vector_stores`, body);
    location.assign(`/stores/${encodeURIComponent(store.id)}`);
  },
  async "rename-store"(form) {
    await change("POST", storePath(form), { name: new FormData(form).get("name") });
    location.reload();
  },
  async "delete-store"(form) {
    if (new FormData(form).has("everywhere")) await deleteFiles(form);
    await change("DELETE", storePath(form));
    location.assign("/");
  },
  async "edit-file"(form) {
    await change("POST", filePath(form), { attributes: attributesOf(form) });
    await done(form, "The attributes are saved.");
  },
  async "delete-file"(form) {
    const everywhere = new FormData(form).has("everywhere");
    await change("DELETE", everywhere ? `${V1}/files/${encodeURIComponent(form.dataset.file)}` : filePath(form));
    await done(form, everywhere ? "The file is deleted." : "The file is out of this store.");
  },
};

// The files of a store, a page at a time: what is deleted is not on the next one. One that fails ends it, with its reason.
async function deleteFiles(form) {
  for (let deleted = 0; ; ) {
    const { data } = await change("GET", `${storePath(form)}/files?limit=100`);
    if (data.length === 0) return;
    while (data.length > 0) {
      const some = data.splice(0, AT_ONCE);
      await Promise.all(some.map(({ id }) => change("DELETE", `${V1}/files/${encodeURIComponent(id)}`)));
      deleted += some.length;
      tell(`${deleted} files are deleted.`);
    }
  }
}

export function wireChanges() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) open(document.getElementById(opener.dataset.opens), opener);
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    if (event.target.closest("[data-adds]")) addPair(event.target.closest("form")).focus();
    if (event.target.closest("[data-removes]")) event.target.closest(".pair").remove();
  });
  for (const form of document.querySelectorAll("form[data-change]")) form.addEventListener("submit", submit);
}

async function submit(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const problem = form.querySelector(".problem");
  const button = form.querySelector("[type=submit]");
  problem.textContent = "";
  button.disabled = true;
  try {
    await CHANGES[form.dataset.change](form);
  } catch (error) {
    problem.textContent = error.message;
  }
  button.disabled = false;
}

async function done(form, text) {
  form.closest("dialog").close();
  document.activeElement?.blur();
  await refresh();
  tell(text);
}

function open(dialog, opener) {
  const form = dialog.querySelector("form");
  form.querySelector(".problem").textContent = "";
  if (opener.dataset.file) form.dataset.file = opener.dataset.file;
  for (const shown of form.querySelectorAll("[data-shows]")) shown.textContent = opener.dataset[shown.dataset.shows];
  const pairs = form.querySelector(".pairs");
  if (pairs) {
    pairs.replaceChildren();
    for (const [key, value] of Object.entries(JSON.parse(opener.dataset.attributes))) addPair(form, key, value);
  }
  dialog.showModal();
}

const KINDS = { string: "text", number: "number", boolean: "yes or no" };

function addPair(form, key = "", value = "") {
  const pair = document.createElement("div");
  pair.className = "pair";
  const name = field("Name", key, 64);
  const held = field("Value", String(value), 512);
  const kind = document.createElement("select");
  kind.setAttribute("aria-label", "Kind");
  for (const [type, label] of Object.entries(KINDS)) kind.add(new Option(label, type, false, typeof value === type));
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "small";
  remove.dataset.removes = "";
  remove.textContent = "Remove";
  pair.append(name, held, kind, remove);
  form.querySelector(".pairs").append(pair);
  return name;
}

function field(label, value, longest) {
  const input = document.createElement("input");
  input.setAttribute("aria-label", label);
  input.placeholder = label;
  input.maxLength = longest;
  input.value = value;
  return input;
}

function attributesOf(form) {
  const attributes = {};
  for (const pair of form.querySelectorAll(".pair")) {
    const [name, held] = pair.querySelectorAll("input");
    if (name.value.trim()) attributes[name.value.trim()] = typed(held.value, pair.querySelector("select").value, name.value);
  }
  return attributes;
}

function typed(text, kind, name) {
  if (kind === "string") return text;
  if (kind === "number") {
    if (text.trim() === "" || !Number.isFinite(Number(text))) throw new Error(`${name}: "${text}" is no number.`);
    return Number(text);
  }
  if (/^(yes|true)$/i.test(text.trim())) return true;
  if (/^(no|false)$/i.test(text.trim())) return false;
  throw new Error(`${name}: write yes or no.`);
}
