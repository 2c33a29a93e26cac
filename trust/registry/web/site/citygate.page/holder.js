// The holder's page: it keeps a key that cannot be copied out, and shows the holder's code, signed anew every few seconds.

import {concat, encodeText, equal, hex} from './bytes.js';
import {bytesItem, head} from './cbor.js';
import {encodeDigits, encodePresented, entryOf, parseText, presentMessage} from './code.js';
import {View, usableRoot} from './ledger.js';
import {fetchPublished} from './published.js';
import {encode, outline} from './qr.js';
import {Store} from './store.js';
import {leafHash, nodeHash, tileWidth} from './tree.js';
import {keepLanguage, kinds, lines, pick, preferred, say} from './words.js';

const $ = id => document.getElementById(id);
const renewal = 5000; // ms; gateways take a presentation for 15 s
const quiet = 4; // modules around a symbol
const nonceFor = 60e3; // ms; kiosks take a nonce for as long after it left their screen
const sealAgain = 60e3; // ms between looks for the sealed form

let lang = preferred(), store = null, keys = null, code = null, timer = 0, sure = false, taken = {nonce: new Uint8Array(0), until: 0};

async function start() {
  try {
    store = await Store.open();
    keys = await store.get('keys');
    if (!keys) {
      const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
      keys = {private: pair.privateKey, public: new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))};
      await store.put('keys', keys);
    }
    code = readOwn(await store.get('text') ?? '');
  } catch (e) {
    console.warn('citygate: ' + e.message);
    document.body.className = 'open no-store';
    return draw();
  }
  begin();
}

// readOwn gives the parsed text of a code for this phone's key, null for anything else.
function readOwn(text) {
  const p = parseText(text.trim());
  if (p.reason || p.presented || !p.claims.holder || !equal(p.claims.holder, keys.public)) return null;
  return {...p, bytes: bytesOf(p.code)};
}

// bytesOf writes a C1.
const bytesOf = c => Uint8Array.from([0xC1, 0x80 | (c.sig ? 5 : 4), ...head(0, c.key), ...bytesItem(c.body), ...head(0, c.index),
  ...bytesItem(c.path), ...c.sig ? bytesItem(c.sig) : []]);

function begin() {
  clearInterval(timer);
  document.body.className = 'open ' + (code ? 'has-code' : 'no-code');
  draw();
  if (!code) return;
  present();
  timer = setInterval(present, renewal);
  navigator.wakeLock?.request('screen').catch(() => null); // a screen that stays lit is a comfort, not a need
  if (!code.code.sealed) seal();
}

async function present() {
  if (Date.now() >= taken.until && taken.nonce.length) drop();
  const shown = code, at = Math.floor(Date.now() / 1000), {nonce} = taken;
  const sig = new Uint8Array(await crypto.subtle.sign('Ed25519', keys.private, presentMessage(shown.bytes, at, nonce)));
  if (shown !== code || nonce !== taken.nonce) return;
  const rows = encode(`HTTPS://${shown.host}/${shown.path}#${encodeDigits(encodePresented(shown.bytes, at, nonce, sig))}`);
  const side = rows.length + 2 * quiet;
  $('code').setAttribute('viewBox', `${-quiet} ${-quiet} ${side} ${side}`);
  const ground = $('code').querySelector('rect');
  ground.setAttribute('x', -quiet);
  ground.setAttribute('y', -quiet);
  $('modules').setAttribute('d', outline(rows));
  $('code').dataset.at = at;
  $('code').dataset.nonce = nonce.length;
}

// take puts what a kiosk shows into the code: eight digits, from the symbol on its screen, which opens this page with them
// in the fragment, or typed. They are for one kiosk and for now: a kiosk that shows none would refuse them.
function take(digits) {
  if (!/^[0-9]{8}$/.test(digits)) return;
  taken = {nonce: encodeText(digits), until: Date.now() + nonceFor};
  $('nonce').value = digits.slice(0, 4) + ' ' + digits.slice(4);
  draw();
  if (code) present();
}

function drop() {
  taken = {nonce: new Uint8Array(0), until: 0};
  $('nonce').value = '';
  draw();
}

function takeFromAddress() {
  const digits = location.hash.slice(1);
  if (!digits) return;
  history.replaceState(null, '', location.pathname); // a page loaded anew does not take old ones
  take(digits);
}

