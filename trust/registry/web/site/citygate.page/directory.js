// The fold of the directory: which of its entries are obeyed, and what they say together. It follows package trust/ledger rule
// by rule, so that a phone and a gateway obey the same rows.

import {hex} from './bytes.js';
import {isCountry, parent} from './identifier.js';
import {parseKeys} from './keys.js';
import {readPolicy, readRoot} from './note.js';
import {keyRow, parseEntry, policyOf, registryRow, rotation, sameRoot, signedBy, withdrawal} from './rows.js';

// foldDirectory gives the Directory of the log's first entries, for a page that was given root, which may be the policy that some
// rotation among them brought. It is null if root cannot be used.
export async function foldDirectory(root, raws) {
  if (!readRoot(root)) return null;
  const entries = await Promise.all(raws.map(raw => parseEntry(raw).catch(() => null)));
  let first = root;
  for (let i = entries.length - 1; i >= 0; i--) {
    const e = entries[i];
    if (e?.kind === rotation && sameRoot(e.row.next, first) &&
      await signedBy(e, i, first.directory.origin, first.directory_keys, first.directory_threshold)) first = e.row.previous;
  }
  for (const p of [first, root]) {
    const d = new Directory(p);
    for (const e of entries) await d.add(e);
    if (sameRoot(p, root) || d.policies.some(q => sameRoot(q, root))) return d;
  }
  return null;
}

export class Directory {
  constructor(root) {
    this.policies = [root]; // the last one is in force
    this.size = 0;
    this.keys = new Map(); // by index
    this.rows = new Map(); // by prefix, oldest first
    this.logs = new Map(); // short name to prefix
    this.names = new Map([[root.directory.origin, 'directory']]); // origin to short name
    this.roles = new Map(); // a key's octets in hex to 'issuer' or 'other'
    this.claim(root.directory_keys, root.directory.log_keys, root.directory.witnesses);
  }

  get root() {
    return this.policies.at(-1);
  }

  // add takes the next entry, null for one that is not well formed. What is not obeyed changes nothing.
  async add(entry) {
    const index = this.size;
    const obey = {[registryRow]: 'registry', [keyRow]: 'issuer', [withdrawal]: 'withdraw', [rotation]: 'rotate'};
    if (entry) await this[obey[entry.kind]](entry, entry.row, index);
    this.size++;
  }

  // allocated says whether whoever holds the prefix above signed.
  allocated(entry, index, prefix) {
    const above = parent(prefix), {directory, directory_keys, directory_threshold} = this.root;
    if (above === null || isCountry(above)) return signedBy(entry, index, directory.origin, directory_keys, directory_threshold);
    const row = this.newest(above);
    return row ? signedBy(entry, index, directory.origin, row.allocKeys, row.allocThreshold) : false;
  }

  async registry(e, r, index) {
    if (!await this.allocated(e, index, r.prefix)) return;
    const logs = [r.records, r.status], old = this.newest(r.prefix), free = (map, key, want) => (map.get(key) ?? want) === want;
    if (!logs.every(l => free(this.logs, l.short, r.prefix) && free(this.names, l.origin, l.short))) return;
    const moved = (a, b) => a.short !== b.short || a.origin !== b.origin;
    if (old && (moved(old.records, r.records) || moved(old.status, r.status))) return;
    if (!this.claim(r.allocKeys, r.records.keys, r.status.keys, r.witnesses)) return;
    for (const l of logs) {
      this.logs.set(l.short, r.prefix);
      this.names.set(l.origin, l.short);
    }
    this.rows.set(r.prefix, [...this.rows.get(r.prefix) ?? [], r]);
  }

  async issuer(e, r, index) {
    if (!await this.allocated(e, index, r.prefix) || this.roles.has(hex(r.key)) || !this.answersFor(r)) return;
    this.roles.set(hex(r.key), 'issuer');
    this.keys.set(index, {...r, withdrawn: false, standsUpTo: 0});
  }

  answersFor(r) {
    for (let p = r.prefix; p !== null; p = parent(p)) {
      const row = this.newest(p);
      if (row?.records.short === r.records && row.status.short === r.status) return true;
    }
    return false;
  }

  async withdraw(e, r, index) {
    const k = this.keys.get(r.key);
    if (!k || !await this.allocated(e, index, k.prefix) || k.withdrawn && r.size > k.standsUpTo) return;
    this.keys.set(r.key, {...k, withdrawn: true, standsUpTo: r.size});
  }

  async rotate(e, r, index) {
    const old = this.root, origin = old.directory.origin;
    if (!sameRoot(r.previous, old) || !await signedBy(e, index, origin, old.directory_keys, old.directory_threshold) ||
      !await signedBy(e, index, origin, r.next.directory_keys, r.next.directory_threshold)) return;
    if (this.claim(r.next.directory_keys, r.next.directory.log_keys, r.next.directory.witnesses)) this.policies.push(r.next);
  }

  // claim notes that keys serve as something else than issuer keys, unless one of them is one.
  claim(...lists) {
    const all = lists.flatMap(texts => parseKeys(texts, 32, 'any') ?? []).map(k => k.material);
    if (all.some(m => this.roles.get(m) === 'issuer')) return false;
    for (const m of all) this.roles.set(m, 'other');
    return true;
  }

  // newest is the newest row of exactly this prefix.
  newest(prefix) {
    return this.rows.get(prefix)?.at(-1);
  }

  // key gives the key row at an index, or undefined.
  key(i) {
    return this.keys.get(i);
  }

  // policy is the one that a new checkpoint of a log needs, null if there is no such log.
  policy(short) {
    if (short === 'directory') return readPolicy(this.root.directory);
    const row = this.newest(this.logs.get(short)), log = [row?.records, row?.status].find(l => l?.short === short);
    return log ? readPolicy(policyOf(row, log)) : null;
  }

  // holder is the newest row of the longest prefix at or above a node path, for names on the screen.
  holder(prefix) {
    for (let p = prefix; p !== null; p = parent(p)) if (this.newest(p)) return this.newest(p);
    return null;
  }
}

