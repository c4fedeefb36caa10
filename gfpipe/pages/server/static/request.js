// Requests of a page to its server.

export class RequestError extends Error {}

// GET, or POST with a JSON body; `command` serves the page.
export async function request(path, body, changeKey, command) {
  const options = body === undefined ? {} : {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-gfpipe-change': changeKey },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError(`The server does not respond. Run ${command} again and open its new URL; what was saved is safe.`);
  }
  if (response.ok) return response;
  if (response.status === 403) throw new RequestError(`This page is out of date: open the URL that ${command} printed.`);
  const { problem } = await response.json().catch(() => ({}));
  throw new RequestError(problem ?? `The server returned status ${response.status}.`);
}
