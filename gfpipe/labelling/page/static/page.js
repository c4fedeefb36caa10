// One annotator at one queue: shows an item, takes the answer, goes on when the server says that it is saved.

import { Frame, mark } from './frame.js';

const $ = id => document.getElementById(id);
const WORDS = { female: 'woman', male: 'man', undecided: 'cannot tell', no_face: 'not a face' };
const KEYS = { w: 'female', m: 'male', u: 'undecided', n: 'no_face' };
const HELD = 16; // items fetched ahead or looked at before

let desk = null; // what /api/desk said
let standing = null; // how far it is, and what is next
let now = null; // the item on screen: { position, item, frame, isReady, showsFrame, problem }
let isBusy = false;
let isDrawing = false; // on a touch screen: a finger draws, and does not scroll
let turn = 0; // counts what was asked to be shown; only the last is
let aim = null; // the position that was asked for last; it may still be on its way
const held = new Map(); // position -> promise of an item and its picture

// — talking with the server

class Refusal extends Error {}

async function ask(path, given) {
  const options = given === undefined ? {} : {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-gfpipe-change': desk.changeKey },
    body: JSON.stringify(given),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal('The server does not answer. Start gfpipe label serve again and open its new address; what was saved is safe.');
  }
  if (response.ok) return response;
  if (response.status === 403) throw new Refusal('This page is out of date: open the address that gfpipe label serve printed.');
  const said = await response.json().catch(() => ({}));
  throw new Refusal(said.problem ?? `The server answered ${response.status}.`);
}

function fetched(position) {
  let found = held.get(position);
  if (!found) {
    found = fetchItem(position);
    held.set(position, found);
    found.catch(() => held.delete(position));
  }
  held.delete(position); // the latest is the last to go
  held.set(position, found);
  for (const old of [...held.keys()].slice(0, Math.max(0, held.size - HELD))) if (old !== now?.position) drop(old);
  return found;
}

async function fetchItem(position) {
  const item = await (await ask(`/api/items/${position}`)).json();
  const picture = item.problem ? { problem: item.problem } : await fetchPicture(position, item.kind);
  return { item, picture };
}

async function fetchPicture(position, kind) {
  try {
    const response = await ask(`/api/items/${position}/${kind}.jpg`);
    const face = JSON.parse(response.headers.get('x-face') ?? 'null');
    return { url: URL.createObjectURL(await response.blob()), face };
  } catch (problem) {
    return { problem: problem.message };
  }
}

function drop(position) {
  const gone = held.get(position);
  held.delete(position);
  gone?.then(({ picture }) => { if (picture.url && position !== now?.position) URL.revokeObjectURL(picture.url); }, () => {});
}

// — showing

async function show(position) {
  if (position === null || position === undefined) { finish(); return; }
  const mine = ++turn;
  aim = position;
  if (now) now.isReady = false;
  $('picture').classList.add('is-loading');
  const waiting = setTimeout(() => say('Looking for the picture …'), 700);
  try {
    const { item, picture } = await fetched(position);
    if (mine === turn) await present(position, item, picture);
  } catch (problem) {
    if (mine === turn) alarm(problem);
  } finally {
    clearTimeout(waiting);
    if ($('status').textContent.startsWith('Looking')) say('');
  }
}

