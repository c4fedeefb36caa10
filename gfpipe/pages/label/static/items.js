// Items and their images, cached by position.

import { request } from './server.js';

const CACHE_SIZE = 16;

export class ItemCache {
  entries = new Map(); // position -> promise of { item, image }; the most recently used last
  current = null; // position on screen: its image is still in use

  get(position) {
    let entry = this.entries.get(position);
    if (!entry) {
      entry = fetchItem(position);
      entry.catch(() => this.entries.delete(position));
    }
    this.entries.delete(position);
    this.entries.set(position, entry);
    const surplus = [...this.entries.keys()].slice(0, Math.max(0, this.entries.size - CACHE_SIZE));
    for (const old of surplus) if (old !== this.current) this.drop(old);
    return entry;
  }

  drop(position) {
    const entry = this.entries.get(position);
    this.entries.delete(position);
    entry?.then(({ image }) => { if (position !== this.current) release(image); }, () => {});
  }

  // An item leaves the screen.
  leave(position, image) {
    if (!this.entries.has(position)) release(image);
  }
}

export async function fetchImage(position, kind) {
  try {
    const response = await request(`/api/items/${position}/${kind}.jpg`);
    const face = JSON.parse(response.headers.get('x-face') ?? 'null');
    return { url: URL.createObjectURL(await response.blob()), face };
  } catch (error) {
    return { problem: error.message };
  }
}

export function release(image) {
  if (image?.url) URL.revokeObjectURL(image.url);
}

async function fetchItem(position) {
  const item = await (await request(`/api/items/${position}`)).json();
  const image = item.problem ? { problem: item.problem } : await fetchImage(position, item.kind);
  return { item, image };
}
