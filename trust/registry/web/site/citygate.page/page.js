// The citizen's page: it checks the code in its own address and says the answer. The code never leaves the phone.

import {parseText} from './code.js';
import {View, usableRoot} from './ledger.js';
import {fetchPublished} from './published.js';
import {lookUp} from './record.js';
import {Store, isOwn} from './store.js';
import {check, classOf, policyFor} from './verdict.js';
import {keepLanguage, kinds, lines, nameOf, objects, other, pick, preferred, reasons, say, sentenceOf, states} from './words.js';

const $ = id => document.getElementById(id);
const help = document.querySelector('meta[name=citygate-help]').content;
const slow = 300; // ms before "checking" is said
const clockSlack = 300e3; // a phone's clock that is further behind a checkpoint is wrong

// Facts of a refused code stand on the screen only if its issuer signed them.
const signedRefusals = ['expired', 'not-yet-valid', 'revoked', 'suspended', 'stale-presentation', 'elsewhere'];

let lang = preferred(), text = '', shown = {words: states.checking, reason: '', verdict: null};

// textOf makes the code's text of the page's address: browsers write the host small.
const textOf = u => `HTTPS://${u.hostname.toUpperCase()}${u.pathname}${u.search}${u.hash}`;

// The sizes of the logs that this browser has seen: they only grow.
const floorKey = 'citygate-floor';

function readFloor() {
  try {
    return new Map(Object.entries(JSON.parse(localStorage.getItem(floorKey)) ?? {}).filter(([, n]) => Number.isSafeInteger(n)));
  } catch {
    return new Map();
  }
}

function keepFloor(floor) {
  try {
    localStorage.setItem(floorKey, JSON.stringify(Object.fromEntries(floor)));
  } catch {
    return; // storage is off: the next visit starts anew
  }
}

async function judge(text) {
  const early = parseText(text).reason;
  if (early) return {reason: early};
  const v = await judgeBy(fetchPublished, text);
  // What the browser has kept may be what a mirror once got wrong.
  return v.reason === 'stale-trust' ? judgeBy((path, limit) => fetchPublished(path, limit, true), text) : v;
}

// open gives a view of the ledger, null if this host has no root policy.
async function open(get) {
  try {
    const root = JSON.parse(new TextDecoder().decode(await get('root.json', 64 << 10)));
    return usableRoot(root) ? await new View(get, root, readFloor()).open() : null;
  } catch {
    return null; // no network, or no JSON
  }
}

async function judgeBy(get, text) {
  const view = await open(get), now = Date.now();
  if (!view) return {reason: 'stale-trust'};
  const ahead = (await view.log('directory'))?.time ?? 0;
  const v = await check(text, view, policyFor, {now, synced: ahead - now <= clockSlack, started: 0, nonce: null, place: null});
  keepFloor(view.floor);
  return {...v, office: v.key ? view.directory.holder(v.key.prefix) : null};
}

// arrive takes the code from the address.
function arrive() {
  text = location.hash.length < 2 ? '' : textOf(location);
  return run();
}

async function run() {
  if (text === '') return look();
  const waiting = setTimeout(() => show({words: states.checking, reason: '', verdict: null}), slow);
  const verdict = await judge(text);
  clearTimeout(waiting);
  // A person's code does not stay in the history of a phone that only checked it.
  if (verdict.parsed?.code.personal) history.replaceState(null, '', location.pathname);
  if (await mine(verdict)) show({words: states.own, reason: 'own', verdict: null});
  else show({words: reasons[verdict.reason], reason: verdict.reason, verdict});
}

// mine says whether this is a code that its holder has opened, to keep it: everything about it is right but that nobody presents it.
async function mine({reason, parsed}) {
  if (reason !== 'stale-presentation' || parsed.presented) return false;
  return isOwn(parsed.claims).catch(() => false);
}

async function keepOwn() {
  await (await Store.open()).put('text', text);
  location.assign('/citygate.page/holder.html');
}

// look shows the record of an address without a code. That is no answer about any code, so the ground stays open.
async function look() {
  const path = location.pathname.slice(1), view = path === '' ? null : await open(fetchPublished);
  const record = view && await lookUp(view, fetchPublished, path).catch(() => null);
  if (text !== '') return; // a code came meanwhile
  if (view) keepFloor(view.floor);
  const name = record ? 'record' : 'empty';
  show({words: states[name], reason: name, verdict: null, record});
}

