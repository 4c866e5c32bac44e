'use strict';
// The page: its header and sections, for all samples together or for one.

const SAMPLES = REPORT.samples;
const MANY = SAMPLES.length > 1;
const STATE = { sample: MANY ? -1 : 0, lengths: 'records', compare: 'share', classes: 'records', bin: -1, logarithmic: false };

const chosen = () => (STATE.sample < 0 ? SAMPLES : [SAMPLES[STATE.sample]]);
// What the rows of some samples are: records, pairs of reads, or both.
function nounOf(samples) {
  const pairs = samples.filter((sample) => sample.paired).length;
  return pairs === 0 ? 'record' : pairs === samples.length ? 'pair' : 'record or pair';
}

const manyOf = (samples) => ({ record: 'records', pair: 'pairs' }[nounOf(samples)] ?? 'records and pairs');
const noun = () => nounOf(chosen()), nouns = () => manyOf(chosen());
const rowsInWords = (n, kind = '') => `${whole(n)} ${kind}${n === 1 ? noun() : nouns()}`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

const added = (name) => chosen().map((sample) => sample[name]).reduce(plus);

function figuresOf(samples) {
  const calls = samples.map((s) => s.records.map(sum)).reduce(plus);
  const letters = samples.map((s) => s.bases.map(sum)).reduce(plus);
  return {
    records: sum(calls), bases: sum(letters), viral: calls[0], notScored: calls[2], viralBases: letters[0],
    proviruses: samples.some((s) => s.proviruses.total !== null) ? sum(samples.map((s) => s.proviruses.total)) : null,
    provirusBases: sum(samples.map((s) => s.proviruses.bp)),
    medianFdr: samples.length === 1 ? samples[0].median_fdr : null,
  };
}

function drawCards() {
  const f = figuresOf(chosen());
  const around = interval(f.viral, f.records);
  const card = (name, value, more = '', kind = '') => element('div', { class: `card ${kind}` }, element('span', {}, name), element('b', {}, value), element('small', {}, more));
  byId('cards').replaceChildren(
    ...(MANY && STATE.sample < 0 ? [card('Samples', whole(SAMPLES.length))] : []),
    card(capital(nouns()), whole(f.records), bases(f.bases)),
    card(`Viral ${nouns()}`, whole(f.viral), f.records ? `${share(percent(f.viral, f.records))} of all${around ? ` (${shareRange(around)})` : ''}` : '', 'viral'),
    card('Viral bases', bases(f.viralBases), f.bases ? `${share(percent(f.viralBases, f.bases))} of all` : ''),
    ...(f.proviruses === null ? [] : [card('Proviruses', whole(f.proviruses), f.proviruses ? `${bases(f.provirusBases)} in non-viral records` : 'in non-viral records')]),
    card('Not scored', whole(f.notScored), f.records ? `${share(percent(f.notScored, f.records))} of ${nouns()}` : ''),
    ...(f.medianFdr === null ? [] : [card('Median FDR', rate(f.medianFdr), `of viral ${nouns()}`)]));
  const statuses = {};
  for (const sample of chosen()) {
    for (const [word, n] of Object.entries(sample.statuses)) if (word !== 'scored') statuses[word] = (statuses[word] ?? 0) + n;
  }
  const why = Object.entries(statuses).map(([word, n]) => `${whole(n)} ${word.replaceAll('_', ' ')}`);
  byId('not-scored').textContent = why.length ? `Not scored: ${why.join(', ')}.` : f.records ? '' : 'The input holds no records.';
  const ambiguous = sum(chosen().map((sample) => sample.ambiguous_records));
  byId('ambiguous').textContent = ambiguous ? `${rowsInWords(ambiguous)} with so many letters other than A, C, G, T and U that a virus may be missed.` : '';
}

function drawLengths() {
  const unit = STATE.lengths === 'bases' ? 'bases' : 'records', counts = added(unit);
  const used = REPORT.length_edges.map((_, i) => sum(counts.map((row) => row[i])) > 0);
  const from = Math.max(used.indexOf(true), 0), to = used.lastIndexOf(true) + 1;
  const names = lengthNames().slice(from, to), kept = counts.map((row) => row.slice(from, to));
  byId('lengths').hidden = !names.length;
  if (!names.length) return;
  draw(byId('lengths-chart'), stackedCalls(names, kept, {
    unit, asShare: STATE.lengths === 'share', axisName: `Length of the ${noun()}`, description: `Calls by length: ${names.map((name, i) => `${name}: ${kept[0][i]} viral, ${kept[1][i]} non-viral`).join('; ')}`,
  }));
}

