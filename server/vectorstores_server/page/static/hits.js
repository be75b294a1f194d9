// Hits as the page shows them, made of facts. Every text of a document is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export const isolated = (text) => element("bdi", "", text);

// `more` returns what can be shown of a hit besides, or nothing.
export function hitList(hits, more) {
  const list = element("ol", "hits");
  for (const hit of hits) list.append(item(hit, more(hit)));
  return list;
}

function item(hit, ...more) {
  const head = element("div", "hit-head", element("h2", "", isolated(hit.filename)), score(hit));
  const made = element("li", "hit", head);
  if (hit.citation?.length) made.append(element("p", "citation", isolated(hit.citation.join(" · "))));
  if (hit.source && hit.source !== hit.filename) made.append(element("p", "muted source", isolated(hit.source)));
  made.append(passage(hit.pieces ?? []));
  const attributes = Object.entries(hit.attributes ?? {});
  if (attributes.length) made.append(chips(attributes));
  made.append(...more.filter(Boolean));
  return made;
}

export function passage(pieces) {
  const quote = element("blockquote", "passage");
  quote.dir = "auto";
  let mark = null;
  for (const [text, marked, asked] of pieces) {
    if (marked && !mark) quote.append((mark = element("mark")));
    if (!marked) mark = null;
    (mark ?? quote).append(asked ? element("b", "", text) : text);
  }
  return quote;
}

function score(hit) {
  const said = [element("span", "hidden", "Score "), element("strong", "", hit.score.toFixed(2))];
  const { meaning, wording } = hit;
  if (meaning === undefined && wording === undefined) return element("p", "score", ...said);
  const halves = [
    meaning === undefined ? "no meaning" : `meaning ${meaning.toFixed(2)}`,
    ...(wording === undefined ? [] : [`words ${wording.toFixed(2)}`]),
  ];
  return element("p", "score", ...said, bar(meaning, wording), element("span", "halves", halves.join(", ")));
}

function bar(meaning = 0, wording = 0) {
  const svg = drawn("svg", { class: "bar", viewBox: "0 0 100 8", width: 100, height: 8, "aria-hidden": "true" });
  const half = (name, x, width) => drawn("rect", { class: name, x, y: 0, width, height: 8, rx: 2 });
  svg.append(half("rail", 0, 49), half("rail", 51, 49));
  svg.append(half("meaning", 49 - 49 * meaning, 49 * meaning), half("wording", 51, 49 * wording));
  return svg;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

function chips(attributes) {
  const list = element("ul", "chips");
  list.setAttribute("aria-label", "Attributes");
  for (const [key, value] of attributes) {
    list.append(element("li", "", element("span", "chip", isolated(`${key}: ${value}`.slice(0, 90)))));
  }
  return list;
}
