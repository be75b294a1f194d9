// Parts of the page that change by themselves are fetched again as the server renders them, and put in place of the old.
// What is being used (a focus or a selection inside) is left alone until it is not.

const BUSY = 1000;
const IDLE = 10000;
const html = globalThis.trustedTypes?.createPolicy("page", { createHTML: (text) => text });

const parts = () => [...document.querySelectorAll("[data-live]")];
const delay = () => (parts().some((part) => part.dataset.live === "busy") ? BUSY : IDLE);
let timer;

export function keepLive() {
  if (parts().length === 0) return;
  timer = setTimeout(again, delay());
  document.addEventListener("visibilitychange", () => document.hidden || again());
}

async function again() {
  clearTimeout(timer);
  if (!document.hidden) await refresh().catch(() => {});
  timer = setTimeout(again, delay());
}

export async function refresh() {
  const reply = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!reply.ok || reply.redirected) return;
  const text = await reply.text();
  const fresh = new DOMParser().parseFromString(html ? html.createHTML(text) : text, "text/html");
  for (const part of parts()) {
    const next = fresh.getElementById(part.id);
    if (next && !isUsed(part) && next.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(next));
  }
}

function isUsed(part) {
  const selected = getSelection();
  return part.contains(document.activeElement) || (!selected.isCollapsed && part.contains(selected.anchorNode));
}