async function present(position, item, picture) {
  const mine = turn;
  leave();
  now = { position, item, frame: null, isReady: false, showsFrame: false, problem: picture.problem ?? null, picture };
  setDrawing(false);
  const isFrame = item.kind === 'frame';
  document.body.className = isFrame ? 'of-frame is-frame' : 'of-face';
  $('finished').hidden = true;
  $('asking').hidden = false;
  $('problem').hidden = !now.problem;
  $('picture').hidden = Boolean(now.problem);
  $('loupe').hidden = true;
  $('marks').replaceChildren();
  $('missed').hidden = $('done').hidden = !isFrame || Boolean(now.problem);
  $('frame').hidden = isFrame || Boolean(now.problem);
  $('frame').setAttribute('aria-pressed', 'false');
  $('caption').textContent = [item.channel, item.programme, item.airedAt].filter(Boolean).join(' · ');
  document.title = `${position + 1} of ${standing.progress.total} · labelling`;
  if (now.problem) {
    $('reason').textContent = `This picture cannot be shown. ${now.problem}`;
    now.isReady = true;
  } else {
    await load(picture.url);
    if (mine !== turn) return;
    $('image').alt = isFrame ? 'The frame' : 'The face that is asked about';
    $('picture').classList.remove('is-loading');
    if (isFrame) startFrame(); else markFace(picture.face);
    now.isReady = true;
  }
  update();
  item.coming.slice(0, 3).forEach(each => { fetched(each).catch(() => {}); });
}

async function load(url) {
  const image = $('image');
  image.src = url;
  await image.decode().catch(() => {});
  image.style.setProperty('--ratio', image.naturalWidth / image.naturalHeight || 1.5);
}

function leave() {
  now?.leave?.abort();
  if (now?.whole?.url) URL.revokeObjectURL(now.whole.url);
  if (now?.picture.url && !held.has(now.position)) URL.revokeObjectURL(now.picture.url);
}

function markFace(box) {
  $('marks').replaceChildren(...(box ? [mark(box, 'hint')] : []));
}

function startFrame() {
  const frame = new Frame(now.item, $('picture'), $('marks'), $('loupe'), $('image'));
  now.frame = frame;
  now.leave = new AbortController();
  const kept = draft.read(now.position);
  if (now.item.reply) frame.take(now.item.reply); else if (kept) frame.take(kept);
  frame.changed = () => { draft.write(frame.said, now.position); update(); };
  frame.refused = words => say(words);
  frame.watch(now.leave.signal, event => !isBusy && (event.pointerType !== 'touch' || isDrawing));
  frame.show();
}

// Answers to a frame are saved together; until then they outlive a reload here.
const draft = {
  name(position) { return ['gfpipe', desk.queue, desk.drawn, desk.annotator, position].join('/'); },
  read(position) { try { return JSON.parse(localStorage.getItem(this.name(position))); } catch { return null; } },
  write(said, position) { try { localStorage.setItem(this.name(position), JSON.stringify(said)); } catch { /* a full or forbidden store */ } },
  remove(position) { try { localStorage.removeItem(this.name(position)); } catch { /* as above */ } },
};

function update() {
  const { progress } = standing;
  $('bar').value = progress.total ? (progress.total - progress.left) / progress.total : 1;
  $('count').textContent = `${progress.done} of ${progress.total}${progress.skipped ? `, ${progress.skipped} skipped` : ''}`;
  $('pace').textContent = pace(progress);
  if (!now) return;
  const frame = now.frame;
  const chosen = frame ? frame.face?.answer : now.item.reply?.answer;
  const isClosed = Boolean(now.problem) || (frame && !frame.face);
  for (const button of document.querySelectorAll('[data-answer]')) {
    button.disabled = Boolean(isClosed);
    button.classList.toggle('chosen', button.dataset.answer === chosen);
    button.setAttribute('aria-pressed', String(button.dataset.answer === chosen));
  }
  $('no-face').textContent = frame?.face && frame.face.index === null ? 'Remove box' : 'Not a face';
  $('question').textContent = frame ? question(frame) : 'What would a viewer see?';
  $('done').classList.toggle('ready', Boolean(frame) && frame.open() < 0);
  $('back').disabled = now.position === 0;
  $('forward').disabled = now.position >= progress.total - 1;
  $('undo').disabled = !(progress.done || progress.skipped || frame?.isStarted);
}

function question(frame) {
  if (!frame.faces.length) return 'No face was found here. Was one missed? Drag a box around it; else the frame is done.';
  if (frame.open() < 0) return 'All answered. Was a face missed? Drag a box around it; else the frame is done.';
  return `Face ${frame.current + 1} of ${frame.faces.length}: what would a viewer see?`;
}

