// The client of the TypeScript SDK, run with packages of its own; prints what came back as JSON.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [usual, held] = process.argv.slice(2).map((given) => JSON.parse(given));
const patience = { timeout: 120_000 };

async function opened(server) {
  const client = new Client({ name: "a", version: "1" });
  await client.connect(new StdioClientTransport({ ...server, env: process.env }), patience);
  return client;
}

const call = (client, name, args, options = {}) =>
  client.callTool({ name, arguments: args }, undefined, { ...patience, ...options });
const text = (result) => result.content[0].text;

const report = { progress: [] };
let client = await opened(usual);
report.tools = (await client.listTools({}, patience)).tools.map((tool) => tool.name).sort();
const made = await call(client, "create_store", { name: "s" });
let store = made.structuredContent.id;
report.made = text(made);
const bees = { text: "Bees make honey.", filename: "bees.txt", vector_store_id: store, wait_seconds: 50 };
const onprogress = (progress) => report.progress.push(progress.progress);
report.uploaded = text(await call(client, "upload_file", bees, { onprogress }));
report.found = text(await call(client, "search", { query: "honey", vector_store_id: store }));
const refused = await call(client, "retrieve", { vector_store_id: "vs_none" });
report.error = refused.isError ? text(refused) : "no error";
await client.close();

client = await opened(held);
store = (await call(client, "create_store", { name: "s" })).structuredContent.id;
const waiting = { text: "Waits.", filename: "w.txt", vector_store_id: store, wait_seconds: 50 };
const stop = new AbortController();
try {
  await call(client, "upload_file", waiting, { signal: stop.signal, onprogress: () => stop.abort("enough") });
} catch (error) {
  report.cancelled = String(error);
}
report.after = text(await call(client, "retrieve", { vector_store_id: store }));
await client.close();
console.log(JSON.stringify(report));