function saveLengths() {
  const records = added('records'), letters = added('bases');
  download('calls_by_length.csv', [['length', ...CALLS.flatMap((call) => [`${call} ${nouns()}`, `${call} bases`])],
    ...lengthNames().map((name, i) => [name, ...CALLS.flatMap((_, c) => [records[c][i], letters[c][i]])])]);
}

const scoreCounts = () => added('scores').map((ofLengths) => (STATE.bin < 0 ? ofLengths.reduce(plus) : ofLengths[STATE.bin]));

function scoreThresholds() {
  const picked = (n) => chosen().flatMap((s) => (STATE.bin < 0 ? s.thresholds[n] : [s.thresholds[n][STATE.bin]])).filter((x) => x !== null);
  const low = picked(0), high = picked(1);
  return low.length ? [Math.min(...low), Math.max(...high)] : [null, null];
}

function drawScores() {
  const counts = scoreCounts(), n = sum(counts.flat());
  const all = sum(added('scores').flat(2));
  byId('scores').hidden = !all;
  if (!all) return;
  const limits = scoreThresholds();
  draw(byId('scores-chart'), scoreHistogram(counts, limits, STATE.logarithmic, `Histogram of the virus scores of ${rowsInWords(n)}`));
  byId('scores-note').textContent = `${rowsInWords(n, 'scored ')} in bins of ${1 / REPORT.score_bins}.`
    + (limits[0] !== null && limits[1] - limits[0] >= 0.005 ? ` The threshold depends on the length of the ${noun()}; choose a length to see its range.` : '');
}

function saveScores() {
  const counts = scoreCounts();
  download('score_histogram.csv', [['score from', 'score to', 'viral', 'non-viral'],
    ...counts[0].map((n, i) => [i / REPORT.score_bins, (i + 1) / REPORT.score_bins, n, counts[1][i]])]);
}

function fillLengthChoice(select) {
  const records = added('scores').reduce(plus).map(sum);
  select.replaceChildren(element('option', { value: -1 }, 'all lengths'), ...lengthNames()
    .map((name, i) => [name, i]).filter(([, i]) => records[i]).map(([name, i]) => element('option', { value: i }, name)));
  STATE.bin = -1;
}

function drawClasses() {
  const names = SAMPLES[0]?.classes ?? [];
  const counts = names.length ? added(STATE.classes === 'bases' ? 'class_bases' : 'class_records') : [[], []];
  byId('classes').hidden = !sum(counts.flat());
  if (!sum(counts.flat())) return;
  byId('classes-chart').style.height = `${70 + 30 * names.length}px`;
  draw(byId('classes-chart'), stackedCalls(names.map((name) => name.replaceAll('_', ' ')), counts, {
    unit: STATE.classes, asShare: false, sideways: true, calls: CALLS.slice(0, 2), description: `Most probable classes: ${names.map((name, i) => `${name}: ${counts[0][i] + counts[1][i]}`).join(', ')}`,
  }));
}

function saveClasses() {
  const records = added('class_records'), letters = added('class_bases');
  download('classes.csv', [['class', `viral ${nouns()}`, 'viral bases', `non-viral ${nouns()}`, 'non-viral bases'],
    ...SAMPLES[0].classes.map((name, i) => [name, records[0][i], letters[0][i], records[1][i], letters[1][i]])]);
}

function drawComparison() {
  byId('compare').hidden = !MANY || STATE.sample >= 0;
  if (byId('compare').hidden) return;
  const some = SAMPLES.slice(0, 100);
  const unit = STATE.compare === 'bases' ? 'bases' : 'records';
  const counts = CALLS.map((_, call) => some.map((s) => sum(s[unit][call])));
  byId('compare-chart').style.height = `${60 + 30 * some.length}px`;
  draw(byId('compare-chart'), stackedCalls(some.map((s) => s.name), counts, {
    unit, asShare: STATE.compare === 'share', sideways: true, description: `Calls of ${SAMPLES.length} samples`,
  }));
}

