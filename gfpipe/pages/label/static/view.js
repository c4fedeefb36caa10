// Text and controls of the page.

import { RequestError } from './server.js';

export const ANSWER_NAMES = { female: 'woman', male: 'man', undecided: 'cannot tell', no_face: 'not a face' };
export const $ = id => document.getElementById(id);
export const answerButtons = () => document.querySelectorAll('[data-answer]');

export function showStatus(text) {
  $('status').className = '';
  $('status').textContent = text;
}

export function showError(error) {
  if (!(error instanceof RequestError)) console.error(error);
  $('status').className = 'error';
  $('status').textContent = error.message;
}

// Lay out the page for an item; its image is loaded afterwards.
export function showItem({ item, problem }) {
  const isFrame = item.kind === 'frame';
  document.body.className = isFrame ? 'of-frame is-frame' : 'of-face';
  $('finished').hidden = true;
  $('item').hidden = false;
  $('problem').hidden = !problem;
  $('picture').hidden = Boolean(problem);
  $('magnifier').hidden = true;
  $('marks').replaceChildren();
  $('missed').hidden = $('done').hidden = !isFrame || Boolean(problem);
  $('frame').hidden = isFrame || Boolean(problem);
  $('frame').setAttribute('aria-pressed', 'false');
  $('caption').textContent = [item.channel, item.programme, item.airedAt].filter(Boolean).join(' · ');
  $('image').alt = isFrame ? 'The frame' : 'The face to label';
  if (problem) $('reason').textContent = `This picture cannot be shown. ${problem}`;
}

export async function loadImage(url) {
  const image = $('image');
  image.src = url;
  await image.decode().catch(() => {});
  image.style.setProperty('--ratio', image.naturalWidth / image.naturalHeight || 1.5);
}

export function showProgress(progress) {
  $('bar').value = progress.total ? (progress.total - progress.left) / progress.total : 1;
  $('count').textContent = `${progress.done} of ${progress.total}${progress.skipped ? `, ${progress.skipped} skipped` : ''}`;
  $('pace').textContent = paceText(progress);
}

// State of the buttons for an item: { position, item, frame, problem }.
export function showControls({ position, item, frame, problem }, progress) {
  const answer = frame ? frame.face?.answer : item.reply?.answer;
  for (const button of answerButtons()) {
    button.disabled = Boolean(problem) || Boolean(frame && !frame.face);
    button.classList.toggle('chosen', button.dataset.answer === answer);
    button.setAttribute('aria-pressed', String(button.dataset.answer === answer));
  }
  $('no-face').textContent = frame?.face && frame.face.index === null ? 'Remove box' : 'Not a face';
  $('question').textContent = frame ? frameQuestion(frame) : 'What would a viewer see?';
  $('done').classList.toggle('ready', Boolean(frame) && frame.open() < 0);
  $('back').disabled = position === 0;
  $('forward').disabled = position >= progress.total - 1;
  $('undo').disabled = !(progress.done || progress.skipped || frame?.isStarted);
  document.title = `${position + 1} of ${progress.total} · labelling`;
}

export function showFinished({ progress, firstSkipped }) {
  document.body.className = '';
  $('item').hidden = true;
  $('finished').hidden = false;
  $('summary').textContent = progress.total
    ? `${progress.done} of ${progress.total} answered${progress.skipped ? `, ${progress.skipped} skipped because their pictures could not be shown` : ''}.`
    : 'This queue is empty.';
  $('skipped').hidden = firstSkipped === null;
  $('last').hidden = $('undo-last').hidden = !progress.total;
  document.title = 'All done · labelling';
  $('finished-heading').focus();
}

export function modelText(answers) {
  const texts = (answers ?? []).filter(p => p !== null).map(p => (p >= 0.5 ? `${Math.round(100 * p)} % woman` : `${Math.round(100 * (1 - p))} % man`));
  return texts.length ? ` Model: ${texts.join(', ')}.` : '';
}

function frameQuestion(frame) {
  const hint = 'If a face was missed, drag a box around it; otherwise the frame is done.';
  if (!frame.faces.length) return `No face was detected. ${hint}`;
  if (frame.open() < 0) return `All faces are answered. ${hint}`;
  return `Face ${frame.current + 1} of ${frame.faces.length}: what would a viewer see?`;
}

function paceText({ today, left, seconds_each: secondsEach, seconds_left: secondsLeft }) {
  const parts = today ? [`${today} today`] : [];
  if (secondsEach !== null) parts.push(`${secondsEach < 10 ? secondsEach.toFixed(1) : Math.round(secondsEach)} s each`);
  if (secondsLeft !== null && left) parts.push(`about ${durationText(secondsLeft)} left`);
  return parts.join(' · ');
}

function durationText(seconds) {
  if (seconds < 90) return '1 min';
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
