// The page: what is shown, and what a person does.

import {Link} from './link.js';
import {Curves} from './curves.js';
import {Sliders} from './sliders.js';
import {Median, Rate, showNumbers} from './numbers.js';

const byId = id => document.getElementById(id);
const picture = byId('picture');
const curves = new Curves(byId('curves'), byId('legend'), byId('tip'));
const sliders = new Sliders(byId('sliders'), () => tryPose(), () => byId('both').checked);
const shownRate = new Rate();
const latency = new Median();

let scene = null;
let status = null;
/** Whether a tried pose is shown in the film's place. */
let isTrying = false;
/** The newest pose that was asked for, the one whose picture is awaited, and whether a newer one waits for that. */
let lastPose = 0;
let awaited = null;
let isPoseWaiting = false;
/** How a storyboard writes the newest pose. */
let yaml = byId('yaml').textContent;
let noticeTimer = 0;

// The token has done its part: the cookie keeps it, and it should not stay where it can be read and copied.
if (location.search) history.replaceState(null, '', location.pathname);

const link = new Link({
  open: () => connection('live', 'connected'),
  close: reason => {
    connection('lost', reason || 'connection lost, trying again');
    awaited = null;
  },
  told: message => heard[message.type]?.(message),
  picture: message => (message.kind === 'pose' ? showPose(message) : showFilm(message)),
});

const heard = {
  scene(message) {
    scene = message;
    document.title = `${scene.title} · moue preview`;
    byId('title').textContent = scene.title;
    byId('about').textContent = `${scene.renderer} · ${scene.width}×${scene.height} · ${Math.round(scene.fps * 100) / 100} fps`;
    picture.width = scene.width;
    picture.height = scene.height;
    curves.setChannels(scene.channels);
    sliders.setChannels(scene.channels);
    byId('pose').hidden = !scene.can_pose;
    document.querySelector('main').classList.toggle('watching', !scene.can_pose);
    for (const name of ['pause', 'restart', 'loop', 'stop']) byId(name).hidden = !scene.controls[name];
    awaited = null;
    watch();
    if (isTrying) tryPose();
  },
  status(message) {
    status = message;
    showNumbers(status, scene, shownRate.perSecond, latency.value);
    const isPaused = status.playback === 'paused';
    byId('pause').textContent = isPaused ? 'Play' : 'Pause';
    byId('pause').classList.toggle('primary', isPaused);
    for (const name of ['pause', 'stop']) byId(name).disabled = status.playback === 'ended';
    byId('loop').setAttribute('aria-pressed', status.looping);
    badge();
  },
  yaml(message) {
    if (message.id !== lastPose) return;
    yaml = message.yaml;
    // The box breaks lines where it is full.
    byId('yaml').textContent = yaml.replace(/\n +/g, ' ');
    notice('');
  },
  refused(message) {
    notice(message.message);
    if (message.id !== null && message.id === awaited) nextPose();
  },
};

// --- the picture ---

async function draw(message, isWanted) {
  const bitmap = await createImageBitmap(message.jpeg);
  if (isWanted()) {
    if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
      picture.width = bitmap.width;
      picture.height = bitmap.height;
    }
    picture.getContext('2d').drawImage(bitmap, 0, 0);
    byId('empty').hidden = true;
  }
  bitmap.close();
}

/** Pictures are drawn in the order in which they came. */
let drawing = Promise.resolve();

function showFilm(message) {
  const wasTrying = isTrying;
  curves.add(message.rows);
  const newest = message.rows.at(-1);
  if (newest) position(newest.number);
  drawing = drawing.then(async () => {
    if (message.jpeg && newest && !wasTrying) {
      await draw(message, () => !isTrying);
      if (!isTrying) picture.dataset.frame = newest.number;
    }
  }).catch(() => notice('a picture could not be decoded')).then(() => {
    shownRate.count();
    const age = newest ? link.since(newest.renderedAt) : null;
    if (!isTrying && age !== null) latency.add(age);
    link.say({type: 'shown', sequence: message.sequence});
  });
}

