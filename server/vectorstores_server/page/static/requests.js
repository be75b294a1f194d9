// Requests that change something: they carry the token of this session, and an error is a sentence.

export const changeToken = () => document.querySelector('meta[name="change-token"]').content;

export async function change(method, path, body) {
  const headers = { "x-change-token": changeToken() };
  if (body !== undefined) headers["content-type"] = "application/json";
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(answer.error?.message ?? `The server answered ${reply.status}.`);
  return answer;
}

export function tell(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  setTimeout(() => {
    if (status.textContent === text) status.textContent = "";
  }, 5000);
}
