"use strict";
// Values under the pointer, CSV and PNG of each figure, and open tables in print. The page can be read without it.

const formula = /^'*[=+\-@＝＋－＠\t\r\n]/;
const quoted = text => '"' + text.replaceAll('"', '""') + '"';

function csv(figure) {
  const records = [...figure.querySelectorAll('tbody tr')].map(row => {
    const record = {};
    for (const key of row.querySelectorAll('th[data-key]')) {
      const text = key.dataset.value;
      record[key.dataset.key] = quoted(formula.test(text) ? "'" + text : text);
    }
    for (const number of row.querySelectorAll('data')) record[number.dataset.name] = number.getAttribute('value');
    return record;
  });
  const names = [...new Set(records.flatMap(Object.keys))];
  const lines = [names, ...records.map(record => names.map(name => record[name] ?? ''))];
  return '\ufeff' + lines.map(line => line.join(',') + '\r\n').join('');
}

function save(url, name) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

function png(figure) {
  const drawn = figure.querySelector('svg.wide'), box = drawn.viewBox.baseVal, scale = 2;
  const copy = drawn.cloneNode(true);
  copy.setAttribute('width', box.width * scale);
  copy.setAttribute('height', box.height * scale);
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas'), margin = 12 * scale;
    canvas.width = box.width * scale + 2 * margin;
    canvas.height = box.height * scale + 2 * margin;
    const context = canvas.getContext('2d');
    context.fillStyle = '#ffffff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, margin, margin);
    save(canvas.toDataURL('image/png'), figure.id + '.png');
  };
  image.src = 'data:image/svg+xml,' + encodeURIComponent(new XMLSerializer().serializeToString(copy));
}

for (const button of document.querySelectorAll('[data-save]')) {
  const figure = button.closest('figure');
  button.hidden = false;
  button.onclick = () => button.dataset.save === 'png' ? png(figure)
    : save(URL.createObjectURL(new Blob([csv(figure)], {type: 'text/csv'})), figure.id + '.csv');
}

const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
tip.setAttribute('aria-hidden', 'true');
document.body.append(tip);
function point(event) {
  const text = event.target.closest?.('[data-says]')?.dataset.says;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = event.clientY - tip.offsetHeight - 12;
  tip.style.left = Math.max(8, left) + 'px';
  tip.style.top = (above < 8 ? event.clientY + 16 : above) + 'px';
}
addEventListener('pointermove', point);
addEventListener('pointerdown', point);
addEventListener('scroll', () => { tip.hidden = true; });

let opened = [];
addEventListener('beforeprint', () => {
  opened = [...document.querySelectorAll('details:not([open])')];
  for (const details of opened) details.open = true;
});
addEventListener('afterprint', () => { for (const details of opened) details.open = false; });
