// The curves of the coefficients over the last seconds.

const SECONDS = 12;
const HIGHLIGHTED = 8;
/** How much more active a channel must be to take a colour from another, so that colours do not flicker. */
const STICKINESS = 1.35;

export class Curves {
  #canvas;
  #legend;
  #tip;
  #channels = [];
  /** Frames of the last seconds: {at: seconds, number, values}, oldest first. */
  #frames = [];
  /** Index of a channel by colour, or null. */
  #highlighted = Array(HIGHLIGHTED).fill(null);
  #hover = null;
  #dirty = true;

  constructor(canvas, legend, tip) {
    this.#canvas = canvas;
    this.#legend = legend;
    this.#tip = tip;
    canvas.addEventListener('pointermove', event => this.#point(event.offsetX / canvas.clientWidth));
    canvas.addEventListener('pointerleave', () => this.#point(null));
    canvas.addEventListener('blur', () => this.#point(null));
    canvas.addEventListener('keydown', event => {
      const step = {ArrowLeft: -0.02, ArrowRight: 0.02}[event.key];
      if (!step) return;
      event.preventDefault();
      this.#point(Math.min(1, Math.max(0, (this.#hover ?? 1) + step)));
    });
    new ResizeObserver(() => { this.#dirty = true; }).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.#dirty = true; });
  }

  setChannels(channels) {
    // What came before a connection that broke is kept: the server sends what was missed.
    const names = channels.map(channel => channel.name).join();
    if (names === this.#channels.map(channel => channel.name).join()) return;
    this.#channels = channels;
    this.#frames = [];
    this.#highlighted.fill(null);
    this.#dirty = true;
  }

  /** Adds frames, the newest last. They are drawn at the times at which they were rendered. */
  add(rows) {
    const frames = rows.map(({number, renderedAt, values}) => ({at: renderedAt / 1000, number, values}));
    const last = frames.at(-1)?.at;
    if (last === undefined) return;
    // A server that was started again has a clock that starts again.
    if (last < (this.#frames.at(-1)?.at ?? 0)) this.#frames = [];
    const known = this.#frames.at(-1)?.at ?? -Infinity;
    const fresh = frames.filter(frame => frame.at > known);
    this.#frames = [...this.#frames, ...fresh].filter(frame => frame.at > last - SECONDS - 1);
    this.#dirty = true;
  }

  /** The values of the newest frame; null before the first. */
  newest() {
    return this.#frames.at(-1)?.values ?? null;
  }

  /** Draws, if there is anything new. */
  draw() {
    if (!this.#dirty || !this.#channels.length) return;
    this.#dirty = false;
    const canvas = this.#canvas;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#choose();
    const style = getComputedStyle(document.documentElement);
    const color = name => style.getPropertyValue(name).trim();
    // Time stands still where no frames come.
    const end = this.#frames.at(-1)?.at ?? 0;
    const x = at => width * (1 - (end - at) / SECONDS);
    const y = share => 6 + (height - 12) * (1 - share);
    context.lineWidth = 1;
    context.strokeStyle = color('--line');
    for (let second = 0; second <= SECONDS; second += 2) line(context, [[x(end - second), 0], [x(end - second), height]]);
    for (const share of [0, 0.5, 1]) line(context, [[0, y(share)], [width, y(share)]]);

    const curve = index => this.#frames.map(frame => [x(frame.at), y(this.#share(index, frame.values[index]))]);
    context.lineJoin = 'round';
    context.strokeStyle = color('--faint');
    context.globalAlpha = 0.28;
    this.#channels.forEach((_, index) => {
      if (!this.#highlighted.includes(index) && this.#moves(index)) line(context, curve(index));
    });
    context.globalAlpha = 1;
    context.lineWidth = 1.8;
    this.#highlighted.forEach((index, slot) => {
      if (index === null) return;
      context.strokeStyle = color(`--c${slot}`);
      line(context, curve(index));
    });
    this.#drawTip(context, x, end, height, color);
    this.#drawLegend();
  }

  /** Position between the ends of a channel's range; a range on both sides of zero has zero in the middle. */
  #share(index, value) {
    const {min, max} = this.#channels[index];
    return Math.min(1.02, Math.max(-0.02, (value - min) / (max - min)));
  }

  #moves(index) {
    const first = this.#frames[0]?.values[index];
    return this.#frames.some(frame => frame.values[index] !== first) || Math.abs(first ?? 0) > 1e-4;
  }

  /** How much a channel moved, as a share of its range, with a little for being away from rest. */
  #activity(index) {
    const {min, max} = this.#channels[index];
    let travel = 0;
    for (let i = 1; i < this.#frames.length; i += 1) {
      travel += Math.abs(this.#frames[i].values[index] - this.#frames[i - 1].values[index]);
    }
    return (travel + 0.25 * Math.abs(this.#frames.at(-1)?.values[index] ?? 0)) / (max - min);
  }

  /** Gives colours to the most active channels; who has one keeps it unless another is clearly more active. */
  #choose() {
    const score = this.#channels.map((_, index) => this.#activity(index) * (this.#highlighted.includes(index) ? STICKINESS : 1));
    const best = score.map((_, index) => index).filter(index => score[index] > 0.01)
      .sort((a, b) => score[b] - score[a]).slice(0, HIGHLIGHTED);
    this.#highlighted = this.#highlighted.map(index => (best.includes(index) ? index : null));
    for (const index of best.filter(index => !this.#highlighted.includes(index))) {
      this.#highlighted[this.#highlighted.indexOf(null)] = index;
    }
  }

  #point(share) {
    this.#hover = share;
    this.#dirty = true;
  }

  /** Colours and the values at the frame that is pointed at. */
  #drawTip(context, x, end, height, color) {
    const wanted = this.#hover === null ? null : end - SECONDS * (1 - this.#hover);
    const frame = wanted === null ? null : this.#frames.reduce((nearest, frame) =>
      (!nearest || Math.abs(frame.at - wanted) < Math.abs(nearest.at - wanted) ? frame : nearest), null);
    this.#tip.hidden = !frame;
    if (!frame) return;
    context.lineWidth = 1;
    context.strokeStyle = color('--faint');
    line(context, [[x(frame.at), 0], [x(frame.at), height]]);
    const rows = this.#channels.map((channel, index) => ({channel, index, value: frame.values[index]}))
      .filter(({index, value}) => this.#highlighted.includes(index) || Math.abs(this.#share(index, value) - this.#share(index, 0)) > 0.08)
      .sort((a, b) => Math.abs(b.value) / b.channel.max - Math.abs(a.value) / a.channel.max).slice(0, 12);
    this.#tip.replaceChildren(
      element('div', `frame ${frame.number} · ${(end - frame.at).toFixed(1)} s ago`),
      ...rows.map(({channel, index, value}) => this.#row('div', channel, index, value)));
    const left = x(frame.at);
    const isRight = left > this.#canvas.clientWidth / 2;
    this.#tip.style.left = isRight ? 'auto' : `${left + 10}px`;
    this.#tip.style.right = isRight ? `${this.#canvas.clientWidth - left + 10}px` : 'auto';
  }

  #drawLegend() {
    const values = this.newest();
    const rows = this.#highlighted.filter(index => index !== null).map(index =>
      this.#row('li', this.#channels[index], index, values[index]));
    this.#legend.replaceChildren(...rows);
  }

  #row(kind, channel, index, value) {
    const row = element(kind);
    const swatch = element('span');
    const slot = this.#highlighted.indexOf(index);
    swatch.className = slot < 0 ? 'swatch' : `swatch s${slot}`;
    row.append(swatch, element('span', channel.name), element('span', format(value, channel)));
    return row;
  }
}

function format(value, channel) {
  return channel.unit ? `${value.toFixed(1)}${channel.unit}` : value.toFixed(2);
}

function element(kind, text = '') {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}
