// JSON-RPC 2.0 with the host of this document, over postMessage: what is asked of it, told to it, and heard from it.
// Only the window that holds this one is listened to.

const waiting = new Map();
let asked = 0;

const post = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");

export const notify = (method, params = {}) => post({ method, params });

export function request(method, params = {}) {
  asked += 1;
  post({ id: asked, method, params });
  return new Promise((resolve, reject) => waiting.set(asked, { resolve, reject }));
}

// `handlers` has a function for each method that the host may call; a request is answered with what it returns.
export function listen(handlers) {
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || data?.jsonrpc !== "2.0") return;
    if (typeof data.method === "string") hear(data, Object.hasOwn(handlers, data.method) && handlers[data.method]);
    else settle(data);
  });
}

function hear({ id, method, params }, handler) {
  const answer = handler ? handler(params ?? {}) : undefined;
  if (id === undefined) return;
  if (handler) post({ id, result: answer ?? {} });
  else post({ id, error: { code: -32601, message: `Unknown method: ${method}` } });
}

function settle({ id, result, error }) {
  const promise = waiting.get(id);
  waiting.delete(id);
  if (error) promise?.reject(new Error(error.message || "The host refused."));
  else promise?.resolve(result);
}
