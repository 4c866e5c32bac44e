'use strict';
// Tracks: scores of windows along a record, its threshold, and the regions found in it.

const TRACKS_AT_ONCE = 10;

function trackOption(track) {
  const scale = track.length >= 2e6 ? [1e6, 'Mb'] : track.length >= 2000 ? [1e3, 'kb'] : [1, 'bp'];
  const points = track.middles.map((middle, i) => [middle, track.scores[i]]);
  const small = points.length > 150;
  const per = Math.ceil(track.windows / points.length);
  return (palette) => {
    const mark = (flag, name, colour) => ({
      name, type: 'scatter', symbol: flag ? 'triangle' : 'circle', symbolSize: small ? 4 : 7, itemStyle: { color: colour },
      data: points.filter((_, i) => (track.is_viral[i] === '1') === flag), z: flag ? 4 : 3,
    });
    return {
      description: `Virus score of ${whole(track.windows)} windows along ${track.record}, ${whole(track.length)} bp`,
      grid: { left: 4, right: 30, top: 12, bottom: 2, containLabel: true },
      xAxis: {
        type: 'value', min: 0, max: track.length, name: scale[1], nameGap: 6, splitLine: { show: false },
        axisLabel: { color: palette.soft, hideOverlap: true, showMaxLabel: false, formatter: (x) => trimmed(x / scale[0]) },
      },
      yAxis: { type: 'value', min: 0, max: 1, interval: 0.5, name: '' },
      tooltip: {
        trigger: 'item', formatter: ({ data }) => lines(`${per > 1 ? `mean of ${per} windows near` : 'window around'} ${whole(data[0])} bp`, `score ${score(data[1])}`),
      },
      series: [
        {
          type: 'line', data: points, symbol: 'none', silent: true, lineStyle: { color: palette.soft, width: 1, opacity: 0.7 },
          markLine: track.threshold === null ? undefined : {
            symbol: 'none', silent: true, lineStyle: { color: palette.text, type: 'dashed', width: 1 }, label: { show: false },
            data: [{ yAxis: track.threshold }],
          },
          markArea: {
            silent: true, itemStyle: { color: palette.viral, opacity: 0.15 },
            data: track.regions.filter(([, , kind]) => kind === 'provirus').map(([start, end, kind]) => [
              { xAxis: start, name: kind, label: { color: palette.viral, fontSize: 11, position: 'insideTop' } },
              { xAxis: end }]),
          },
        },
        mark(false, 'non-viral window', palette['non-viral']), mark(true, 'viral window', palette.viral),
      ],
    };
  };
}

function trackElement(track, sample) {
  const regions = track.regions.filter(([, , kind]) => kind === 'provirus');
  const per = Math.ceil(track.windows / track.middles.length);
  const said = [`${whole(track.length)} bp`, `${whole(track.windows)} windows${per > 1 ? `, ${per} to a point` : ''}`, `score ${score(track.score)}`, `threshold ${score(track.threshold)}`,
    ...regions.slice(0, 5).map(([start, end, kind, value]) => `${kind} ${whole(start)}\u2013${whole(end)} (${score(value)})`),
    ...(regions.length > 5 ? [`${regions.length - 5} more`] : [])];
  const chart = element('div', { class: 'chart', role: 'img' });
  const made = element('div', { class: 'track' },
    element('h3', {}, isolated(track.record || '(no ID)'), element('span', { class: `badge ${track.call}` }, track.call)),
    element('p', {}, ...(sample ? [isolated(sample), ': '] : []), said.join(', ')), chart);
  return { made, chart };
}

class Tracks {
  constructor(tracks, total) {
    this.tracks = tracks;
    this.shown = 0;
    byId('tracks').hidden = !tracks.length;
    byId('tracks-list').replaceChildren();
    const left = total > tracks.length ? ` Shown are ${whole(tracks.length)} of ${whole(total)} records with at least two scored windows.` : '';
    byId('tracks-note').textContent = 'Viral records and those with proviruses first, then the longest. Triangles are windows that would be called viral by themselves, '
      + `circles are others; the dashed line is the threshold of the record, and shaded segments are proviruses.${left}`;
    this.more();
  }

  more(count = TRACKS_AT_ONCE) {
    const next = this.tracks.slice(this.shown, this.shown + count);
    this.shown += next.length;
    for (const { track, sample } of next) {
      const { made, chart } = trackElement(track, sample);
      byId('tracks-list').append(made);
      draw(chart, trackOption(track));
    }
    byId('tracks-more').hidden = this.shown >= this.tracks.length;
    byId('tracks-more').textContent = `Show more (${this.tracks.length - this.shown} left)`;
  }
}
