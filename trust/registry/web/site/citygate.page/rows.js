// The bytes of directory entries and the checks that a row passes whoever signed it: docs/formats/ledger.md.

import {concat, encodeText, uint64} from './bytes.js';
import {Reader} from './cbor.js';
import {validPrefix} from './identifier.js';
import {goodIssuerKey, parseKeys} from './keys.js';
import {readPolicy, readRoot} from './note.js';

const maxEntry = 16 << 10;
const shortForm = /^[a-z0-9_-]{1,64}$/, hostForm = /^[A-Za-z0-9.-]{1,253}$/, languageForm = /^[A-Za-z0-9-]{1,35}$/;
const nameForm = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u; // what prints
const mirrorForm = /^https?:\/\/[^/?#\s]+[^\s]*$/;

export const maxIndex = 2 ** 48;

// parseEntry reads one entry of the directory log. It gives {kind, row, payload, signatures} and throws for what is not well formed.
export async function parseEntry(raw) {
  if (raw.length > maxEntry) throw new Error('too long');
  const r = new Reader(raw);
  r.tuple(3);
  if (r.uint() !== 1) r.fail('version');
  const payload = r.bytes(0, maxEntry);
  const signatures = r.array(() => {
    r.tuple(2);
    return {id: r.uint(2 ** 32), sig: r.bytes(64, 64)};
  });
  r.end();
  if (signatures.some((s, i) => i > 0 && signatures[i - 1].id >= s.id)) r.fail('signatures out of order');
  const p = new Reader(payload);
  p.tuple(2);
  const kind = p.uint(), read = readers[kind];
  if (!read) p.fail('kind');
  const row = read(p);
  p.end();
  if (!await check[kind](row)) p.fail('row');
  return {kind, row, payload, signatures};
}

export const registryRow = 1, keyRow = 2, withdrawal = 3, rotation = 4;

const readers = {
  [registryRow](r) {
    const text = () => r.text(), texts = () => r.array(text);
    const log = () => {
      const [short, origin, keys] = r.record(text, text, texts);
      return {short, origin, keys};
    };
    const [prefix, names, records, status, allocKeys, allocThreshold, witnesses, quorum, mirrors] =
      r.record(text, () => readNames(r), log, log, texts, () => r.int(), texts, () => r.int(), texts);
    return {prefix, names, records, status, allocKeys, allocThreshold, witnesses, quorum, mirrors};
  },
  [keyRow](r) {
    const text = () => r.text();
    const [prefix, key, alg, hosts, records, status] =
      r.record(text, () => r.bytes(0, maxEntry), () => r.int(), () => r.array(text), text, text);
    return {prefix, key, alg, hosts, records, status};
  },
  [withdrawal](r) {
    const [key, size] = r.record(() => r.uint(), () => r.uint());
    return {key, size};
  },
  [rotation](r) {
    const texts = () => r.array(() => r.text());
    const log = () => {
      const [origin, log_keys, witnesses, quorum] = r.record(() => r.text(), texts, texts, () => r.int());
      return {origin, log_keys, witnesses, quorum};
    };
    const root = () => {
      const [directory, directory_keys, directory_threshold] = r.record(log, texts, () => r.int());
      return {directory, directory_keys, directory_threshold};
    };
    const [previous, next] = r.record(root, root);
    return {previous, next};
  },
};

// readNames reads a map of texts, whose keys rise in the order of their encodings: shorter ones first.
function readNames(r) {
  const names = new Map();
  let last = null;
  for (let n = r.pairs(); n > 0; n--) {
    const lang = r.text(), order = encodeText(lang);
    if (last && !(order.length > last.length || order.length === last.length && lang > last.text)) r.fail('names out of order');
    last = {length: order.length, text: lang};
    names.set(lang, r.text());
  }
  return names;
}

const check = {
  [registryRow](r) {
    const alloc = parseKeys(r.allocKeys, 16, 'note'), names = [...r.names];
    if (!validPrefix(r.prefix) || names.length < 1 || r.records.short === r.status.short || r.records.origin === r.status.origin) return false;
    if (!names.every(([lang, name]) => languageForm.test(lang) && encodeText(name).length <= 128 && nameForm.test(name))) return false;
    if (!alloc || r.allocThreshold < 1 || r.allocThreshold > alloc.length) return false;
    for (const l of [r.records, r.status]) {
      const p = shortForm.test(l.short) && l.short !== 'directory' && readPolicy(policyOf(r, l));
      if (!p || alloc.some(k => p.logKeys.some(other => other.material === k.material))) return false;
    }
    return r.mirrors.every(m => encodeText(m).length <= 200 && mirrorForm.test(m));
  },
  async [keyRow](r) {
    return validPrefix(r.prefix) && r.hosts.length >= 1 && r.hosts.every(h => hostForm.test(h)) &&
      shortForm.test(r.records) && shortForm.test(r.status) && r.records !== r.status && await goodIssuerKey(r.alg, r.key);
  },
  [withdrawal]: r => r.key < 2 ** 32 && r.size <= maxIndex,
  [rotation]: r => readRoot(r.previous) !== null && readRoot(r.next) !== null && r.previous.directory.origin === r.next.directory.origin,
};

// policyOf is the policy of one of a registry row's logs.
export const policyOf = (row, log) => ({origin: log.origin, log_keys: log.keys, witnesses: row.witnesses, quorum: row.quorum});

// signedBy says whether at least threshold of the keys signed the entry for its place in the log.
export async function signedBy(entry, index, origin, texts, threshold) {
  const keys = parseKeys(texts, 16, 'note');
  if (!keys) return false;
  const message = concat(encodeText('citygate/v1 directory\0'), encodeText(origin), [0], uint64(index), entry.payload);
  let good = 0;
  for (const k of keys) {
    const s = entry.signatures.find(s => s.id === parseInt(k.id, 16));
    if (s && await k.verify(message, s.sig)) good++;
  }
  return good >= threshold;
}

// sameRoot compares the content of two root policies.
export function sameRoot(a, b) {
  const parts = p => [p.directory.origin, p.directory.log_keys, p.directory.witnesses, p.directory.quorum, p.directory_keys, p.directory_threshold];
  return JSON.stringify(parts(a)) === JSON.stringify(parts(b));
}

