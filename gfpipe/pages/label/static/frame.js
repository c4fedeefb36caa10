// Editor of a frame: answers to its faces, and boxes around faces that the detector missed.
// Boxes are [left, top, right, bottom] as fractions of the picture's sides.

import { $, ANSWER_NAMES } from './view.js';

const LETTERS = { female: 'W', male: 'M', undecided: 'U', no_face: 'N' };
const STEP = 0.01;
const SAME_FACE_IOU = 0.5;
const DRAG_PIXELS = 6; // shorter drags are clicks

export class FrameEditor {
  current = 0; // index of the selected face
  draft = null; // box that is moved with the keyboard
  onChange = () => {};
  onRefusal = () => {};

  constructor(item) {
    this.item = item;
    this.faces = item.faces.map(({ index, box }) => ({ index, box, answer: null })); // marked faces have no index
  }

  restore({ detected, missed }) {
    for (const face of this.faces) face.answer = detected[face.index] ?? null;
    this.faces.push(...missed.map(({ box, answer }) => ({ index: null, box, answer })));
    this.current = Math.max(0, this.open());
  }

  get answers() {
    return {
      detected: Object.fromEntries(this.faces.filter(face => face.index !== null).map(face => [face.index, face.answer])),
      missed: this.faces.filter(face => face.index === null).map(({ box, answer }) => ({ box, answer })),
    };
  }

  get isStarted() { return this.faces.some(face => face.answer || face.index === null); }
  get face() { return this.faces[this.current]; }
  open() { return this.faces.findIndex(face => !face.answer); }

  select(index) {
    this.current = index;
    this.show();
    this.onChange();
  }

  step(by) {
    if (this.faces.length) this.select((this.current + by + this.faces.length) % this.faces.length);
  }

  answer(answer) {
    if (!this.face) return;
    if (this.face.index === null && answer === 'no_face') { this.remove(); return; }
    this.face.answer = answer;
    const following = this.faces.findIndex((face, index) => index > this.current && !face.answer);
    const next = following >= 0 ? following : this.open();
    this.select(next >= 0 ? next : this.current);
  }

  // Remove the latest unsaved answer or box; return false if there is none.
  undo() {
    if (this.draft) { this.draft = null; this.show(); return true; }
    const answered = this.faces.flatMap((face, index) => (face.answer ? [index] : []));
    const last = this.face?.answer ? this.current : answered.findLast(index => index < this.current) ?? answered.at(-1);
    if (last === undefined) {
      if (this.face?.index !== null) return false;
      this.remove();
      return true;
    }
    this.faces[last].answer = null;
    this.select(last);
    return true;
  }

  remove() {
    this.faces.splice(this.current, 1);
    const open = this.open();
    this.select(open >= 0 ? open : Math.max(0, Math.min(this.current, this.faces.length - 1)));
  }

