// One recording: its strip over time, the frame of a sample with its faces, and the player.

import { $, mark, problemOf, request, showStatus } from '/view.js';

const READ = { female: 'woman', male: 'man', undecided: 'undecided', none: 'not read' };
const KINDS = { women: 'women only', both: 'women and men', men: 'men only', undecided: 'undecided only', nobody: 'nobody' };
const ZOOM_SECONDS = 60;
const PREVIEW_DELAY = 120; // milliseconds for which the pointer rests on the strip

const page = $('programme');
const { recording, seconds } = page?.dataset ?? {};
const length = Number(seconds);
let samples = []; // [seconds, step, kind, shot, counts elsewhere]
let current = Number(page?.dataset.sample);
let shown = -1; // the sample on screen, maybe only pointed to
let requests = 0;
let timer = 0;
let zoomStart = 0;

const clock = time => {
  const whole = Math.floor(time + 1e-6);
  return `${Math.floor(whole / 3600)}:${String(Math.floor(whole / 60) % 60).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`;
};

// The last sample that begins at or before a time.
function sampleAt(time) {
  let low = 0, high = samples.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (samples[middle][0] <= time + 1e-6) low = middle; else high = middle - 1;
  }
  return low;
}

// Showing a sample

async function show(index) {
  const number = ++requests;
  shown = index;
  showPosition();
  const base = `/recordings/${recording}/frames/${index}`;
  const image = new Image();
  image.src = `${base}.jpg`;
  const [picture, faces] = await Promise.allSettled([image.decode(), request(`${base}.json`).then(response => response.json())]);
  if (number !== requests) return;
  const problem = picture.status === 'rejected' ? await problemOf(image.src) : faces.status === 'rejected' ? faces.reason.message : '';
  if (number !== requests) return;
  $('problem').hidden = !problem;
  $('problem').textContent = problem;
  $('frame').hidden = picture.status === 'rejected';
  if (!$('frame').hidden) {
    image.id = 'frame'; // the element itself: what is not stored would be loaded again
    image.alt = `Frame at ${clock(samples[index][0])}: ${KINDS[samples[index][2]]}`;
    $('frame').replaceWith(image);
  }
  showFaces(index, faces.value ?? [], !$('frame').hidden);
}

function showFaces(index, faces, withBoxes) {
  $('boxes').replaceChildren(...(withBoxes ? faces.map(box) : []));
  $('faces').tBodies[0].replaceChildren(...(faces.length ? faces.map(face => row(index, face)) : [emptyRow()]));
}

