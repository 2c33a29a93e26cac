// The citizen's page. It shows what the daemon says on /events and decides nothing about a code by itself.
// Three things it does alone: it clears an answer after its hold, it goes back to the kiosk's own language, and it
// says "out of service" when the daemon has been silent for 4.5 s.
(() => {
'use strict';
const $ = id => document.getElementById(id);
const page = JSON.parse($('page').textContent), words = JSON.parse($('words').textContent);
const root = document.documentElement, body = document.body;
const SILENT = 4500, CHECKING = 300, KEEP = 20000, LEFT = 60000, HELP = 30000, SURE = 5000, AGAIN = 2000;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

let lang = page.language, touched = 0, large = false, help = 0;
let beat = performance.now(), clockSet = true;
let state = {state: 'out-of-service', reason: 'starting'}, since = 0;   // the daemon's last word about itself
let answer = null, until = 0, hold = 0, shown = '';
let aimed = false, ticked = -AGAIN;                                // a code is in view that is not read yet; the last tick of it
let nonce = null;                                                  // what holders take up first, where policy demands it
let staff = null, tested = null, sure = 0;                         // the staff mode, its test read, and a restart asked for

const pick = pair => pair ? pair[lang === 'zh-CN' ? 0 : 1] : '';
const other = pair => pair ? pair[lang === 'zh-CN' ? 1 : 0] : '';
const text = s => s.replaceAll('12345', page.help);
const ui = name => text(pick(words.ui[name]));

// ---- What is on screen now: the first that applies.
function view(now) {
  if (now - beat > SILENT) return {cls: 'closed', reason: 'daemon'};
  if (answer && now < until) return {cls: answer.class === 'cannot-check' ? 'cannot' : answer.class, answer};
  if (staff && now < staff.until) return {cls: 'staffing'};
  if (state.state === 'out-of-service') return {cls: 'closed', reason: state.reason};
  if (help > now) return {cls: 'helping'};
  if (state.state === 'checking' && now - since > CHECKING) return {cls: 'checking'};
  if (state.state === 'aiming' || state.state === 'checking' && aimed) return {cls: 'aiming'};   // a code that is read at once is not aimed
  return {cls: 'idle'};
}

function render() {
  const now = performance.now();
  if (answer && now >= until) answer = null;                     // nothing of the last person stays
  if (help && now > help) help = 0;
  if (touched && !answer && now - touched > LEFT) { touched = 0; lang = page.language; large = false; }
  if (staff && now >= staff.until) staff = tested = null;
  const v = view(now), key = [v.cls, v.reason, v.answer && v.answer.seq, lang, large, sure > now].join();
  clock();
  if (v.cls === 'staffing') countdown(now);
  if (key === shown) {
    if (state.outline && aims(v)) outline(state.outline);
    return;
  }
  shown = key;
  const asked = v.answer && !touched && v.answer.lang ? v.answer.lang : '';
  const own = lang;
  if (asked) lang = /^zh/.test(asked) ? 'zh-CN' : 'en';            // the code's own claim, for this answer only
  draw(v);
  lang = own;
}

const aims = v => v.cls === 'aiming' || v.cls === 'checking';

function draw(v) {
  root.lang = lang;
  if (!v.answer) sill(0);
  const filled = v.cls === 'accepted' || v.cls === 'refused';
  body.className = [v.cls, filled && 'answer', v.answer && 'shown', large && 'large',
    aims(v) && state.outline && 'seen', asked(v) && 'asked'].filter(Boolean).join(' ');
  const w = v.answer ? words.reasons[v.answer.verdict]
    : v.cls === 'closed' ? [...words.ui.closed, ...(words.closed[v.reason] || words.closed['camera-missing'])]
    : words.rest[v.cls === 'idle' ? 'idle-' + page.lens : v.cls === 'helping' ? 'help' : v.cls];
  const again = asked(v) && v.answer && words.ui['ask-again'], say = again ? [0, 0, ...again] : w;
  set('head', pick(w));
  set('alt', other(w), lang === 'zh-CN' ? 'en' : 'zh-CN');
  const lines = v.cls === 'helping' ? words.help.map(p => text(pick(p)))
    : v.cls === 'staffing' ? [staff.testing ? ui('testing') : tested ? testLine() : '']
    : lang === 'zh-CN' ? text(say[2]).split(/(?<=[，；：])/) : [text(say[3])];   // Chinese lines break at punctuation
  $('todo').replaceChildren(...lines.filter(Boolean).map(l => lang === 'zh-CN' || v.cls === 'helping' ? el('span', l) : l));
  set('note', v.cls === 'cannot' ? ui('note') : '');
  facts(again ? null : v.answer);
  ask();
  if (v.cls === 'staffing') readings();
  chrome(v);
  if (state.outline && aims(v)) outline(state.outline);
  else $('phone').style.transform = '';
  $('art').setAttribute('preserveAspectRatio', innerWidth > innerHeight ? 'xMaxYMax meet' : 'xMaxYMax slice');
  fit(Boolean(v.answer));
}

// asked says whether the nonce stands beside a state: at rest, and where a code lacked it.
function asked(v) {
  return nonce && nonce.digits && (v.cls === 'idle' || v.cls === 'aiming' || v.answer && v.answer.verdict === 'stale-presentation');
}
function ask() {
  const d = nonce && nonce.digits || '', code = $('ask-code'), beside = body.classList.contains('asked') && innerWidth < innerHeight;
  $('scene').setAttribute('preserveAspectRatio', beside ? 'xMidYMax meet' : 'xMidYMax slice');
  $('ask-scan').replaceChildren(...ui(nonce && nonce.side ? 'ask-scan' : 'ask-digits').split(/(?<=？)/).map(l => el('span', l)));
  set('ask-type', nonce && nonce.side ? ui('ask-type') : '');
  set('ask-digits', d && d.slice(0, 4) + ' ' + d.slice(4));
  code.classList.toggle('none', !(nonce && nonce.side));
  if (!nonce || !nonce.side) return;
  code.setAttribute('viewBox', `0 0 ${nonce.side} ${nonce.side}`);
  code.firstElementChild.setAttribute('d', nonce.path);
}

// ---- Staff mode.
function readings() {
  const list = $('readings');
  list.lang = lang;
  list.replaceChildren(...staff.readings.map(r => {
    const li = el('li', ''), svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
    svg.firstChild.setAttribute('href', '#mark-' + r.mark);
    li.append(svg, el('b', pick(words.readings[r.code]) || r.code), el('span', pick(words.marks[r.mark])), el('em', r.value || ''));
    return li;
  }));
}
function testLine() {
  const w = words.reasons[tested.verdict];
  return `${ui('read')}: ${pick(w)} · ${tested.verdict} · ${tested.symbology}`;
}
function countdown(now) {
  const s = Math.max(0, Math.ceil((staff.until - now) / 1000));
  set('lens', `${ui('leaves')}${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`);
}

// facts are named by the daemon only where the signature was good: a forged code never puts its words on screen.
function facts(a) {
  const rows = [];
  if (a && a.personal && a.ending) rows.push([ui('personal'), pick(words.ui.ending) + a.ending]);
  else if (a && a.id) {
    const object = a.id.split('/')[1] || a.id;
    rows.push([pick(words.objects[object.split('.')[0]] || words.kinds[a.kind] || words.ui.object), object]);
  }
  if (rows.length && a.issuer) rows.push([ui('issuer'), a.issuer[lang] || a.issuer.en || Object.values(a.issuer)[0]]);
  $('facts').replaceChildren(...rows.flatMap(([k, t]) => [el('dt', k), el('dd', t)]));
}

// chrome is everything around the message: header, buttons, lens band, sign.
function chrome(v) {
  set('city', page.city[lang]); set('privacy', ui('privacy'));
  set('place', v.cls === 'staffing' ? `${staff.device} · ${staff.version}` : page.kiosk[lang]);
  for (const name of ['larger', 'help', 'keep']) $(name).querySelector('span').textContent = ui(name);
  set('read', ui('read')); set('leave', ui('leave')); set('restart', ui(sure > performance.now() ? 'sure' : 'restart'));
  $('read').setAttribute('aria-pressed', Boolean(staff && staff.testing));
  $('zh').setAttribute('aria-pressed', lang === 'zh-CN');
  $('en').setAttribute('aria-pressed', lang === 'en');
  $('larger').setAttribute('aria-pressed', large);
  $('help').setAttribute('aria-pressed', v.cls === 'helping');
  if (v.cls !== 'staffing') set('lens', v.answer ? ui('next') : v.cls === 'closed' ? ui('call') : ui('lens-' + page.lens));
  const near = (page.nearest[lang] || '').split('\n');
  $('board').classList.toggle('none', !near[0]);
  set('near-label', ui('nearest')); set('near-name', near[0]); set('near-way', near[1] || '');
}

function set(id, s, l) { const e = $(id); if (e.textContent !== s) e.textContent = s; if (l) e.lang = l; }
function el(tag, s) { const e = document.createElement(tag); e.textContent = s; return e; }

// The largest headline that fits: one line in Chinese, two in English; it shrinks before the sentence does.
function fit(full) {
  const h = $('head'), msg = $('msg'), d = $('todo'), wide = innerWidth > innerHeight, zh = lang === 'zh-CN';
  const u = wide ? Math.min(innerWidth / 1280, innerHeight / 800) : Math.min(innerWidth / 1080, innerHeight / 1920);
  const cs = getComputedStyle(msg), box = msg.clientWidth - parseFloat(cs.paddingLeft) - parseFloat(cs.paddingRight);
  const max = (zh ? wide ? full ? 220 : 112 : full ? 400 : 156 : wide ? full ? 176 : 104 : full ? 208 : 150) * u;
  const lines = zh ? 1 : full || wide ? 2 : 1, floor = (wide ? 60 : 96) * u;
  const last = [...msg.children].filter(e => e.textContent.trim() && !e.classList.contains('art')).pop();
  const over = () => (full || body.classList.contains('asked')) && last.getBoundingClientRect().bottom - 1 > msg.getBoundingClientRect().bottom - parseFloat(cs.paddingBottom)
    || msg.scrollHeight > msg.clientHeight + 1;
  d.style.fontSize = '';
  let s = zh ? Math.min(max, box / h.textContent.length) : max;
  h.style.fontSize = s + 'px';
  while ((h.scrollWidth > box + 1 || h.offsetHeight > lines * s * 1.2 || over()) && s > floor) h.style.fontSize = (s -= 2 * u) + 'px';
  let k = parseFloat(getComputedStyle(d).fontSize);
  while (over() && k > (wide ? 32 : 44) * u) d.style.fontSize = (k -= u) + 'px';
}

function clock() {
  const t = new Date(), hh = String(t.getHours()).padStart(2, '0'), mm = String(t.getMinutes()).padStart(2, '0');
  set('clock', clockSet ? `${hh}:${mm}` : '--:--');
  const night = page.theme === 'night' || page.theme === 'auto' && (t.getHours() >= 19 || t.getHours() < 6);
  if (root.dataset.theme !== (night ? 'night' : 'day')) root.dataset.theme = night ? 'night' : 'day';
}

// ---- The drawing: a wall with an arch, a phone whose code looks like one and reads as nothing.
const CODE = {x: 430, y: 486, size: 220};
function scenery() {
  let m = ''; for (let x = -2058; x < 3080; x += 144) m += `M${x} 132V36h84v96z`;
  m += 'M-2000 130H3080V900H-2000z';
  $('wall').setAttribute('d', m); $('bricks').setAttribute('d', m);
  let s = ''; for (let y = 214; y < 820; y += 30) s += `M220 ${y}H860`;
  $('slats').setAttribute('d', s);
  const n = 25, k = CODE.size / n, at = (i, j) => [CODE.x + i * k, CODE.y + j * k];
  const finder = (i, j) => (i < 8 && j < 8) || (i > 16 && j < 8) || (i < 8 && j > 16);
  let d = '', r = 7;
  for (let j = 0; j < n; j++) for (let i = 0; i < n; i++) {
    r = (r * 1103515245 + 12345) % 2147483648;
    const [x, y] = at(i, j);
    if (!finder(i, j) && (r >> 16) % 100 < 47) d += `M${x.toFixed(1)} ${y.toFixed(1)}h${k + .2}v${k + .2}h${-k - .2}z`;
  }
  for (const [i, j] of [[0, 0], [18, 0], [0, 18]]) for (const [o, w] of [[0, 7], [1, 5], [2, 3]]) {
    const [x, y] = at(i + o, j + o); d += `M${x} ${y}h${w * k}v${w * k}h${-w * k}z`;
  }
  $('code').setAttribute('d', d);
}

// outline draws the code where the lens sees it, mirrored as people expect, and lets the drawn phone follow it.
// The points are fractions of the picture; the middle square of a 16:9 picture fills the arch.
function outline(points) {
  const p = points.map(([x, y]) => [540 + (.5 - x) * 1000, 600 + (y - .5) * 562]);
  const mx = p.reduce((n, q) => n + q[0], 0) / 4, my = p.reduce((n, q) => n + q[1], 0) / 4;
  const wide = p.map(([x, y]) => [mx + (x - mx) * 1.2, my + (y - my) * 1.2]);   // around the code, not on it
  $('outline').setAttribute('d', 'M' + wide.map(q => q.map(n => n.toFixed(1)).join(' ')).join('L') + 'z');
  const [a, b, c] = p[1][0] < p[0][0] ? [p[1], p[0], p[2]] : [p[0], p[1], p[3]];
  const ax = (b[0] - a[0]) / CODE.size, ay = (b[1] - a[1]) / CODE.size, bx = (c[0] - a[0]) / CODE.size, by = (c[1] - a[1]) / CODE.size;
  const e = a[0] - ax * CODE.x - bx * CODE.y, f = a[1] - ay * CODE.x - by * CODE.y;
  $('phone').style.transform = `matrix(${[ax, ay, bx, by, e, f].map(n => n.toFixed(4)).join()})`;
}

// ---- The sill drains over the hold.
let drain = null;
function sill(ms, total) {
  if (drain) drain.cancel();
  drain = null;
  if (ms <= 0) return;
  const from = {transform: `scaleX(${calm.matches ? 1 : ms / total})`}, to = {transform: `scaleX(${calm.matches ? 1 : 0})`};
  drain = $('sill').animate([from, to], {duration: ms, easing: 'linear'});
}

// ---- Sound comes with the picture.
const tones = {
  accepted: [[880, 0, 90], [1320, 90, 140]], refused: [[330, 0, 160], [330, 240, 160]],
  'cannot-check': [[520, 0, 240]], found: [[1760, 0, 20]],
};
let audio = null;
function sound(name) {
  try {
    audio = audio || new AudioContext();
    if (audio.state === 'suspended') audio.resume();
    for (const [hz, at, ms] of tones[name] || []) {
      const o = audio.createOscillator(), g = audio.createGain(), t = audio.currentTime + at / 1000, end = t + ms / 1000;
      o.frequency.value = hz;
      g.gain.setValueAtTime(0, t); g.gain.linearRampToValueAtTime(.4, t + .005);
      g.gain.setValueAtTime(.4, end - .01); g.gain.linearRampToValueAtTime(0, end);
      o.connect(g).connect(audio.destination); o.start(t); o.stop(end);
    }
  } catch { /* a kiosk without sound still shows its answers */ }
}

// The answer is spoken too where the kiosk has a voice of its own for the language: what stands there in large letters,
// never the facts. Voices from elsewhere are not used, for no text leaves the kiosk.
function speak() {
  const s = window.speechSynthesis;
  if (!s || !window.SpeechSynthesisUtterance) return;
  s.cancel();                                                    // the next code always wins at once
  const voice = s.getVoices().find(v => v.localService && v.lang.slice(0, 2) === root.lang.slice(0, 2));
  if (!voice) return;
  const u = new SpeechSynthesisUtterance($('head').textContent + (root.lang === 'en' ? '. ' : '。') + $('todo').textContent);
  u.lang = root.lang; u.voice = voice;
  s.speak(u);
}

// ---- What the daemon says.
function onAnswer(e) {
  const a = JSON.parse(e.data), left = a.hold_ms - (a.age_ms || 0);
  alive();
  if (left <= 0 || a.staff) return;                              // told again after a reconnect, and long over
  if (a.test) { tested = a; sound('found'); shown = ''; return render(); }
  answer = a; hold = a.hold_ms; until = performance.now() + left; help = 0;
  shown = '';
  render();
  sill(left, hold);
  if (a.verdict === 'foreign') sound('found');                   // a poster's web link is no matter for the whole street
  else { sound(a.class); speak(); }
}
function onState(e) {
  const next = JSON.parse(e.data), looking = s => s.state === 'aiming' || s.state === 'checking';
  alive();
  if (!looking(next) || !looking(state)) since = performance.now();
  if (next.state === 'aiming' && !aimed && performance.now() - ticked > AGAIN) { sound('found'); ticked = performance.now(); }
  aimed = next.state === 'aiming' || next.state === 'checking' && aimed;
  if (next.state === 'checking' && !next.outline) next.outline = state.outline;
  state = next;
  render();
  if (state.state === 'checking') setTimeout(render, CHECKING + 10);
}
function onNonce(e) { nonce = JSON.parse(e.data); shown = ''; render(); }
function onStaff(e) {
  const s = JSON.parse(e.data), open = s.left_ms > 0;
  alive();
  if (open && !staff) { tested = null; answer = null; sound('found'); }
  staff = open ? {...s, until: performance.now() + s.left_ms} : null;
  shown = '';
  render();
}
function onBeat(e) { clockSet = JSON.parse(e.data).clock !== 'unset'; alive(); render(); }
function alive() { beat = performance.now(); }

let source = null;
function connect() {
  if (source) source.close();
  source = new EventSource('events');
  source.addEventListener('answer', onAnswer);
  source.addEventListener('state', onState);
  source.addEventListener('beat', onBeat);
  source.addEventListener('nonce', onNonce);
  source.addEventListener('staff', onStaff);
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000); };
}

