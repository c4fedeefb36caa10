// A whole frame: its faces one after the other, and boxes drawn around those that the detector missed.
// Boxes are [left, top, right, bottom] as shares of the picture's sides, whatever its size on screen.

const LETTERS = { female: 'W', male: 'M', undecided: 'U', no_face: 'N' };
const STEP = 0.01;

export class Frame {
  constructor(item, picture, marks, loupe, image) {
    Object.assign(this, { item, picture, marks, loupe, image });
    this.faces = item.faces.map(({ index, box }) => ({ index, box, answer: null }));
    this.current = 0;
    this.drawing = null; // a box that follows the keyboard
    this.changed = () => {};
    this.refused = () => {};
  }

  take(said) {
    for (const face of this.faces) face.answer = said.found[face.index] ?? null;
    this.faces.push(...said.missed.map(({ box, answer }) => ({ index: null, box, answer })));
    this.current = Math.max(0, this.open());
  }

  get said() {
    return {
      found: Object.fromEntries(this.faces.filter(face => face.index !== null).map(face => [face.index, face.answer])),
      missed: this.faces.filter(face => face.index === null).map(({ box, answer }) => ({ box, answer })),
    };
  }

  get isStarted() { return this.faces.some(face => face.answer || face.index === null); }
  get face() { return this.faces[this.current]; }
  open() { return this.faces.findIndex(face => !face.answer); }

  answer(answer) {
    if (!this.face) return;
    if (this.face.index === null && answer === 'no_face') { this.remove(); return; }
    this.face.answer = answer;
    const behind = this.faces.findIndex((face, at) => at > this.current && !face.answer);
    const next = behind >= 0 ? behind : this.open();
    if (next >= 0) this.current = next;
    this.show();
    this.changed();
  }

  // The latest answer that is not saved yet goes first; false where there is none.
  undo() {
    if (this.drawing) { this.drawing = null; this.show(); return true; }
    const answered = this.faces.map((face, at) => (face.answer ? at : -1)).filter(at => at >= 0);
    const last = this.face?.answer ? this.current : Math.max(-1, ...answered.filter(at => at < this.current));
    const at = last >= 0 ? last : Math.max(-1, ...answered);
    if (at < 0) {
      if (this.face?.index !== null) return false;
      this.remove();
      return true;
    }
    this.current = at;
    this.faces[at].answer = null;
    this.show();
    this.changed();
    return true;
  }

  choose(by) {
    if (!this.faces.length) return;
    this.current = (this.current + by + this.faces.length) % this.faces.length;
    this.show();
    this.changed();
  }

  remove() {
    this.faces.splice(this.current, 1);
    this.current = Math.max(0, Math.min(this.current, this.faces.length - 1));
    if (this.open() >= 0) this.current = this.open();
    this.show();
    this.changed();
  }

  add(given) {
    const [left, right] = [given[0], given[2]].sort((a, b) => a - b).map(inside);
    const [top, bottom] = [given[1], given[3]].sort((a, b) => a - b).map(inside);
    const box = [left, top, right, bottom];
    const twin = this.faces.findIndex(face => overlap(face.box, box) >= 0.5);
    if (twin >= 0) {
      this.current = twin;
      this.refused(`Face ${twin + 1} is there already: answer that one.`);
    } else if (bottom - top < this.item.minHeight) {
      this.refused('A face as small as that does not count: leave it.');
    } else {
      this.faces.push({ index: null, box, answer: null });
      this.current = this.faces.length - 1;
      this.changed();
    }
    this.show();
  }

  startKeyboard() {
    const [width, height] = this.item.size;
    const high = Math.max(0.2, this.item.minHeight * 1.2);
    const wide = (high * 0.8 * height) / width;
    this.drawing = [0.5 - wide / 2, 0.5 - high / 2, 0.5 + wide / 2, 0.5 + high / 2];
    this.show();
  }

  // Keys while a box follows the keyboard; false where a key means nothing to it.
  key(name, shift) {
    const box = this.drawing;
    if (name === 'Escape') this.drawing = null;
    else if (name === 'Enter') { this.drawing = null; this.add(box); return true; }
    else if (name.startsWith('Arrow')) {
      const across = name === 'ArrowLeft' ? -STEP : name === 'ArrowRight' ? STEP : 0;
      const down = name === 'ArrowUp' ? -STEP : name === 'ArrowDown' ? STEP : 0;
      const moved = shift ? [box[0], box[1], box[2] + across, box[3] + down]
        : [box[0] + across, box[1] + down, box[2] + across, box[3] + down];
      if (moved[2] - moved[0] >= STEP && moved[3] - moved[1] >= STEP && moved.every(at => at >= 0 && at <= 1)) this.drawing = moved;
    } else return false;
    this.show();
    return true;
  }