function pace({ today, left, secondsEach, secondsLeft }) {
  const parts = today ? [`${today} today`] : [];
  if (secondsEach !== null) parts.push(`${secondsEach < 10 ? secondsEach.toFixed(1) : Math.round(secondsEach)} s each`);
  if (secondsLeft !== null && left) parts.push(`about ${span(secondsLeft)} left`);
  return parts.join(' · ');
}

function span(seconds) {
  if (seconds < 90) return '1 min';
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function finish() {
  turn++;
  leave();
  now = aim = null;
  document.body.className = '';
  $('asking').hidden = true;
  $('finished').hidden = false;
  const { progress, firstSkipped } = standing;
  $('summary').textContent = progress.total
    ? `${progress.done} of ${progress.total} answered${progress.skipped ? `, ${progress.skipped} skipped as their pictures could not be shown` : ''}.`
    : 'There is nothing in this queue.';
  $('skipped').hidden = firstSkipped === null;
  $('last').hidden = $('undo-last').hidden = !progress.total;
  document.title = 'All done · labelling';
  update();
  $('finished-heading').focus();
}

function say(words) { $('status').className = ''; $('status').textContent = words; }
function alarm(problem) {
  if (!(problem instanceof Refusal)) console.error(problem);
  $('status').className = 'alarm';
  $('status').textContent = problem.message;
}

// — answering

async function change(path, given, saved, next) {
  if (isBusy) return;
  isBusy = true;
  const left = now;
  try {
    const said = await (await ask(path, given)).json();
    standing = said;
    if (left) drop(left.position);
    say(saved(said));
    isBusy = false;
    await show(next(said));
  } catch (problem) {
    alarm(problem);
  } finally {
    isBusy = false;
    update();
  }
}

function answer(value) {
  if (!now?.isReady || now.problem || isBusy) return;
  if (now.frame) { say(''); now.frame.answer(value); return; }
  const words = said => `Saved: ${WORDS[value]}.${model(said.model)}`;
  change(`/api/items/${now.position}/answer`, { answer: value }, words, said => said.next);
}

function frameDone() {
  const frame = now?.frame;
  if (!frame || !now.isReady || isBusy) return;
  const open = frame.open();
  if (open >= 0) {
    frame.current = open;
    frame.show();
    update();
    say(`Face ${open + 1} is still open.`);
    return;
  }
  const faces = frame.faces.length;
  const words = said => { draft.remove(now.position); return `Saved: frame with ${faces} ${faces === 1 ? 'face' : 'faces'}.${model(said.model)}`; };
  change(`/api/items/${now.position}/whole`, frame.said, words, said => said.next);
}

function model(answers) {
  const told = (answers ?? []).filter(p => p !== null).map(p => (p >= 0.5 ? `${Math.round(100 * p)} % woman` : `${Math.round(100 * (1 - p))} % man`));
  return told.length ? ` The model: ${told.join(', ')}.` : '';
}

function skip() {
  if (!now?.problem || isBusy) return;
  change(`/api/items/${now.position}/skip`, {}, () => 'Skipped.', said => said.next);
}

function undo() {
  if (isBusy) return;
  if (now?.frame?.undo()) { say(''); return; }
  if (!standing.progress.done && !standing.progress.skipped) { say('There is nothing to undo.'); return; }
  change('/api/undo', {}, takenBack, said => said.undone ?? said.next);
}

// A frame's answers are not lost by it: they stand there again, unsaved.
function takenBack({ undone, was }) {
  if (undone !== null) drop(undone);
  if (was?.found) draft.write(was, undone);
  return 'Taken back.';
}

function move(by) {
  if (isBusy) return;
  const position = aim === null ? standing.progress.total - 1 : aim + by; // however fast the key is pressed
  if (position < 0 || position >= standing.progress.total) return;
  say('');
  show(position);
}

async function toggleFrame() {
  if (!now?.isReady || now.frame || now.problem) return;
  const mine = now;
  const { item, picture, position } = now;
  if (now.showsFrame) {
    now.showsFrame = false;
    await load(picture.url);
  } else {
    $('picture').classList.add('is-loading');
    now.whole ??= await fetchPicture(position, 'frame');
    $('picture').classList.remove('is-loading');
    if (now !== mine) return;
    if (now.whole.problem) { say(`The frame cannot be shown. ${now.whole.problem}`); now.whole = null; return; }
    now.showsFrame = true;
    await load(now.whole.url);
  }
  if (now !== mine) return;
  document.body.className = now.showsFrame ? 'of-frame' : 'of-face';
  if (now.showsFrame) $('marks').replaceChildren(...(item.box ? [mark(item.box, 'plain current')] : []));
  else markFace(picture.face);
  $('frame').setAttribute('aria-pressed', String(now.showsFrame));
}

function setDrawing(on) {
  isDrawing = on;
  document.body.classList.toggle('is-drawing', on);
  $('missed').setAttribute('aria-pressed', String(on));
}

function missed(isPointer) {
  if (!now?.frame || !now.isReady) return;
  if (isPointer) {
    setDrawing(!isDrawing);
    say(isDrawing ? 'Draw a box around the face, from forehead to chin.' : '');
  } else if (!now.frame.drawing) {
    now.frame.startKeyboard();
    say('Arrow keys move the box, with Shift they change its size; Enter keeps it, Esc takes it away.');
  }
}

// — keys and buttons

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const frame = now?.frame;
  if (frame?.drawing) {
    if (frame.key(event.key, event.shiftKey)) event.preventDefault();
    if (!frame.drawing) say('');
    return;
  }
  const onControl = event.target.closest?.('button, summary, a');
  const isAnswered = onControl?.classList.contains('current'); // a chosen box has nothing to do on Enter
  if (onControl && !isAnswered && (key === 'Enter' || key === ' ')) return; // the control's own
  const act = action(key, frame);
  if (!act) return;
  event.preventDefault();
  if (!event.repeat || key.startsWith('Arrow')) act();
}