  add([x1, y1, x2, y2]) {
    const box = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)].map(clamp);
    const existing = this.faces.findIndex(face => iou(face.box, box) >= SAME_FACE_IOU);
    if (existing >= 0) {
      this.select(existing);
      this.onRefusal(`Face ${existing + 1} is already there: answer that one.`);
    } else if (box[3] - box[1] < this.item.minHeight) {
      this.show();
      this.onRefusal('This face is too small to count: leave it out.');
    } else {
      this.faces.push({ index: null, box, answer: null });
      this.select(this.faces.length - 1);
    }
  }

  // Start a box in the centre that is moved with the keyboard.
  startDraft() {
    const [width, height] = this.item.size;
    const boxHeight = Math.max(0.2, this.item.minHeight * 1.2);
    const boxWidth = (boxHeight * 0.8 * height) / width;
    this.draft = [0.5 - boxWidth / 2, 0.5 - boxHeight / 2, 0.5 + boxWidth / 2, 0.5 + boxHeight / 2];
    this.show();
  }

  // Handle a key while there is a draft; return false for keys without a meaning.
  onDraftKey(key, shift) {
    const box = this.draft;
    if (key === 'Escape') this.draft = null;
    else if (key === 'Enter') { this.draft = null; this.add(box); return true; }
    else if (key.startsWith('Arrow')) {
      const x = key === 'ArrowLeft' ? -STEP : key === 'ArrowRight' ? STEP : 0;
      const y = key === 'ArrowUp' ? -STEP : key === 'ArrowDown' ? STEP : 0;
      const moved = [shift ? box[0] : box[0] + x, shift ? box[1] : box[1] + y, box[2] + x, box[3] + y];
      if (moved[2] - moved[0] >= STEP && moved[3] - moved[1] >= STEP && moved.every(value => value >= 0 && value <= 1)) this.draft = moved;
    } else return false;
    this.show();
    return true;
  }

  show() {
    const marks = [...this.item.small.map(box => mark(box, 'small')), ...this.faces.map((face, index) => this.button(face, index))];
    if (this.draft) marks.push(mark(this.draft, 'plain marked current'));
    const hasFocus = $('marks').contains(document.activeElement);
    $('marks').replaceChildren(...marks);
    if (hasFocus) $('marks').querySelector('.current[data-index]')?.focus({ preventScroll: true });
    this.magnify();
  }

  button(face, index) {
    const isMarked = face.index === null;
    const isCurrent = index === this.current && !this.draft;
    const classes = [face.answer && 'answered', isMarked && 'marked', isCurrent && 'current', face.box[1] < 0.06 && 'tag-below'];
    const button = mark(face.box, classes.filter(Boolean).join(' '), 'button');
    button.type = 'button';
    button.dataset.index = index;
    button.setAttribute('aria-label', `Face ${index + 1}, ${face.answer ? ANSWER_NAMES[face.answer] : 'open'}${isMarked ? ', marked by you' : ''}`);
    button.setAttribute('aria-pressed', String(index === this.current));
    const tag = document.createElement('span');
    tag.className = 'tag';
    tag.textContent = `${index + 1}${face.answer ? ` ${LETTERS[face.answer]}` : ''}`;
    button.append(tag);
    return button;
  }

  // Enlarge the selected face, at twice its box.
  magnify() {
    const [box, canvas, image] = [this.draft ?? this.face?.box, $('magnifier'), $('image')];
    canvas.hidden = !box;
    if (!box || !image.naturalWidth) return;
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const side = 2 * Math.max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 8);
    const [x, y] = [((box[0] + box[2]) / 2) * width - side / 2, ((box[1] + box[3]) / 2) * height - side / 2];
    const context = canvas.getContext('2d');
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, x, y, side, side, 0, 0, canvas.width, canvas.height);
  }

  // Drags add a box; clicks select the face under the pointer.
  listen(signal, mayDraw) {
    const picture = $('picture');
    let start = null;
    let preview = null;
    const position = event => {
      const { left, top, width, height } = picture.getBoundingClientRect();
      return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
    };
    const on = (type, handler, element = picture) => element.addEventListener(type, handler, { signal });
    const onEnd = event => {
      if (!start) return;
      const [from, to] = [start, position(event)];
      preview?.remove();
      start = preview = null;
      const { width, height } = picture.getBoundingClientRect();
      if (event.type === 'pointercancel') return;
      if (Math.max(Math.abs(from[0] - to[0]) * width, Math.abs(from[1] - to[1]) * height) >= DRAG_PIXELS) this.add([...from, ...to]);
      else this.selectAt(to);
    };
    on('pointerdown', event => {
      if (event.button !== 0 || !mayDraw(event)) return;
      start = position(event);
      picture.setPointerCapture(event.pointerId);
    });
    on('pointermove', event => {
      if (!start) return;
      const [x, y] = position(event);
      preview?.remove();
      preview = mark([Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y)], 'plain marked');
      $('marks').append(preview);
    });
    on('pointerup', onEnd);
    on('pointercancel', onEnd);
    on('click', event => {
      const button = event.target.closest('[data-index]');
      if (button && (event.detail === 0 || !mayDraw(event))) this.select(Number(button.dataset.index));
    }, $('marks'));
  }

  selectAt([x, y]) {
    const index = this.faces.findIndex(({ box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    if (index >= 0) this.select(index);
  }
}

export function mark(box, classes, element = 'div') {
  const node = document.createElement(element);
  node.className = `mark ${classes}`;
  Object.assign(node.style, {
    left: `${100 * box[0]}%`, top: `${100 * box[1]}%`, width: `${100 * (box[2] - box[0])}%`, height: `${100 * (box[3] - box[1])}%`,
  });
  return node;
}

function clamp(value) { return Math.min(1, Math.max(0, value)); }

function iou(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const common = Math.max(width, 0) * Math.max(height, 0);
  const area = box => (box[2] - box[0]) * (box[3] - box[1]);
  return common / (area(one) + area(other) - common);
}
