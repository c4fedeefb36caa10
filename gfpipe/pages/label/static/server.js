// Requests to the page's server, and drafts of frames that are not saved yet.

import { request as send, RequestError } from './request.js';

export { RequestError };

let session = null;

export async function openSession() {
  session = await (await request('/api/session')).json();
  return session;
}

export const request = (path, body) => send(path, body, session?.changeKey, 'gfpipe label serve');

// Whether this browser opens the page for the first time, so that the help is read before the first answer.
export function isFirstVisit() {
  try {
    const isFirst = !localStorage.getItem('gfpipe/help');
    localStorage.setItem('gfpipe/help', 'shown');
    return isFirst;
  } catch { return false; } // storage disabled
}

// The answers to a frame are saved together. Until then they are stored in the browser, to survive a reload.
export const drafts = {
  key(position) { return ['gfpipe', session.queue, session.drawn, session.annotator, position].join('/'); },
  read(position) { try { return JSON.parse(localStorage.getItem(this.key(position))); } catch { return null; } },
  write(position, answers) { try { localStorage.setItem(this.key(position), JSON.stringify(answers)); } catch { /* storage full or disabled */ } },
  remove(position) { try { localStorage.removeItem(this.key(position)); } catch { /* storage disabled */ } },
};
