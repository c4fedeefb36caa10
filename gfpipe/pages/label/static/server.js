// Requests to the page's server, and drafts of frames that are not saved yet.

export class RequestError extends Error {}

let session = null;

export async function openSession() {
  session = await (await request('/api/session')).json();
  return session;
}

// GET, or POST with a JSON body.
export async function request(path, body) {
  const options = body === undefined ? {} : {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-gfpipe-change': session.changeKey },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError('The server does not respond. Run gfpipe label serve again and open its new URL; saved answers are safe.');
  }
  if (response.ok) return response;
  if (response.status === 403) throw new RequestError('This page is out of date: open the URL that gfpipe label serve printed.');
  const { problem } = await response.json().catch(() => ({}));
  throw new RequestError(problem ?? `The server returned status ${response.status}.`);
}

// The answers to a frame are saved together. Until then they are stored in the browser, to survive a reload.
export const drafts = {
  key(position) { return ['gfpipe', session.queue, session.drawn, session.annotator, position].join('/'); },
  read(position) { try { return JSON.parse(localStorage.getItem(this.key(position))); } catch { return null; } },
  write(position, answers) { try { localStorage.setItem(this.key(position), JSON.stringify(answers)); } catch { /* storage full or disabled */ } },
  remove(position) { try { localStorage.removeItem(this.key(position)); } catch { /* storage disabled */ } },
};