function box(face, at) {
  const element = document.createElement('div');
  const [left, top, right, bottom] = face.box.map(value => Math.min(1, Math.max(0, value)) * 100);
  element.className = `box ${face.read}${face.counts ? '' : ' small-face'}`;
  Object.assign(element.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  const tag = document.createElement('span');
  tag.textContent = `${at + 1} ${READ[face.read]}${face.pFemale === null ? '' : ` ${face.pFemale.toFixed(2)}`}`;
  if (top < 8) tag.className = 'below';
  element.append(tag);
  return element;
}

function row(index, face) {
  const element = document.createElement('tr');
  const number = value => (value === null ? '–' : value.toFixed(2));
  const texts = [READ[face.read], number(face.pFemale), number(face.score), `${Math.round(face.height)}${face.counts ? '' : ', not counted'}`, face.track ?? '–'];
  element.replaceChildren(...texts.map((text, column) => cell(text, column > 0)));
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'wrong';
  button.textContent = 'Wrong?';
  button.setAttribute('aria-label', `Mark this face, read as ${READ[face.read]}, as wrong`);
  button.addEventListener('click', () => mark(button, { recording, sample: index, face: face.index }));
  const last = document.createElement('td');
  last.append(button);
  element.append(last);
  return element;
}

function cell(text, isNumber) {
  const element = document.createElement('td');
  if (isNumber) element.className = 'number';
  element.textContent = text;
  return element;
}

function emptyRow() {
  const element = document.createElement('tr');
  const only = cell('No face was found.', false);
  only.colSpan = 6;
  element.append(only);
  return element;
}

// Position

function showPosition(time = samples[shown][0]) {
  const [start, step, kind, , elsewhere] = samples[shown];
  zoomStart = Math.max(0, Math.min(length - ZOOM_SECONDS, time - ZOOM_SECONDS / 2));
  const zoomLength = Math.min(ZOOM_SECONDS, length);
  $('zoom').setAttribute('viewBox', `${zoomStart} 0 ${zoomLength} ${$('zoom').dataset.height}`);
  $('zoom-first').textContent = clock(zoomStart);
  $('zoom-last').textContent = clock(zoomStart + zoomLength);
  for (const head of document.querySelectorAll('.head')) { head.setAttribute('x1', time); head.setAttribute('x2', time); }
  const text = `${clock(start)}: ${KINDS[kind]}${elsewhere ? ', counted in another recording' : ''}`;
  $('moment').textContent = `${text} (for ${step.toFixed(step < 10 ? 1 : 0)} s)`;
  $('strip').setAttribute('aria-valuenow', shown);
  $('strip').setAttribute('aria-valuetext', text);
  $('back').disabled = shown <= 0;
  $('forward').disabled = shown >= samples.length - 1;
}

function go(index) {
  current = Math.max(0, Math.min(samples.length - 1, index));
  const address = new URL(location);
  address.searchParams.set('sample', current);
  history.replaceState(null, '', address);
  stop();
  show(current);
}

function goToShot(step) {
  const shot = samples[current][3];
  let index = current;
  while (samples[index + step] && samples[index + step][3] === shot) index += step;
  index += step;
  if (step < 0) while (samples[index - 1] && samples[index - 1][3] === samples[index]?.[3]) index -= 1;
  go(index);
}

// The time under the pointer.
function timeAt(event) {
  const strip = event.target.closest('svg');
  if (!strip) return null;
  const { left, width } = strip.getBoundingClientRect();
  const part = Math.min(1, Math.max(0, (event.clientX - left) / width));
  return strip.id === 'zoom' ? zoomStart + part * Math.min(ZOOM_SECONDS, length) : part * length;
}

// Player

function play() {
  const player = $('player');
  if (!player.src) player.src = `/recordings/${recording}/file`;
  player.hidden = false;
  $('boxes').hidden = true;
  $('unplayable').hidden = true;
  player.currentTime = samples[current][0];
  player.play().catch(() => { if (player.error) cannotPlay(); });
}

function stop() {
  $('player').pause();
  $('player').hidden = true;
  $('boxes').hidden = false;
}

async function cannotPlay() {
  stop();
  const code = $('unplayable').querySelector('code');
  code.textContent = `mpv --start=${samples[current][0].toFixed(1)} ${JSON.stringify(code.dataset.path)}`;
  $('unplayable').hidden = false;
  const response = await fetch(`/recordings/${recording}/file`, { headers: { range: 'bytes=0-0' } }).catch(() => null);
  if (response && !response.ok) showStatus(await problemOf(`/recordings/${recording}/file`), true);
}

// Events

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input, select, textarea, video, .scroll')) return;
  const actions = {
    ArrowLeft: () => (event.shiftKey ? goToShot(-1) : go(current - 1)),
    ArrowRight: () => (event.shiftKey ? goToShot(1) : go(current + 1)),
    PageUp: () => goToShot(-1), PageDown: () => goToShot(1),
    ...(event.target === $('strip') ? { Home: () => go(0), End: () => go(samples.length - 1) } : {}),
    p: play, P: play, Escape: stop,
  };
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
}

function listen() {
  document.addEventListener('keydown', onKey);
  $('back').addEventListener('click', () => go(current - 1));
  $('forward').addEventListener('click', () => go(current + 1));
  $('play').addEventListener('click', play);
  $('strip').addEventListener('click', event => { const time = timeAt(event); if (time !== null) go(sampleAt(time)); });
  $('strip').addEventListener('pointermove', event => {
    const time = event.pointerType === 'touch' ? null : timeAt(event);
    clearTimeout(timer);
    if (time !== null) timer = setTimeout(() => { const index = sampleAt(time); if (index !== shown) show(index); }, PREVIEW_DELAY);
  });
  $('strip').addEventListener('pointerleave', () => { clearTimeout(timer); if (shown !== current) show(current); });
  $('player').addEventListener('error', cannotPlay);
  $('player').addEventListener('timeupdate', () => {
    const { paused, currentTime } = $('player');
    if (paused || $('player').hidden) return;
    current = shown = sampleAt(currentTime);
    showPosition(currentTime);
  });
  $('player').addEventListener('pause', () => { if (!$('player').hidden && !$('player').seeking) { showPosition(); } });
}

async function start() {
  try {
    samples = await (await request(`/recordings/${recording}/samples.json`)).json();
    current = Math.max(0, Math.min(samples.length - 1, current));
    listen();
    await show(current);
  } catch (error) {
    showStatus(error.message, true);
  }
}

if (page) start();
