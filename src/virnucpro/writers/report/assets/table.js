'use strict';
// A table over columns: sorted, searched and downloaded whole, shown by pages.

class Table {
  // columns: [{name, title, values, kind: 'text' | 'words' | 'word' | 'number', show}]
  constructor(place, file, caption, columns, { note = '', first = null, search = true } = {}) {
    this.columns = columns;
    this.rows = columns[0].values.length;
    this.file = file;
    this.size = 25;
    this.page = 0;
    this.sorted = { column: first, down: true };
    this.words = '';
    this.order = Uint32Array.from({ length: this.rows }, (_, i) => i);
    this.texts = null;
    this.build(place, caption, note, search && this.rows > 10);
    this.update();
  }

  build(place, caption, note, search) {
    const field = element('input', {
      type: 'search', placeholder: 'Search', 'aria-label': `Search in ${caption}`,
      oninput: () => { this.words = field.value.trim().toLowerCase(); this.page = 0; this.update(); },
    });
    const sizes = element('select', {
      'aria-label': 'Rows per page', onchange: () => { this.size = Number(sizes.value); this.page = 0; this.draw(); },
    }, ...[25, 50, 100, 500].map((n) => element('option', { value: n }, `${n} rows`)));
    this.heads = this.columns.map((column, i) => element('th', { scope: 'col', class: { number: null, word: 'text', words: 'text', text: 'text wide' }[column.kind] },
      element('button', { type: 'button', title: column.title, onclick: () => this.sortBy(i) }, column.name)));
    this.body = element('tbody');
    this.count = element('span', { role: 'status' });
    this.back = element('button', { type: 'button', onclick: () => { this.page--; this.draw(); } }, 'Previous');
    this.next = element('button', { type: 'button', onclick: () => { this.page++; this.draw(); } }, 'Next');
    const csv = element('button', { type: 'button', class: 'end', onclick: () => this.save() }, 'Download CSV');
    place.replaceChildren(
      element('div', { class: 'controls' }, ...(search ? [field, sizes] : []), csv),
      element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
        element('table', {}, element('thead', {}, element('tr', {}, ...this.heads)), this.body)),
      element('div', { class: 'pages' }, this.back, this.next, this.count));
    if (note) place.append(element('p', { class: 'note' }, note));
  }

  sortBy(column) {
    const down = this.sorted.column === column ? !this.sorted.down : this.columns[column].kind === 'number';
    this.sorted = { column, down };
    this.page = 0;
    this.update();
  }

  matches(row) {
    this.texts ??= this.columns.filter((column) => column.kind !== 'number');
    return this.texts.some((column) => String(column.values[row] ?? '').toLowerCase().includes(this.words));
  }

  update() {
    let order = Array.from({ length: this.rows }, (_, i) => i);
    if (this.words) order = order.filter((row) => this.matches(row));
    const { column, down } = this.sorted;
    if (column !== null) {
      const { values, kind } = this.columns[column];
      const compare = kind === 'number' ? (a, b) => values[a] - values[b]
        : (a, b) => String(values[a] ?? '').localeCompare(String(values[b] ?? ''), 'en', { numeric: true });
      const absent = (row) => values[row] === null || values[row] === undefined;
      order.sort((a, b) => (absent(a) - absent(b)) || (down ? compare(b, a) : compare(a, b)) || a - b);
    }
    this.order = order;
    this.draw();
  }

  draw() {
    const from = this.page * this.size, to = Math.min(from + this.size, this.order.length);
    this.body.replaceChildren(...this.order.slice(from, to).map((row) => element('tr', {},
      ...this.columns.map(({ values, kind, show }) => {
        const text = show ? show(values[row]) : String(values[row] ?? 'NA');
        return element('td', { class: { text: 'text', words: 'text words', word: 'text short' }[kind], title: kind === 'word' ? text : null },
          kind === 'number' ? text : isolated(text));
      }))));
    if (!this.order.length) {
      this.body.append(element('tr', {}, element('td', { class: 'text', colspan: this.columns.length },
        this.rows ? 'No row has these letters.' : 'None.')));
    }
    this.heads.forEach((head, i) => {
      if (this.sorted.column === i) head.setAttribute('aria-sort', this.sorted.down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    const paged = this.order.length > this.size;
    this.back.hidden = this.next.hidden = !paged;
    this.back.disabled = !this.page;
    this.next.disabled = to >= this.order.length;
    const found = this.words ? ` found among ${whole(this.rows)}` : '';
    this.count.textContent = !this.order.length ? '' : paged ? `${whole(from + 1)}\u2013${whole(to)} of ${whole(this.order.length)}${found}`
      : `${counted(this.order.length, 'row')}${found}`;
  }

  save() {
    download(this.file, [this.columns.map((column) => column.title),
      ...this.order.map((row) => this.columns.map((column) => column.values[row]))]);
  }
}
