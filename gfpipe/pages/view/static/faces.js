// The contact sheet of faces: marks, and a note where a picture cannot be shown.

import { mark, problemOf } from '/view.js';

for (const item of document.querySelectorAll('.sheet li')) {
  const { recording, sample, face } = item.dataset;
  const button = item.querySelector('button');
  button.addEventListener('click', () => mark(button, { recording, sample: Number(sample), face: Number(face) }));
  const image = item.querySelector('img');
  const replace = async () => {
    const note = document.createElement('span');
    note.className = 'missing';
    image.replaceWith(note);
    note.textContent = await problemOf(image.src);
  };
  if (image.complete && !image.naturalWidth && image.getAttribute('loading') !== 'lazy') replace();
  image.addEventListener('error', replace);
}