// seal takes the path of the record from the published ledger, as soon as its batch is closed.
async function seal() {
  const shown = code;
  const path = await pathOf(shown.code).catch(() => null);
  if (shown !== code) return;
  if (!path) {
    setTimeout(() => shown === code && seal(), sealAgain);
    return;
  }
  const bytes = bytesOf({...shown.code, path}), text = `HTTPS://${shown.host}/${shown.path}#${encodeDigits(bytes)}`;
  await store.put('text', text);
  code = readOwn(text);
  draw();
  present();
}

async function pathOf(c) {
  const root = JSON.parse(new TextDecoder().decode(await fetchPublished('root.json', 64 << 10)));
  if (!usableRoot(root)) return null;
  const view = await new View(fetchPublished, root).open(), key = view.key(c.key), log = key && await view.log(key.records);
  const n = Math.floor(c.index / tileWidth);
  if (!log || n >= Math.floor(log.size / tileWidth)) return null;
  let level = await log.tree.full(0, n), i = c.index % tileWidth;
  if (!equal(level[i], leafHash(entryOf(c.body)))) return null;
  const path = [];
  for (; level.length > 1; i >>= 1) {
    path.push(level[i ^ 1]);
    level = level.filter((_, j) => j % 2 === 0).map((h, j) => nodeHash(h, level[2 * j + 1]));
  }
  return concat(...path);
}

function draw() {
  document.documentElement.lang = lang;
  document.title = say('holder', lang);
  const texts = {title: 'holder', show: 'show', renews: 'renews', none: 'none', 'step-key': 'step-key', 'step-code': 'step-code', copy: 'copy',
    keep: 'keep', 'nonce-label': taken.nonce.length ? 'nonce-taken' : 'nonce', 'no-key': 'no-key', privacy: 'holder-privacy', remove: sure ? 'remove-sure' : 'remove'};
  for (const [id, word] of Object.entries(texts)) $(id).replaceChildren(...lines(say(word, lang), lang));
  $('address').textContent = location.hostname;
  $('key').textContent = keys ? hex(keys.public) : '';
  $('unsealed').textContent = code && !code.code.sealed ? say('unsealed', lang) : '';
  $('code').setAttribute('aria-label', say('holder', lang));
  $('facts').replaceChildren(...code ? facts(code) : []);
  $('zh').setAttribute('aria-pressed', lang === 'zh-CN');
  $('en').setAttribute('aria-pressed', lang === 'en');
}

function facts({claims}) {
  const plain = claims.object.replace(/[^0-9A-Za-z]/g, ''), rows = [[pick(kinds[claims.kind] ?? kinds[0], lang), say('ending', lang) + plain.slice(-4)]];
  if (claims.notAfter) {
    const day = new Intl.DateTimeFormat(lang, {dateStyle: 'medium', timeStyle: 'short'});
    rows.push([say('until', lang), day.format(Math.min(claims.notAfter * 1000, 8.64e15))]);
  }
  if (claims.places.length > 0) rows.push([say('places', lang), claims.places.join(', ')]);
  return rows.flatMap(([name, value]) => ['dt', 'dd'].map((tag, i) => {
    const e = document.createElement(tag);
    e.textContent = i === 0 ? name : value;
    return e;
  }));
}

async function keep() {
  const own = readOwn($('text').value);
  $('wrong').textContent = own ? '' : say('wrong', lang);
  if (!own) return;
  await store.put('text', $('text').value.trim());
  $('text').value = '';
  code = own;
  begin();
}

// remove asks once, and takes the code away; the key stays, so that the office can issue for it again.
async function remove() {
  if (!sure) {
    sure = true;
    setTimeout(() => { sure = false; draw(); }, renewal);
    return draw();
  }
  sure = false;
  await store.remove('text');
  code = null;
  begin();
}

for (const [id, l] of [['zh', 'zh-CN'], ['en', 'en']]) {
  $(id).addEventListener('click', () => {
    lang = l;
    keepLanguage(l);
    draw();
  });
}
$('keep').addEventListener('click', keep);
$('nonce').addEventListener('input', () => {
  const digits = $('nonce').value.replace(/[^0-9]/g, '');
  if (digits.length === 8) take(digits);
  else if (taken.nonce.length) { // typed over: the old ones count no more
    taken = {nonce: new Uint8Array(0), until: 0};
    draw();
    if (code) present();
  }
});
addEventListener('hashchange', takeFromAddress);
$('remove').addEventListener('click', remove);
$('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText($('key').textContent).catch(() => getSelection().selectAllChildren($('key')));
  $('copy').textContent = say('copied', lang);
});
draw();
takeFromAddress();
start();
navigator.serviceWorker?.register('/citygate.page/worker.js').catch(() => null); // without one the page needs a network to open

