// What all views share: messages, details of what is pointed to, and cells that arrow keys move between.

import { request as send } from '/request.js';

export const $ = id => document.getElementById(id);
export const request = (path, body) => send(path, body, document.body.dataset.changeKey, 'gfpipe view');

export function showStatus(text, isError = false) {
  $('status').className = isError ? 'error' : '';
  $('status').textContent = text;
}

export async function mark(button, face) {
  button.disabled = true;
  try {
    const { queue, faces } = await (await request('/marks', face)).json();
    button.textContent = 'Marked';
    showStatus(`On the queue ${queue}, with ${faces} ${faces === 1 ? 'face' : 'faces'}, to be labelled. It never enters the figures: it was not drawn at random.`);
  } catch (error) {
    button.disabled = false;
    showStatus(error.message, true);
  }
}

// Why a picture cannot be shown.
export async function problemOf(url) {
  try {
    await request(url);
    return 'The picture cannot be shown.';
  } catch (error) {
    return error.message;
  }
}

function showDetail({ target: element }) {
  const target = element?.closest?.('[data-grid] a, [data-detail]');
  const detail = target && $('detail');
  if (detail) detail.textContent = target.getAttribute('aria-label');
}

// One cell can be reached with Tab, the others with the arrow keys.
function startGrid(grid) {
  const first = grid.querySelector('a');
  if (first) first.tabIndex = 0;
  grid.addEventListener('keydown', event => {
    const cell = event.target.closest('td');
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!cell || !steps[event.key]) return;
    event.preventDefault();
    const [down, right] = steps[event.key];
    const next = link(grid, cell.parentElement.rowIndex, cell.cellIndex, down, right);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

function link(grid, row, column, down, right) {
  for (row += down, column += right; grid.rows[row]?.cells[column]; row += down, column += right) {
    const found = grid.rows[row].cells[column].querySelector('a');
    if (found) return found;
  }
  return null;
}

async function loadFigures(figures) {
  try {
    figures.innerHTML = await (await request(figures.dataset.source)).text();
  } catch (error) {
    showStatus(`The intervals cannot be computed. ${error.message}`, true);
  }
}

document.addEventListener('pointerover', showDetail);
document.addEventListener('focusin', showDetail);
showDetail({ target: document.activeElement }); // it may have the focus before this module is loaded
document.querySelectorAll('[data-grid]').forEach(startGrid);
if ($('figures')?.dataset.source) loadFigures($('figures'));
