'use strict';
// Charts by ECharts, as SVG. Each is made of a function that gives its option, called again for another theme or sample.

const PAPER_WIDTH = 720;
const CHARTS = new Map(); // element -> {chart, option}

function colours() {
  const probe = document.body.appendChild(document.createElement('i'));
  const read = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const found = Object.fromEntries(['viral', 'non-viral', 'not-scored', 'text', 'soft', 'line', 'card', 'link']
    .map((name) => [name, read(name)]));
  probe.remove();
  return found;
}

const ofCall = (palette) => [palette.viral, palette['non-viral'], palette['not-scored']];

function draw(place, option) {
  let kept = CHARTS.get(place);
  if (!kept) {
    kept = { chart: echarts.init(place, null, { renderer: 'svg' }) };
    CHARTS.set(place, kept);
  }
  kept.option = option;
  redraw(kept);
}

function redraw({ chart, option }, width = 'auto') {
  const palette = colours();
  const axis = {
    axisLabel: { color: palette.soft, hideOverlap: true }, axisLine: { lineStyle: { color: palette.line } },
    axisTick: { lineStyle: { color: palette.line } }, splitLine: { lineStyle: { color: palette.line, opacity: 0.6 } },
    nameTextStyle: { color: palette.soft },
  };
  const given = option(palette);
  chart.resize({ width });
  chart.setOption({
    animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: palette.text },
    aria: { enabled: true, label: { description: given.description } },
    ...given,
    legend: given.legend && { top: 0, left: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: palette.text }, ...given.legend },
    tooltip: given.tooltip && {
      backgroundColor: palette.card, borderColor: palette.line, textStyle: { color: palette.text, fontSize: 12 },
      confine: true, ...given.tooltip,
    },
    xAxis: { ...axis, ...given.xAxis }, yAxis: { ...axis, ...given.yAxis },
  }, true);
}

function forget(place) {
  CHARTS.get(place)?.chart.dispose();
  CHARTS.delete(place);
}

const redrawAll = () => CHARTS.forEach((kept, place) => (place.isConnected ? redraw(kept) : forget(place)));

// Paper has another width than the window, and is laid out after charts are drawn: draw them for it, to be scaled.
function drawForPaper() {
  for (const [place, kept] of CHARTS) {
    if (!place.isConnected || !place.offsetParent) continue;
    redraw(kept, PAPER_WIDTH);
    place.querySelector('svg').setAttribute('viewBox', `0 0 ${PAPER_WIDTH} ${kept.chart.getHeight()}`);
  }
}

function drawForScreen() {
  for (const place of CHARTS.keys()) place.querySelector('svg')?.removeAttribute('viewBox');
  redrawAll();
}

// A tooltip of lines; an element, so that nothing in it is read as HTML.
function lines(title, ...texts) {
  return element('div', {}, element('strong', {}, title), ...texts.map((text) => element('div', {}, text)));
}

// '200\u2013500 bp' takes two lines below a bar.
const inTwoLines = (name) => (name.includes('\u2013') ? name.replace('\u2013', '\u2013\n') : name.replace(/ (?=[a-zA-Z])/, '\n'));