function tabulateSamples() {
  const rows = SAMPLES.map((s) => figuresOf([s]));
  const number = (name, title, find, show = whole) => ({ name, title, kind: 'number', values: rows.map(find), show });
  new Table(byId('compare-table'), 'samples.csv', 'Samples', [
    { name: 'Sample', title: 'sample', kind: 'text', values: SAMPLES.map((s) => s.name) },
    number(capital(manyOf(SAMPLES)), 'records', (f) => f.records), number('Bases', 'bases', (f) => f.bases, bases),
    number('Viral', 'viral_records', (f) => f.viral), number('Viral %', 'percent_viral', (f) => percent(f.viral, f.records), share),
    number('Viral bases', 'viral_bases', (f) => f.viralBases, bases),
    number('Bases %', 'percent_viral_bases', (f) => percent(f.viralBases, f.bases), share),
    number('Proviruses', 'proviruses', (f) => f.proviruses, (x) => (x === null ? 'NA' : whole(x))), number('Not scored', 'not_scored', (f) => f.notScored),
    number('Median FDR', 'median_fdr', (f) => f.medianFdr, rate),
  ], { note: SAMPLES.length > 100 ? `The chart shows the first 100 of ${whole(SAMPLES.length)} samples.` : '' });
}

// One column over the chosen samples.
const joined = (group, name) => chosen().flatMap((sample) => sample[group][name] ?? []);

function columnsOf(group, described) {
  const columns = described.map(([name, title, key, kind, show]) => ({ name, title, kind, show, values: joined(group, key) }));
  const classes = chosen().flatMap((s) => (s[group].class ?? []).map((n) => (n < 0 ? null : s.classes[n])));
  if (classes.some((name) => name !== null)) columns.push({ name: 'Class', title: 'best_class', kind: 'word', values: classes, show: (name) => (name ?? 'NA').replaceAll('_', ' ') });
  if (MANY && STATE.sample < 0) columns.unshift({ name: 'Sample', title: 'sample', kind: 'word', values: chosen().flatMap((s) => (s[group].record ?? []).map(() => s.name)) });
  return columns;
}

function leftOut(group, file) {
  const total = sum(chosen().map((s) => s[group].total)), here = joined(group, 'record').length;
  return total > here ? `The ${whole(here)} with the highest scores of ${whole(total)}; ${file} has all.` : '';
}

const named = (text) => text || '(no ID)';

function tabulateViral() {
  const columns = columnsOf('viral', [
    [capital(noun()), 'record', 'record', 'text', named], ['Length', 'length', 'length', 'number', whole], ['Windows', 'n_scored', 'scored', 'number', whole],
    ['Score', 'virus_score', 'score', 'number', score], ['Threshold', 'threshold', 'threshold', 'number', score],
    ['Margin', 'margin', 'margin', 'number', (x) => (x === null ? 'NA' : x.toFixed(2))], ['FDR', 'fdr', 'fdr', 'number', rate],
    ['Best from', 'best_start', 'start', 'number', whole], ['to', 'best_end', 'end', 'number', whole]]);
  const warnings = joined('viral', 'warnings');
  if (warnings.some((words) => words)) columns.push({ name: 'Warnings', title: 'warnings', kind: 'words', values: warnings, show: (words) => (words ?? '').replaceAll('_', ' ').replaceAll(';', ', ') });
  new Table(byId('viral-table'), 'viral_records.csv', `Viral ${nouns()}`, columns,
    { note: leftOut('viral', 'calls.tsv'), first: columns.findIndex((column) => column.title === 'virus_score') });
}

function tabulateProviruses() {
  const columns = columnsOf('proviruses', [
    ['Record', 'record', 'record', 'text', named], ['From', 'region_start', 'start', 'number', whole], ['To', 'region_end', 'end', 'number', whole],
    ['Length', 'length', 'length', 'number', whole], ['Windows', 'n_windows', 'windows', 'number', whole], ['Score', 'virus_score', 'score', 'number', score],
    ['Background', 'background_score', 'background', 'number', score]]);
  byId('proviruses').hidden = !joined('proviruses', 'record').length;
  if (byId('proviruses').hidden) return;
  new Table(byId('proviruses-table'), 'proviruses.csv', 'Proviruses', columns,
    { note: leftOut('proviruses', 'regions.tsv'), first: columns.findIndex((column) => column.title === 'virus_score') });
}

let tracks = null;

function drawTracks() {
  const all = chosen().flatMap((s) => s.tracks.shown.map((track) => ({ track, sample: MANY && STATE.sample < 0 ? s.name : '' })));
  const isCalled = ({ track }) => Number(track.call === 'viral' || track.regions.length > 0);
  all.sort((a, b) => isCalled(b) - isCalled(a) || b.track.length - a.track.length);
  for (const place of CHARTS.keys()) if (place.closest('.track')) forget(place);
  tracks = new Tracks(all, sum(chosen().map((s) => s.tracks.total)));
}