  show() {
    const shown = this.item.small.map(box => mark(box, 'small'));
    this.faces.forEach((face, at) => shown.push(this.button(face, at)));
    if (this.drawing) shown.push(mark(this.drawing, 'plain own current'));
    const focused = this.marks.contains(document.activeElement);
    this.marks.replaceChildren(...shown);
    if (focused) this.marks.querySelector('.current[data-at]')?.focus({ preventScroll: true });
    this.magnify();
  }

  button(face, at) {
    const own = face.index === null ? ' own' : '';
    const it = mark(face.box, `${face.answer ? 'said' : ''}${own}${at === this.current && !this.drawing ? ' current' : ''}`, 'button');
    it.type = 'button';
    const tag = document.createElement('span');
    tag.className = 'tag';
    tag.textContent = `${at + 1}${face.answer ? ` ${LETTERS[face.answer]}` : ''}`;
    it.append(tag);
    const words = { female: 'woman', male: 'man', undecided: 'cannot tell', no_face: 'not a face' };
    it.setAttribute('aria-label', `Face ${at + 1}, ${face.answer ? words[face.answer] : 'open'}${own ? ', marked by you' : ''}`);
    it.setAttribute('aria-pressed', String(at === this.current));
    it.dataset.at = at;
    if (face.box[1] < 0.06) it.classList.add('below');
    return it;
  }

  // The face at hand, large, with as much around it again.
  magnify() {
    const box = this.drawing ?? this.face?.box;
    this.loupe.hidden = !box;
    if (!box || !this.image.naturalWidth) return;
    const [width, height] = [this.image.naturalWidth, this.image.naturalHeight];
    const side = 2 * Math.max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 8);
    const [x, y] = [((box[0] + box[2]) / 2) * width - side / 2, ((box[1] + box[3]) / 2) * height - side / 2];
    const canvas = this.loupe.getContext('2d');
    canvas.fillStyle = '#000';
    canvas.fillRect(0, 0, this.loupe.width, this.loupe.height);
    canvas.imageSmoothingQuality = 'high';
    canvas.drawImage(this.image, x, y, side, side, 0, 0, this.loupe.width, this.loupe.height);
  }

  // Drags become boxes; what hardly moves is a click, which chooses the face under it.
  watch(signal, mayDraw) {
    let start = null;
    let rubber = null;
    const at = event => {
      const { left, top, width, height } = this.picture.getBoundingClientRect();
      return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
    };
    this.picture.addEventListener('pointerdown', event => {
      if (event.button !== 0 || !mayDraw(event)) return;
      start = at(event);
      this.picture.setPointerCapture(event.pointerId);
    }, { signal });
    this.picture.addEventListener('pointermove', event => {
      if (!start) return;
      const end = at(event);
      rubber?.remove();
      rubber = mark([Math.min(start[0], end[0]), Math.min(start[1], end[1]), Math.max(start[0], end[0]), Math.max(start[1], end[1])], 'plain own');
      this.marks.append(rubber);
    }, { signal });
    const end = event => {
      if (!start) return;
      const [from, to] = [start, at(event)];
      start = null;
      rubber?.remove();
      rubber = null;
      const { width, height } = this.picture.getBoundingClientRect();
      const moved = Math.max(Math.abs(from[0] - to[0]) * width, Math.abs(from[1] - to[1]) * height);
      if (event.type === 'pointercancel') return;
      if (moved >= 6) this.add([...from, ...to]);
      else this.chooseAt(to);
    };
    this.picture.addEventListener('pointerup', end, { signal });
    this.picture.addEventListener('pointercancel', end, { signal });
    this.marks.addEventListener('click', event => {
      const button = event.target.closest('[data-at]');
      if (button && (event.detail === 0 || !mayDraw(event))) { this.current = Number(button.dataset.at); this.show(); this.changed(); }
    }, { signal });
  }

  chooseAt([x, y]) {
    const under = this.faces.findIndex(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    if (under >= 0) { this.current = under; this.show(); this.changed(); }
  }
}

export function mark(box, kind, element = 'div') {
  const it = document.createElement(element);
  it.className = `mark ${kind}`;
  it.style.left = `${100 * box[0]}%`;
  it.style.top = `${100 * box[1]}%`;
  it.style.width = `${100 * (box[2] - box[0])}%`;
  it.style.height = `${100 * (box[3] - box[1])}%`;
  return it;
}

function inside(share) { return Math.min(1, Math.max(0, share)); }

function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const common = Math.max(width, 0) * Math.max(height, 0);
  const area = box => (box[2] - box[0]) * (box[3] - box[1]);
  return common / (area(one) + area(other) - common);
}
