// A slider for each channel, in groups, and the pose that they make.

const OPEN_GROUPS = ['Brows', 'Eyes', 'Jaw', 'Mouth', 'Expression'];

export class Sliders {
  #root;
  #channels = [];
  /** By index of the channel: {row, range, number}. */
  #rows = [];
  #groups = [];
  #values = [];
  #changed;
  #movesBoth;

  /** `changed()` is called when a person has changed a value; `movesBoth()` says whether mirror images move along. */
  constructor(root, changed, movesBoth) {
    this.#root = root;
    this.#changed = changed;
    this.#movesBoth = movesBoth;
  }

  setChannels(channels) {
    const names = channels.map(channel => channel.name).join();
    if (names === this.#channels.map(channel => channel.name).join()) return;
    this.#channels = channels;
    this.#values = channels.map(() => 0);
    this.#rows = channels.map((channel, index) => this.#row(channel, index));
    this.#groups = [...new Set(channels.map(channel => channel.group))].sort(byPlace).map(name => this.#group(name));
    this.#root.replaceChildren(...this.#groups.map(group => group.details));
  }

  /** Values that are not at rest, by name. */
  get pose() {
    return Object.fromEntries(this.#channels.map((channel, index) => [channel.name, this.#values[index]]).filter(([, value]) => value !== 0));
  }

  reset() {
    this.#setAll(this.#channels.map(() => 0));
  }

  take(values) {
    this.#setAll(this.#channels.map((_, index) => values[index]));
  }

  mirror() {
    const mirrored = [...this.#values];
    this.#channels.forEach(({mirror}, index) => {
      if (mirror) mirrored[mirror[0]] = this.#values[index] * mirror[1];
    });
    this.#setAll(mirrored);
  }

  /** Shows the channels whose name contains the text. */
  filter(text) {
    const wanted = text.trim().toLowerCase();
    this.#groups.forEach(({details, indices}) => {
      const isIn = index => this.#channels[index].name.toLowerCase().includes(wanted);
      indices.forEach(index => { this.#rows[index].row.hidden = !isIn(index); });
      details.hidden = !indices.some(isIn);
      if (wanted) details.open = true;
    });
  }

  #setAll(values) {
    values.forEach((value, index) => this.#set(index, value));
    this.#changed();
  }

  #set(index, value) {
    const {min, max} = this.#channels[index];
    const kept = Number.isFinite(value) ? Math.min(max, Math.max(min, Math.round(value * 1000) / 1000)) : 0;
    this.#values[index] = kept;
    const {row, range, number} = this.#rows[index];
    range.value = kept;
    if (document.activeElement !== number) number.value = kept;
    row.classList.toggle('moved', kept !== 0);
    this.#count(this.#channels[index].group);
  }

  #move(index, value) {
    this.#set(index, value);
    const {mirror, name} = this.#channels[index];
    // jawLeft and mouthLeft are no pairs: they move one thing to one side.
    if (this.#movesBoth() && mirror && mirror[0] !== index && !/^(jaw|mouth)(Left|Right)$/.test(name)) {
      this.#set(mirror[0], this.#values[index] * mirror[1]);
    }
    this.#changed();
  }

  #row(channel, index) {
    const row = document.createElement('div');
    row.className = 'slider';
    const step = channel.unit ? 0.5 : 0.01;
    const input = (type, label) => {
      const input = document.createElement('input');
      Object.assign(input, {type, min: channel.min, max: channel.max, step, value: 0});
      if (label) input.setAttribute('aria-label', label);
      input.addEventListener('input', () => this.#move(index, Number(input.value)));
      return input;
    };
    const range = input('range');
    range.id = `channel-${channel.name}`;
    const number = input('number', `${channel.name}, value`);
    number.addEventListener('blur', () => { number.value = this.#values[index]; });
    const label = document.createElement('label');
    label.htmlFor = range.id;
    label.textContent = channel.unit ? `${channel.name} ${channel.unit}` : channel.name;
    label.title = `${channel.name}: ${channel.min} to ${channel.max}${channel.unit}. Double-click: back to rest`;
    for (const part of [label, range]) part.addEventListener('dblclick', () => this.#move(index, 0));
    row.append(label, range, number);
    return {row, range, number};
  }

  #group(name) {
    const details = document.createElement('details');
    details.open = OPEN_GROUPS.includes(name);
    const summary = document.createElement('summary');
    const count = document.createElement('span');
    count.className = 'count';
    summary.append(`${name} `, count);
    const indices = this.#channels.flatMap((channel, index) => (channel.group === name ? [index] : []))
      .sort((a, b) => this.#channels[a].name.localeCompare(this.#channels[b].name));
    details.append(summary, ...indices.map(index => this.#rows[index].row));
    return {name, details, indices, count};
  }

  #count(name) {
    const group = this.#groups.find(group => group.name === name);
    if (!group) return;
    const moved = group.indices.filter(index => this.#values[index] !== 0).length;
    group.count.textContent = moved || '';
  }
}

function byPlace(a, b) {
  const order = ['Head', 'Brows', 'Eyes', 'Gaze', 'Cheeks and nose', 'Mouth', 'Jaw', 'Expression'];
  return order.indexOf(a) - order.indexOf(b);
}
