// The connection to the server: opened, kept, and opened again after it broke.

const HEADER_BYTES = 16;
const ROW_HEADER_BYTES = 16;
const WAITS_MS = [300, 600, 1200, 2500, 5000];
/** Connections for good reasons refused: trying again does not help. */
const POLICY_VIOLATION = 1008;

/** How long what was learnt about the clocks counts: they drift apart slowly. */
const CLOCK_MS = 30000;
/** Echoes right after the start, then now and then. */
const ECHOES_MS = [0, 100, 250, 500, 1000];
const ECHO_EVERY_MS = 2000;

/**
 * Calls `handlers.open()`, `handlers.close(reason)`, `handlers.told(message)` for JSON messages and
 * `handlers.picture(message)` for binary ones.
 */
export class Link {
  #socket = null;
  #handlers;
  #failures = 0;
  /** What is known of the server's clock minus ours, in ms: {at, low, high}. */
  #bounds = [];
  #offset = null;

  constructor(handlers) {
    this.#handlers = handlers;
    this.#open();
    setInterval(() => this.#echo(), ECHO_EVERY_MS);
  }

  /** Ms since something that was stamped by the server's clock; null before the clocks are known. */
  since(stamp) {
    return this.#offset === null ? null : performance.now() + this.#offset - stamp;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  say(message) {
    if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/socket`);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#bounds = [];
      this.#offset = null;
      this.#handlers.open();
      for (const wait of ECHOES_MS) setTimeout(() => this.#echo(), wait);
    };
    socket.onmessage = event => {
      if (typeof event.data === 'string') this.#heard(JSON.parse(event.data));
      else this.#got(parse(event.data));
    };
    socket.onclose = event => {
      this.#handlers.close(event.reason);
      const wait = event.code === POLICY_VIOLATION ? WAITS_MS.at(-1) : WAITS_MS[Math.min(this.#failures, WAITS_MS.length - 1)];
      this.#failures += 1;
      setTimeout(() => this.#open(), wait);
    };
    this.#socket = socket;
  }

  #heard(message) {
    if (message.type === 'echo') {
      // The server read its clock after we asked and before the answer came.
      this.#learn(message.server - performance.now(), message.server - message.at);
      return;
    }
    this.#failures = 0;
    this.#handlers.told(message);
  }

  #got(message) {
    // What has arrived was rendered before.
    const newest = message.rows.at(-1);
    if (newest) this.#learn(newest.renderedAt - performance.now(), Infinity);
    this.#handlers.picture(message);
  }

  /** The difference of the clocks lies between the two. All that is known together says it best. */
  #learn(low, high) {
    const now = performance.now();
    this.#bounds = this.#bounds.filter(({at}) => at > now - CLOCK_MS);
    // Most frames say nothing new.
    if (high === Infinity && this.#bounds.some(bound => bound.low >= low)) return;
    this.#bounds.push({at: now, low, high});
    const lowest = Math.max(...this.#bounds.map(bound => bound.low));
    const highest = Math.min(...this.#bounds.map(bound => bound.high));
    // Clocks that drift contradict themselves a little after a while: nothing is rendered after it has arrived.
    if (highest < Infinity) this.#offset = Math.max(lowest, (lowest + highest) / 2);
  }

  #echo() {
    this.say({type: 'echo', at: performance.now()});
  }
}

/** A binary message; `jpeg` is null where there is no picture. `rows` are frames, the newest last. */
function parse(buffer) {
  const view = new DataView(buffer);
  const columns = view.getUint16(2, true);
  const rowBytes = ROW_HEADER_BYTES + 4 * columns;
  const rows = Array.from({length: view.getUint32(4, true)}, (_, index) => {
    const at = HEADER_BYTES + index * rowBytes;
    return {
      number: view.getFloat64(at, true),
      renderedAt: view.getFloat64(at + 8, true),
      values: new Float32Array(buffer, at + ROW_HEADER_BYTES, columns),
    };
  });
  const end = HEADER_BYTES + rows.length * rowBytes;
  return {
    kind: view.getUint8(0) === 1 ? 'pose' : 'film',
    sequence: view.getUint32(8, true),
    rows,
    jpeg: buffer.byteLength > end ? new Blob([new Uint8Array(buffer, end)], {type: 'image/jpeg'}) : null,
  };
}