function show(s) {
  shown = s;
  draw();
}

function draw() {
  const {words, reason, verdict} = shown, cls = verdict ? {'accepted': 'accepted', 'refused': 'refused', 'cannot-check': 'cannot'}[classOf(reason)] : 'open';
  document.documentElement.lang = lang;
  document.documentElement.dataset.reason = reason;
  document.body.className = reason === 'own' ? cls + ' mine' : cls;
  document.title = `${pick(words, lang)} · ${say('title', lang)}`;
  $('head').textContent = pick(words, lang);
  $('head').dataset.length = lang === 'en' ? 'en' : words[0].length <= 3 ? 'short' : words[0].length <= 5 ? 'middle' : 'long';
  $('alt').textContent = pick(words, other(lang));
  $('alt').lang = other(lang);
  $('todo').replaceChildren(...lines(sentenceOf(words, lang, help), lang));
  // An office's name stands above an answer only if the office said something: a forged code does not borrow it.
  const spoken = verdict?.office && (cls === 'accepted' || verdict.signatureGood);
  $('city').textContent = spoken ? nameOf(verdict.office.names, lang) : say('title', lang);
  $('address').textContent = location.hostname;
  $('facts').replaceChildren(...shown.record ? recordFacts(shown.record) : facts(reason, verdict));
  $('note').textContent = cls === 'cannot' ? say('note', lang) : cls === 'accepted' && !verdict.parsed.code.personal ? say('look', lang) : '';
  $('again').textContent = say('again', lang);
  $('again').hidden = reason === 'empty';
  $('own-keep').textContent = say('own', lang);
  $('privacy').textContent = say('privacy', lang);
  $('zh').setAttribute('aria-pressed', lang === 'zh-CN');
  $('en').setAttribute('aria-pressed', lang === 'en');
}

function element(name, text) {
  const e = document.createElement(name);
  e.textContent = text;
  return e;
}

// list makes the facts of names and values.
const list = rows => rows.flatMap(([name, value]) => [element('dt', name), element('dd', value)]);

function recordFacts({claims, row, status, time}) {
  const code = {personal: false}, rows = [[subject(claims, code), objectOf(claims, code)], [say('status', lang), say(status, lang)],
    [say('issuer', lang), nameOf(row.names, lang)]];
  if (claims.notAfter) rows.push([say('until', lang), day(claims.notAfter * 1000)]);
  return list([...rows, [say('ledger', lang), day(time)]]);
}

function facts(reason, v) {
  if (!v?.parsed || !v.key) return [];
  const accepted = classOf(reason) === 'accepted';
  if (!accepted && !(v.signatureGood && signedRefusals.includes(reason))) return [];
  const {claims, code} = v.parsed, rows = [[subject(claims, code), objectOf(claims, code)]];
  if (v.office) rows.push([say('issuer', lang), nameOf(v.office.names, lang)]);
  if (claims.notBefore && reason === 'not-yet-valid') rows.push([say('from', lang), day(claims.notBefore * 1000)]);
  if (claims.notAfter) rows.push([say('until', lang), day(claims.notAfter * 1000)]);
  if (claims.places.length > 0) rows.push([say('places', lang), claims.places.join(', ')]);
  if (accepted) rows.push([say('ledger', lang), day(Math.min(...v.logs.map(l => l.time)))]);
  return list(rows);
}

function subject(claims, code) {
  if (code.personal) return say('personal', lang);
  const known = Object.hasOwn(objects, claims.object.split('.')[0]) && objects[claims.object.split('.')[0]];
  return pick(known || kinds[claims.kind] || kinds[0], lang);
}

// objectOf never shows a whole personal identifier.
function objectOf(claims, code) {
  if (!code.personal) return claims.object || 'MA.' + claims.nodes;
  const plain = claims.object.replace(/[^0-9A-Za-z]/g, '');
  return plain.length < 8 ? '–' : say('ending', lang) + plain.slice(-4);
}

const day = ms => new Intl.DateTimeFormat(lang, {dateStyle: 'medium', timeStyle: 'short'}).format(Math.min(ms, 8.64e15));

for (const [id, l] of [['zh', 'zh-CN'], ['en', 'en']]) {
  $(id).addEventListener('click', () => {
    lang = l;
    keepLanguage(l);
    draw();
  });
}
$('again').addEventListener('click', run);
$('own-keep').addEventListener('click', keepOwn);
addEventListener('hashchange', arrive);
draw();
arrive();
