// The labelling page: shows an item, sends the answer, and shows the next item once the answer is saved.

import { FrameEditor, mark } from './frame.js';
import { ItemCache, fetchImage, release } from './items.js';
import { drafts, isFirstVisit, openSession, request } from './server.js';
import {
  $, ANSWER_NAMES, answerButtons, loadImage, modelText, showControls, showError, showFinished, showItem, showProgress, showStatus,
} from './view.js';

const ANSWER_KEYS = { w: 'female', m: 'male', u: 'undecided', n: 'no_face' };

const cache = new ItemCache();
let state = null; // progress and next position
let current = null; // item on screen: { position, item, image, problem, frame, isReady, showsFrame }
let isBusy = false; // a change is being saved
let isDrawing = false; // on touch screens: dragging draws instead of scrolling
let requests = 0; // requests to show an item; only the latest is shown
let target = null; // position requested last, maybe not on screen yet

// Showing items

async function show(position) {
  if (position === null || position === undefined) { finish(); return; }
  const number = ++requests;
  target = position;
  if (current) current.isReady = false;
  $('picture').classList.add('is-loading');
  const timer = setTimeout(() => showStatus('Loading …'), 700);
  try {
    const { item, image } = await cache.get(position);
    if (number === requests) await present(position, item, image);
  } catch (error) {
    if (number === requests) showError(error);
  } finally {
    clearTimeout(timer);
    if ($('status').textContent.startsWith('Loading')) showStatus('');
  }
}

async function present(position, item, image) {
  const number = requests;
  leave();
  current = { position, item, image, problem: image.problem ?? null, frame: null, isReady: false, showsFrame: false };
  cache.current = position;
  setDrawing(false);
  showItem(current);
  if (!current.problem) {
    await loadImage(image.url);
    if (number !== requests) return;
    $('picture').classList.remove('is-loading');
    if (item.kind === 'frame') startFrame(); else markFace();
  }
  current.isReady = true;
  update();
  item.upcoming.slice(0, 3).forEach(next => { cache.get(next).catch(() => {}); });
}

function leave() {
  if (!current) return;
  current.abort?.abort();
  release(current.frameImage);
  cache.leave(current.position, current.image);
}

function markFace() {
  const box = current.image.face;
  $('marks').replaceChildren(...(box ? [mark(box, 'hint')] : []));
}

function startFrame() {
  const { item, position } = current;
  const frame = new FrameEditor(item);
  current.frame = frame;
  current.abort = new AbortController();
  const answers = item.reply ?? drafts.read(position);
  if (answers) frame.restore(answers);
  frame.onChange = () => { drafts.write(position, frame.answers); update(); };
  frame.onRefusal = showStatus;
  frame.listen(current.abort.signal, event => !isBusy && (event.pointerType !== 'touch' || isDrawing));
  frame.show();
}

function update() {
  showProgress(state.progress);
  if (current) showControls(current, state.progress);
}

function finish() {
  requests++;
  leave();
  current = target = cache.current = null;
  showFinished(state);
  update();
}

// Answers

async function change(path, body, savedText, nextPosition = response => response.next) {
  if (isBusy) return;
  isBusy = true;
  try {
    state = await (await request(path, { ...body, revision: state.revision })).json();
    if (current) cache.drop(current.position);
    showStatus(savedText(state));
    isBusy = false;
    await show(nextPosition(state));
  } catch (error) {
    showError(error);
  } finally {
    isBusy = false;
    update();
  }
}

function answer(value) {
  if (!current?.isReady || current.problem || isBusy) return;
  if (current.frame) { showStatus(''); current.frame.answer(value); return; }
  change(`/api/items/${current.position}/face`, { answer: value }, ({ model }) => `Saved: ${ANSWER_NAMES[value]}.${modelText(model)}`);
}

function frameDone() {
  if (!current?.frame || !current.isReady || isBusy) return;
  const { frame, position } = current;
  if (frame.open() >= 0) {
    frame.select(frame.open());
    showStatus(`Face ${frame.current + 1} is still open.`);
    return;
  }
  const count = frame.faces.length;
  change(`/api/items/${position}/frame`, frame.answers, ({ model }) => {
    drafts.remove(position);
    return `Saved: frame with ${count} ${count === 1 ? 'face' : 'faces'}.${modelText(model)}`;
  });
}

function skip() {
  if (current?.problem && !isBusy) change(`/api/items/${current.position}/skip`, {}, () => 'Skipped.');
}

function undo() {
  if (isBusy) return;
  if (current?.frame?.undo()) { showStatus(''); return; }
  if (!state.progress.done && !state.progress.skipped) { showStatus('There is nothing to undo.'); return; }
  change('/api/undo', {}, ({ undone, reply }) => {
    if (undone !== null) cache.drop(undone);
    if (reply?.detected) drafts.write(undone, reply); // show the frame's answers again, unsaved
    return 'Undone.';
  }, ({ undone, next }) => undone ?? next);
}

