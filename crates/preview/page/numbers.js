// The numbers of the run: tiles, outputs, stages.

const byId = id => document.getElementById(id);

/** How many things happened per second, lately. */
export class Rate {
  #times = [];

  count() {
    const now = performance.now();
    this.#times.push(now);
    while (this.#times[0] < now - 3000) this.#times.shift();
  }

  get perSecond() {
    const now = performance.now();
    const recent = this.#times.filter(time => time > now - 3000);
    if (recent.length < 2) return 0;
    return (recent.length - 1) * 1000 / Math.max(recent.at(-1) - recent[0], now - recent.at(-1));
  }
}

/** The middle one of the last values. */
export class Median {
  #values = [];

  add(value) {
    this.#values.push(value);
    if (this.#values.length > 31) this.#values.shift();
  }

  get value() {
    if (!this.#values.length) return null;
    return [...this.#values].sort((a, b) => a - b)[this.#values.length >> 1];
  }
}

export function showNumbers(status, scene, shownRate, latency) {
  const {preview, legs, stages} = status;
  byId('fps').textContent = status.fps.toFixed(1);
  byId('fps-shown').textContent = `of ${plain(scene.fps)} · ${shownRate.toFixed(1)} here`;
  byId('latency').textContent = latency === null ? '–' : latency.toFixed(latency < 10 ? 1 : 0);
  byId('dropped').textContent = preview.dropped + legs.reduce((sum, leg) => sum + leg.dropped, 0);
  byId('dropped-source').textContent = status.dropped ? `+ ${status.dropped} at the source` : '';
  byId('repeated').textContent = legs.reduce((sum, leg) => sum + leg.repeated, 0);
  fill(byId('legs'), [...legs, preview].map(leg => [
    cell(leg.name, 'name', leg.name), stateCell(leg), count(leg.frames_out), count(leg.dropped), count(leg.repeated),
    cell(queue(leg.queue), 'n'), cell(share(leg.busy), 'n'),
    cell(leg.encoded ? `${(leg.encoding / leg.encoded).toFixed(1)} ms` : '–', 'n'),
    cell(leg.latency === null ? '–' : `${leg.latency.toFixed(leg.latency < 10 ? 1 : 0)} ms`, 'n'),
  ]), 9);
  fill(byId('stages'), stages.map(stage => [
    cell(stage.name, 'name'), count(stage.threads), count(stage.frames_in), count(stage.frames_out),
    cell(queue(stage.queue), 'n'), cell(share(stage.busy), 'n'),
  ]), 6);
}

function fill(body, rows, columns) {
  if (!rows.length) {
    const none = cell('none yet', 'none');
    none.colSpan = columns;
    rows = [[none]];
  }
  body.replaceChildren(...rows.map(cells => {
    const row = document.createElement('tr');
    row.append(...cells);
    return row;
  }));
}

function cell(text, kind, title = '') {
  const cell = document.createElement('td');
  cell.className = kind;
  cell.textContent = text;
  if (title) cell.title = title;
  return cell;
}

function stateCell(leg) {
  const td = cell('', '');
  const state = document.createElement('span');
  state.className = 'state';
  state.dataset.state = leg.state;
  state.textContent = leg.state;
  td.append(state);
  if (leg.detail) {
    const detail = document.createElement('span');
    detail.className = 'detail';
    detail.textContent = `\u00a0· ${leg.detail}`;
    detail.title = leg.detail;
    td.append(detail);
  }
  return td;
}

const count = value => cell(value === null ? '–' : value.toLocaleString('en'), 'n');
const queue = queue => (queue ? `${queue.depth}/${queue.capacity}` : '–');
const share = value => `${Math.round(value * 100)} %`;
const plain = value => (Number.isInteger(value) ? String(value) : value.toFixed(2));