function action(key, frame) {
  if (KEYS[key] && now) return () => answer(KEYS[key]);
  const actions = {
    z: undo, Backspace: undo, f: toggleFrame, s: skip, a: () => missed(false), '?': help,
    ArrowLeft: () => move(-1), ArrowRight: () => move(1),
    ...(frame ? { Enter: frameDone, ArrowUp: () => frame.choose(-1), ArrowDown: () => frame.choose(1) } : {}),
    ...(now?.showsFrame ? { Escape: toggleFrame } : {}),
  };
  return Object.hasOwn(actions, key) ? actions[key] : null;
}

function help() { $('help').showModal(); $('help').scrollTop = 0; }

function on(id, act) {
  $(id).addEventListener('click', event => {
    act(event);
    if (event.detail > 0) $('main').focus({ preventScroll: true }); // Enter is for the page again
  });
}

function listen() {
  document.addEventListener('keydown', onKey);
  for (const button of document.querySelectorAll('[data-answer]')) {
    button.addEventListener('click', event => {
      answer(button.dataset.answer);
      if (event.detail > 0) $('main').focus({ preventScroll: true });
    });
  }
  on('back', () => move(-1));
  on('forward', () => move(1));
  on('undo', undo);
  on('frame', toggleFrame);
  on('missed', event => missed(event.detail > 0));
  on('done', frameDone);
  on('skip', skip);
  on('last', () => move(0));
  on('undo-last', undo);
  on('skipped', () => show(standing.firstSkipped));
  on('help-button', help);
}

async function start() {
  try {
    desk = await (await ask('/api/desk')).json();
    standing = desk;
    $('annotator').textContent = desk.annotator;
    $('queue').textContent = `· ${desk.queue}`;
    $('help-model').textContent = desk.showsAnswers ? ' until you have answered' : '';
    listen();
    await show(standing.next);
  } catch (problem) {
    alarm(problem);
  }
}

start();