// Navigation

function move(step) {
  if (isBusy) return;
  const position = target === null ? state.progress.total - 1 : target + step; // also while items are loading
  if (position < 0 || position >= state.progress.total) return;
  showStatus('');
  show(position);
}

async function toggleFrame() {
  if (!current?.isReady || current.frame || current.problem || current.isFetching) return;
  const shown = current;
  if (!shown.frameImage) {
    $('picture').classList.add('is-loading');
    shown.isFetching = true;
    const image = await fetchImage(shown.position, 'frame');
    shown.isFetching = false;
    if (current !== shown) { release(image); return; }
    $('picture').classList.remove('is-loading');
    if (image.problem) { showStatus(`The frame cannot be shown. ${image.problem}`); return; }
    shown.frameImage = image;
  }
  shown.showsFrame = !shown.showsFrame;
  await loadImage((shown.showsFrame ? shown.frameImage : shown.image).url);
  if (current !== shown) return;
  document.body.className = shown.showsFrame ? 'of-frame' : 'of-face';
  if (shown.showsFrame) $('marks').replaceChildren(...(shown.item.box ? [mark(shown.item.box, 'plain current')] : []));
  else markFace();
  $('frame').setAttribute('aria-pressed', String(shown.showsFrame));
}

function setDrawing(on) {
  isDrawing = on;
  document.body.classList.toggle('is-drawing', on);
  $('missed').setAttribute('aria-pressed', String(on));
}

function addMissed(byPointer) {
  if (!current?.frame || !current.isReady) return;
  if (byPointer) {
    setDrawing(!isDrawing);
    showStatus(isDrawing ? 'Draw a box around the face, from forehead to chin.' : '');
  } else if (!current.frame.draft) {
    current.frame.startDraft();
    showStatus('Move the box with the arrow keys, resize it with Shift and arrow keys. Enter adds it, Esc discards it.');
  }
}

// Events

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const frame = current?.frame;
  if (frame?.draft) {
    if (frame.onDraftKey(event.key, event.shiftKey)) event.preventDefault();
    if (!frame.draft) showStatus('');
    return;
  }
  const control = event.target.closest?.('button, summary, a');
  const isCurrentFace = control?.classList.contains('current'); // Enter means "frame done" there
  if (control && !isCurrentFace && (key === 'Enter' || key === ' ')) return; // activates the control
  const action = actionOf(key, frame);
  if (!action) return;
  event.preventDefault();
  if (!event.repeat || key.startsWith('Arrow')) action();
}

function actionOf(key, frame) {
  if (ANSWER_KEYS[key] && current) return () => answer(ANSWER_KEYS[key]);
  const actions = {
    z: undo, Backspace: undo, f: toggleFrame, s: skip, a: () => addMissed(false), '?': openHelp,
    ArrowLeft: () => move(-1), ArrowRight: () => move(1),
    ...(frame ? { Enter: frameDone, ArrowUp: () => frame.step(-1), ArrowDown: () => frame.step(1) } : {}),
    ...(current?.showsFrame ? { Escape: toggleFrame } : {}),
  };
  return Object.hasOwn(actions, key) ? actions[key] : null;
}

function openHelp() { $('help').showModal(); $('help').scrollTop = 0; }

function onClick(button, action) {
  button.addEventListener('click', event => {
    action(event);
    if (event.detail > 0) $('main').focus({ preventScroll: true }); // keys go to the page again
  });
}

function listen() {
  document.addEventListener('keydown', onKey);
  for (const button of answerButtons()) onClick(button, () => answer(button.dataset.answer));
  const actions = {
    back: () => move(-1), forward: () => move(1), undo, frame: toggleFrame, missed: event => addMissed(event.detail > 0),
    done: frameDone, skip, last: () => move(0), 'undo-last': undo, skipped: () => show(state.firstSkipped), 'help-button': openHelp,
  };
  for (const [id, action] of Object.entries(actions)) onClick($(id), action);
}

async function start() {
  try {
    state = await openSession();
    $('annotator').textContent = state.annotator;
    $('queue').textContent = `· ${state.queue}`;
    $('heading').textContent = `Labelling of the queue ${state.queue}`;
    $('publish').textContent = `gfpipe publish --lake ${state.lake}`;
    $('agreement').textContent = `gfpipe label agreement --lake ${state.lake}`;
    $('help-model').textContent = state.showsAnswers ? ' until you have answered' : '';
    listen();
    if (isFirstVisit()) openHelp();
    await show(state.next);
  } catch (error) {
    showError(error);
  }
}

start();