// ---- What people touch.
function touch(f) { return () => { touched = performance.now(); f(); shown = ''; render(); }; }
$('zh').addEventListener('click', touch(() => { lang = 'zh-CN'; }));
$('en').addEventListener('click', touch(() => { lang = 'en'; }));
$('larger').addEventListener('click', touch(() => { large = !large; }));
$('help').addEventListener('click', touch(() => { help = help ? 0 : performance.now() + HELP; }));
$('keep').addEventListener('click', () => {
  if (!answer) return;
  until += KEEP; hold = until - performance.now(); sill(hold, hold);
});
const duty = name => fetch('staff/' + name, {method: 'POST'}).catch(() => null);   // the daemon's next word shows what came of it
$('read').addEventListener('click', () => { tested = null; duty('read'); });
$('leave').addEventListener('click', () => duty('leave'));
$('restart').addEventListener('click', touch(() => {
  if (sure > performance.now()) { sure = 0; duty('restart'); } else sure = performance.now() + SURE;
}));
addEventListener('contextmenu', e => e.preventDefault());
addEventListener('resize', () => { shown = ''; render(); });

scenery();
render();
if ('try' in root.dataset) window.kiosk = {onAnswer, onState, onBeat, onNonce};   // try.js is the daemon's voice there
else connect();
setInterval(render, 250);
})();
