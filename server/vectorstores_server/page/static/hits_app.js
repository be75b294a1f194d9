// The MCP App of `search`: the host hands over what was asked and what was found; pages come through the tool `read`.
import { listen, notify, request } from "./bridge.js";
import { element, hitList, passage } from "./hits.js";

const VERSION = "2026-01-26";
const HITS = "vector-stores/hits";
const AROUND = 1500;
const main = document.querySelector("main");
let host = {};

function show(result) {
  main.setAttribute("aria-busy", "false");
  const view = result._meta?.[HITS] ?? withoutMarks(result);
  const count = view.hits.length;
  const title = result.isError ? "Nothing was searched" : `${count || "No"} hit${count === 1 ? "" : "s"}`;
  const heading = element("h1", "", title);
  if (view.queries?.length) heading.append(" for ", element("q", "", element("bdi", "", view.queries.join(" · "))));
  const said = result.isError ? textOf(result) : (view.sentences ?? []);
  main.replaceChildren(
    heading,
    ...said.map((text) => element("p", result.isError ? "problem" : "note", text)),
    hitList(view.hits, (hit) => (view.reads && host.serverTools ? more(hit) : null)),
  );
}

// What a host that hands on no `_meta` has: the passages of the answer itself, their fences taken away.
function withoutMarks({ structuredContent, isError }) {
  const found = Array.isArray(structuredContent?.data) && !isError ? structuredContent.data : [];
  const hits = found.map(({ text = "", page, ...hit }) => ({
    ...hit,
    citation: page ? [`page ${page}`] : [],
    picture: Boolean(page),
    pieces: [[unfenced(text), false, false]],
  }));
  return { hits, reads: true };
}

const unfenced = (text) => text.replace(/^<(doc-[0-9a-f]+)>\n([\s\S]*)\n<\/\1>$/, "$2");

const textOf = (result) => (result.content ?? []).filter(({ type }) => type === "text").map(({ text }) => text);

function more(hit) {
  if (!hit.picture && !hit.chars) return null;
  const button = element("button", "small", hit.picture ? "Show the page" : "Show what is around it");
  button.type = "button";
  button.append(element("span", "hidden", ` of ${hit.filename}`));
  const place = element("div", "shown-place");
  place.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      place.replaceChildren(await (hit.picture ? picture(hit) : around(hit)));
      button.remove();
    } catch (error) {
      place.replaceChildren(element("p", "problem", error.message));
      button.disabled = false;
    }
  });
  return element("div", "", button, place);
}

async function read(given) {
  const result = await request("tools/call", { name: "read", arguments: given });
  if (result.isError) throw new Error(textOf(result).join(" "));
  return result;
}

async function picture(hit) {
  const { content } = await read({ uri: hit.uri, as: "image" });
  const image = content.find(({ type, mimeType }) => type === "image" && /^image\/(png|jpeg|webp)$/.test(mimeType));
  if (!image) throw new Error("There is no picture of this page.");
  const shown = element("img", "sheet");
  shown.alt = `The page of ${hit.filename} with the passage marked`;
  shown.src = `data:${image.mimeType};base64,${image.data}`;
  return shown;
}

async function around({ chars: [start, end], file_id, vector_store_id, pieces }) {
  const piece = async (first, last) => {
    if (last <= first) return "";
    const { structuredContent } = await read({ file_id, vector_store_id, start: first, end: last });
    return unfenced(structuredContent?.text ?? "");
  };
  const before = await piece(Math.max(0, start - AROUND), start);
  const after = await piece(end, end + AROUND).catch(() => "");
  return passage([[before, false, false], ...pieces.filter(([, marked]) => marked), [after, false, false]]);
}

function follow(context) {
  if (context.theme) document.documentElement.dataset.theme = context.theme === "dark" ? "dark" : "light";
}

listen({
  ping: () => ({}),
  "ui/resource-teardown": () => ({}),
  "ui/notifications/tool-result": show,
  "ui/notifications/host-context-changed": follow,
  "ui/notifications/tool-cancelled": () => show({ isError: true, content: [{ type: "text", text: "It was cancelled." }] }),
});

const begun = await request("ui/initialize", {
  appInfo: { name: "vector-stores-hits", version: "1" },
  appCapabilities: {},
  protocolVersion: VERSION,
});
host = begun.hostCapabilities ?? {};
follow(begun.hostContext ?? {});
notify("ui/notifications/initialized");
new ResizeObserver(() => {
  const { width, height } = document.documentElement.getBoundingClientRect();
  notify("ui/notifications/size-changed", { width: Math.ceil(width), height: Math.ceil(height) });
}).observe(document.documentElement);
