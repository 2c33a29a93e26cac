// Signed notes, checkpoints and policies: C2SP signed-note, tlog-checkpoint, tlog-cosignature.

import {decodeBase64, decodeText, encodeText, hex} from './bytes.js';
import {parseKeys, timeOf, validName} from './keys.js';

const maxCheckpoint = 64 << 10, maxTime = 253402300800; // the year 10000
const originForm = /^[!-*,-~]{1,200}$/; // printable ASCII, no space and no plus

// readPolicy holds a log's policy to the rules and parses its keys. It gives null for a policy that cannot be used.
export function readPolicy(p) {
  const logKeys = parseKeys(p.log_keys, 4, 'note'), witnesses = parseKeys(p.witnesses, 16, 'witness');
  if (!originForm.test(p.origin) || !logKeys || !witnesses) return null;
  const material = new Set(logKeys.map(k => k.material)), names = new Set(witnesses.map(k => k.name));
  const fits = logKeys.every(k => k.name === p.origin) && !witnesses.some(k => material.has(k.material)) &&
    Number.isInteger(p.quorum) && p.quorum >= 1 && p.quorum <= names.size;
  return fits ? {...p, logKeys, witnessKeys: witnesses} : null;
}

// readRoot does the same for a root policy.
export function readRoot(p) {
  const directory = readPolicy(p.directory), keys = parseKeys(p.directory_keys, 16, 'note');
  if (!directory || !keys || !Number.isInteger(p.directory_threshold) || p.directory_threshold < 1 || p.directory_threshold > keys.length) return null;
  if (keys.some(k => directory.logKeys.some(l => l.material === k.material))) return null;
  return {...p, directoryPolicy: directory};
}

// lines gives a note's text and signatures, or null if it has not the form of one.
function lines(raw) {
  const all = decodeText(raw);
  if (all === null || raw.length > maxCheckpoint || /[\x00-\x09\x0b-\x1f]/.test(all)) return null;
  const split = all.lastIndexOf('\n\n'), text = all.slice(0, split + 1), block = all.slice(split + 2);
  if (split < 0 || !block.endsWith('\n')) return null;
  const sigs = [];
  for (const line of block.slice(0, -1).split('\n')) {
    const [dash, name, ...rest] = line.split(' '), b = decodeBase64(rest.join(' '));
    if (dash !== '—' || name === undefined || !validName(name) || b === null || b.length < 5) return null;
    sigs.push({name, id: hex(b.subarray(0, 4)), sig: b.slice(4)});
  }
  return sigs.length > 100 ? null : {text, sigs};
}

// openCheckpoint gives {size, root, time} of a checkpoint that the policy believes: the log's signature, and a quorum. time is the
// quorum-th newest of the witnesses', in seconds. It gives null otherwise; a wrong signature of a known key refuses the note.
export async function openCheckpoint(policy, raw) {
  const note = lines(raw);
  if (!note) return null;
  const message = encodeText(note.text), newest = new Map(), seen = new Set();
  let logSigned = false;
  for (const s of note.sigs) {
    const is = k => k.name === s.name && k.id === s.id;
    const log = policy.logKeys.find(is), witness = policy.witnessKeys.find(is), who = s.name + ' ' + s.id;
    if (!log && !witness || seen.has(who) || witness?.cannot) continue;
    seen.add(who);
    if (!await (log ?? witness).verify(message, s.sig)) return null;
    if (log) logSigned = true;
    else if (timeOf(s.sig) > 0 && timeOf(s.sig) < maxTime) newest.set(s.name, Math.max(timeOf(s.sig), newest.get(s.name) ?? 0));
  }
  const head = parseCheckpoint(note.text);
  if (!head || head.origin !== policy.origin || !logSigned || newest.size < policy.quorum) return null;
  return {...head, time: [...newest.values()].sort((a, b) => b - a)[policy.quorum - 1]};
}

function parseCheckpoint(text) {
  const [origin, size, root, end, ...more] = text.split('\n'), hash = decodeBase64(root ?? '');
  if (end !== '' || more.length > 0 || origin === '' || !/^(0|[1-9][0-9]{0,15})$/.test(size) || Number(size) > 2 ** 48 || hash?.length !== 32) return null;
  return {origin, size: Number(size), root: hash};
}
