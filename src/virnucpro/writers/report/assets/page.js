'use strict';
// Elements, numbers in words, downloads. Text of inputs reaches the page by `append` only, never as HTML.

const REPORT = JSON.parse(document.getElementById('data').textContent);
const CALLS = ['viral', 'non-viral', 'not scored'];

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

const isolated = (text) => element('bdi', {}, text); // right-to-left letters turn nothing around them

const whole = (n) => Math.round(n).toLocaleString('en-US');
const counted = (n, noun) => `${whole(n)} ${n === 1 ? noun : `${noun}s`}`;
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const plus = (a, b) => a.map((value, i) => (Array.isArray(value) ? plus(value, b[i]) : value + b[i]));
const percent = (part, total) => (total ? 100 * part / total : null);

function bases(n) {
  if (n >= 1e9) return `${trimmed(n / 1e9)} Gb`;
  if (n >= 1e6) return `${trimmed(n / 1e6)} Mb`;
  if (n >= 1e3) return `${trimmed(n / 1e3)} kb`;
  return `${whole(n)} bp`;
}

const trimmed = (x) => (x >= 100 ? x.toFixed(0) : String(Number(x.toPrecision(3))));

function share(x) {
  if (x === null) return 'NA';
  if (x > 0 && x < 0.01) return '< 0.01\u00a0%';
  return `${digits(x)}\u00a0%`;
}

const digits = (x) => (x === 0 || x === 100 ? String(x) : x < 10 ? x.toFixed(2) : x.toFixed(1));
const shareRange = ([low, high]) => `${digits(low)}\u2013\u2060${digits(high)}\u00a0%`;

function score(x) {
  return x === null ? 'NA' : x.toFixed(3);
}

function rate(x) {
  if (x === null) return 'NA';
  return x >= 0.001 ? String(Number(x.toPrecision(3))) : x === 0 ? '0' : x < 1e-6 ? '< 1e-6' : x.toExponential(1);
}

// Wilson's interval of a share, in percent; of a single one it says nothing.
function interval(part, total) {
  if (total < 2) return null;
  const z = 1.96, p = part / total, d = 1 + z * z / total;
  const middle = (p + z * z / (2 * total)) / d;
  const half = z * Math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / d;
  return [100 * Math.max(0, middle - half), 100 * Math.min(1, middle + half)];
}

function lengthNames() {
  const short = (n) => (n >= 1e6 ? `${n / 1e6} Mb` : n >= 1e3 ? `${n / 1e3} kb` : `${n} bp`);
  const edges = REPORT.length_edges;
  return edges.map((low, i) => {
    if (i === 0) return `< ${short(edges[1])}`;
    if (i === edges.length - 1) return `\u2265 ${short(low)}`;
    const high = short(edges[i + 1]), unit = high.slice(-2);
    return short(low).endsWith(unit) ? `${short(low).slice(0, -3)}\u2013${high}` : `${short(low)}\u2013${high}`;
  });
}

// A spreadsheet must not take a cell for a formula.
function cell(value) {
  if (value === null || value === undefined) return 'NA';
  let text = String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(name, rows) {
  const text = rows.map((row) => row.map(cell).join(',')).join('\n') + '\n';
  save(name, new Blob([text], { type: 'text/csv' }));
}

function save(name, blob) {
  const address = URL.createObjectURL(blob);
  const link = element('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// Buttons of which one is chosen.
function choice(label, options, chosen, onchoose) {
  const buttons = options.map(([value, text]) => element('button', {
    type: 'button', 'aria-pressed': String(value === chosen), onclick: () => {
      buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(options[i][0] === value)));
      onchoose(value);
    },
  }, text));
  return element('span', { class: 'choice', role: 'group', 'aria-label': label }, ...buttons);
}