function showPose(message) {
  drawing = drawing.then(() => draw(message, () => isTrying)).catch(() => notice('a picture could not be decoded'))
    .then(() => {
      picture.dataset.pose = message.sequence;
      if (message.sequence === awaited) nextPose();
    });
}

function position(number) {
  const seconds = (number / scene.fps).toFixed(2);
  const of = scene.frames ? ` / ${scene.frames}` : '';
  byId('position').textContent = `${seconds} s · frame ${number}${of}`;
}

function badge() {
  const badge = byId('badge');
  badge.dataset.kind = isTrying ? 'pose' : 'film';
  const film = {starting: '', playing: '', paused: 'Paused', ended: 'Ended'}[status?.playback] ?? '';
  badge.textContent = isTrying ? 'Trying an expression' : film;
  badge.hidden = !badge.textContent;
  byId('film').hidden = !isTrying;
}

// --- trying expressions ---

function tryPose() {
  if (!isTrying) {
    isTrying = true;
    watch();
    badge();
  }
  // One picture is on its way at a time; of the wishes in between the newest counts.
  if (awaited !== null) {
    isPoseWaiting = true;
    return;
  }
  lastPose += 1;
  awaited = link.isOpen ? lastPose : null;
  isPoseWaiting = false;
  link.say({type: 'pose', id: lastPose, name: byId('name').value.trim(), values: sliders.pose});
}

function nextPose() {
  awaited = null;
  if (isPoseWaiting) tryPose();
}

function backToFilm() {
  isTrying = false;
  watch();
  badge();
}

/** Pictures are sent only where they are seen. */
function watch() {
  link.say({type: 'watch', film: !isTrying && document.visibilityState === 'visible'});
}

document.addEventListener('visibilitychange', watch);

async function copy() {
  const button = byId('copy');
  try {
    await navigator.clipboard.writeText(`${yaml}\n`);
    button.textContent = 'Copied';
  } catch {
    // Browsers lend the clipboard to secure origins only, which another machine's address is not.
    getSelection().selectAllChildren(byId('yaml'));
    button.textContent = document.execCommand('copy') ? 'Copied' : 'Selected: press Ctrl C';
  }
  setTimeout(() => { button.textContent = 'Copy as YAML'; }, 1500);
}

// --- buttons and keys ---

const say = command => link.say({type: 'command', command});
const actions = {
  pause: () => say(status?.playback === 'paused' ? 'play' : 'pause'),
  restart: () => say('restart'),
  loop: () => say({loop: !status?.looping}),
  stop: () => say('stop'),
  film: backToFilm,
  take: () => { if (curves.newest()) sliders.take(curves.newest()); },
  mirror: () => sliders.mirror(),
  reset: () => sliders.reset(),
  copy,
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener('click', action);
byId('filter').addEventListener('input', event => sliders.filter(event.target.value));
byId('name').addEventListener('input', () => tryPose());

const keys = {' ': 'pause', r: 'restart', l: 'loop', m: 'mirror', Escape: 'film'};
document.addEventListener('keydown', event => {
  const isText = event.target.matches('input:not([type=range]):not([type=checkbox])');
  if (event.ctrlKey || event.metaKey || event.altKey || (isText && event.key !== 'Escape')) return;
  if (event.key === '/') {
    event.preventDefault();
    byId('filter').focus();
    return;
  }
  // Space presses the button or opens the group that has the focus.
  if (event.key === ' ' && event.target.matches('button, summary, input')) return;
  const button = byId(keys[event.key]);
  if (!button || button.disabled || button.closest('[hidden]')) return;
  event.preventDefault();
  button.click();
});

function connection(state, text) {
  byId('connection').dataset.state = state;
  byId('connection').textContent = text;
}

function notice(text) {
  clearTimeout(noticeTimer);
  if (text) noticeTimer = setTimeout(() => notice(''), 8000);
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

(function animate() {
  curves.draw();
  requestAnimationFrame(animate);
})();