function describeRun() {
  byId('facts').replaceChildren(...REPORT.facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', { class: name === 'Command' ? 'code' : null }, value)]));
  const rows = SAMPLES.flatMap((s) => s.inputs.map(([path, size, digest]) => [s.name, path, size, digest]));
  byId('inputs').hidden = !rows.length;
  if (!rows.length) return;
  byId('inputs').querySelector('summary').textContent = counted(rows.length, 'input file');
  byId('inputs').open = rows.length === 1;
  const column = (name, title, i, kind, show) => ({ name, title, kind, show, values: rows.map((row) => row[i]) });
  new Table(byId('inputs-table'), 'inputs.csv', 'Input files', [
    ...(MANY ? [column('Sample', 'sample', 0, 'word')] : []), column('File', 'file', 1, 'text'), column('Bytes', 'size', 2, 'number', whole), column('SHA-256', 'sha256', 3, 'text')]);
}

function listSections() {
  const links = [...document.querySelectorAll('main section')].filter((section) => !section.hidden && section.dataset.short)
    .map((section) => element('a', { href: `#${section.id}` }, section.dataset.short));
  byId('sections').replaceChildren(...links);
}

function nameRows() {
  byId('viral').dataset.short = `Viral ${nouns()}`;
  for (const place of document.querySelectorAll('.rows')) place.textContent = nouns();
  for (const place of document.querySelectorAll('.Rows')) place.textContent = capital(nouns());
}

function drawSample() {
  nameRows();
  drawCards();
  drawComparison();
  drawLengths();
  fillLengthChoice(byId('scores-length'));
  drawScores();
  drawClasses();
  tabulateViral();
  tabulateProviruses();
  drawTracks();
  listSections();
}

function addControls() {
  const csv = (save) => element('button', { type: 'button', class: 'end', onclick: save }, 'Download CSV');
  const of = (name, options, redo) => choice('Shown', options, STATE[name], (value) => { STATE[name] = value; redo(); });
  const all = manyOf(SAMPLES), units = [['records', capital(all)], ['bases', 'Bases']], withShare = [...units, ['share', `Share of ${all}`]];
  byId('lengths-controls').append(of('lengths', withShare, drawLengths), csv(saveLengths));
  byId('classes-controls').append(of('classes', units, drawClasses), csv(saveClasses));
  byId('compare-controls').append(of('compare', withShare, drawComparison));
  const length = element('select', { id: 'scores-length', onchange: () => { STATE.bin = Number(length.value); drawScores(); } });
  byId('scores-controls').append(element('label', {}, 'Length ', length),
    choice('Scale', [[false, 'Linear'], [true, 'Logarithmic']], false, (value) => { STATE.logarithmic = value; drawScores(); }), csv(saveScores));
  byId('tracks-more').addEventListener('click', () => tracks.more());
}

function chooseTheme() {
  const root = document.documentElement, dark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  const say = () => { byId('theme').textContent = isDark() ? 'Light' : 'Dark'; byId('theme').setAttribute('aria-label', isDark() ? 'Light theme' : 'Dark theme'); };
  byId('theme').removeAttribute('aria-pressed');
  byId('theme').addEventListener('click', () => { root.dataset.theme = isDark() ? 'light' : 'dark'; say(); redrawAll(); });
  dark.addEventListener('change', () => { say(); redrawAll(); });
  let before;
  addEventListener('beforeprint', () => { before = root.dataset.theme; root.dataset.theme = 'light'; drawForPaper(); });
  addEventListener('afterprint', () => { if (before) root.dataset.theme = before; else delete root.dataset.theme; drawForScreen(); });
  say();
}

function nameRefused() {
  const refused = REPORT.refused ?? [];
  byId('refused').hidden = !refused.length;
  byId('refused').append(`${counted(refused.length, 'sample')} refused, without results: `,
    isolated(refused.join(', ')), `. extraction_failures.log in ${refused.length === 1 ? 'its folder' : 'their folders'} says why.`);
}

function begin() {
  chooseTheme();
  nameRefused();
  byId('sample-choice').hidden = !MANY;
  byId('sample').append(element('option', { value: -1 }, 'all samples'), ...SAMPLES.map((s, i) => element('option', { value: i }, s.name)));
  byId('sample').addEventListener('change', () => { STATE.sample = Number(byId('sample').value); drawSample(); });
  if (!MANY && SAMPLES[0]?.name) document.title = `${SAMPLES[0].name}: VirNucPro report`;
  addControls();
  if (MANY) tabulateSamples();
  describeRun();
  drawSample();
  let waiting;
  addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(redrawAll, 150); });
}

begin();