// Stacked bars of the three calls. names: of the bars; counts: [calls][bars]
function stackedCalls(names, counts, { unit, asShare, sideways, axisName, description, calls = CALLS }) {
  const totals = names.map((_, i) => sum(counts.map((row) => row[i])));
  const show = unit === 'bases' ? bases : whole;
  const value = (call, i) => (asShare ? percent(counts[call][i], totals[i]) : counts[call][i]);
  const numbers = {
    type: 'value', max: asShare ? 100 : undefined, minInterval: unit === 'bases' ? undefined : 1,
    axisLabel: { formatter: (x) => (asShare ? `${x} %` : unit === 'bases' ? bases(x) : whole(x)) },
  };
  return (palette) => {
    const narrow = innerWidth < 900, tight = narrow || names.length > 9;
    numbers.axisLabel = { ...numbers.axisLabel, color: palette.soft, hideOverlap: true };
    const bars = {
      type: 'category', data: names, inverse: sideways, axisTick: { show: false }, name: sideways ? '' : axisName,
      nameLocation: 'middle', nameGap: tight ? 40 : 28, axisLabel: sideways
        ? { color: palette.text, width: 150, overflow: 'truncate', interval: 0 }
        : { color: palette.soft, interval: 0, fontSize: narrow ? 10 : 12, lineHeight: 14, formatter: tight ? inTwoLines : undefined },
    };
    return {
      description,
      grid: { left: sideways ? 8 : 4, right: 24, top: 34, bottom: sideways ? 4 : 30, containLabel: true },
      legend: {}, xAxis: sideways ? numbers : bars, yAxis: sideways ? bars : numbers,
      tooltip: {
        trigger: 'axis', axisPointer: { type: 'shadow' },
        formatter: ([{ dataIndex: i }]) => {
          const scored = totals[i] - (counts[2]?.[i] ?? 0);
          const around = unit === 'bases' ? null : interval(counts[0][i], scored);
          return lines(names[i], ...calls.map((call, c) => `${call}: ${show(counts[c][i])} (${share(percent(counts[c][i], totals[i]))})`),
            around ? `viral share of scored ${nouns()}: ${share(percent(counts[0][i], scored))} (${shareRange(around)})` : '');
        },
      },
      series: calls.map((call, c) => ({
        name: call, type: 'bar', stack: 'calls', barMaxWidth: sideways ? 22 : 60, itemStyle: { color: ofCall(palette)[c] },
        data: names.map((_, i) => value(c, i)),
      })),
    };
  };
}

// Outlines of the scores of viral and non-viral records, and the thresholds between which records are called viral.
function scoreHistogram(counts, [low, high], logarithmic, description) {
  const bins = REPORT.score_bins, floor = logarithmic ? 0.5 : 0;
  const alone = (row, i) => !row[i - 1] && !row[i] && !row[i + 1]; // no line where there is nothing
  const points = (row) => [...row, row[bins - 1]].map((n, i) => [i / bins, alone(row, i) ? null : Math.max(n, floor)]);
  return (palette) => ({
    description,
    grid: { left: 4, right: 24, top: 34, bottom: 24, containLabel: true },
    legend: { data: CALLS.slice(0, 2), icon: 'roundRect' },
    xAxis: { type: 'value', min: 0, max: 1, name: 'Virus score', nameLocation: 'middle', nameGap: 28, splitLine: { show: false } },
    yAxis: {
      type: logarithmic ? 'log' : 'value', min: floor, minInterval: 1,
      axisLabel: { color: palette.soft, formatter: (n) => (n < 1 && n > 0 ? '' : whole(n)) },
    },
    tooltip: {
      trigger: 'axis', formatter: ([{ dataIndex }]) => {
        const i = Math.min(dataIndex, bins - 1);
        return lines(`score ${(i / bins).toFixed(2)} to ${((i + 1) / bins).toFixed(2)}`,
          `viral: ${whole(counts[0][i])}`, `non-viral: ${whole(counts[1][i])}`);
      },
    },
    series: [1, 0].map((call) => ({
      name: CALLS[call], type: 'line', step: 'end', symbol: 'none', data: points(counts[call]), lineStyle: { width: 1.5 },
      itemStyle: { color: ofCall(palette)[call] }, areaStyle: { opacity: 0.3, origin: 'start' },
      ...(call === 0 && low !== null ? thresholds(palette, low, high) : {}),
    })),
  });
}

function thresholds(palette, low, high) {
  const text = high - low < 0.005 ? `threshold ${score(low)}` : `thresholds ${score(low)} to ${score(high)}`;
  const nearEnd = high > 0.8;
  return {
    markLine: {
      symbol: 'none', silent: true, lineStyle: { color: palette.text, type: 'dashed', width: 1 },
      data: [{ xAxis: high, label: { formatter: text, color: palette.text, position: 'end', align: nearEnd ? 'right' : 'center' } },
        ...(high - low < 0.005 ? [] : [{ xAxis: low, label: { show: false } }])],
    },
    markArea: { silent: true, itemStyle: { color: palette.text, opacity: 0.07 }, data: [[{ xAxis: low }, { xAxis: high }]] },
  };
}
