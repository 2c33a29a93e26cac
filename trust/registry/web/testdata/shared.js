// Gives the verdicts of the table that all verifiers share, from entries in memory instead of a mirror.

import {decodeBase64} from '/citygate.page/bytes.js';
import {parseText} from '/citygate.page/code.js';
import {foldDirectory} from '/citygate.page/directory.js';
import {openCheckpoint, readPolicy} from '/citygate.page/note.js';
import {parseEntry} from '/citygate.page/rows.js';
import {foldStatus, readPart, readStatuses} from '/citygate.page/status.js';
import {Tree, leafHash, rootOf, tileWidth} from '/citygate.page/tree.js';
import {check, classOf, policyFor} from '/citygate.page/verdict.js';
import {reasons} from '/citygate.page/words.js';

// tiles reads any tile of a log from its leaves.
function tiles(leaves) {
  const levels = [leaves];
  return async (level, n, width) => {
    while (levels.length <= level) {
      const below = levels.at(-1), next = [];
      for (let i = 0; i + tileWidth <= below.length; i += tileWidth) next.push(rootOf(below.slice(i, i + tileWidth)));
      levels.push(next);
    }
    return levels[level].slice(n * tileWidth, n * tileWidth + width);
  };
}

// missing is a time that Go writes for none.
const missing = at => at.startsWith('0001');

window.shared = async table => {
  const logs = {}, entries = {};
  for (const [short, list] of Object.entries(table.logs)) {
    entries[short] = list.map(decodeBase64);
    const leaves = entries[short].map(leafHash);
    logs[short] = {size: leaves.length, tree: await new Tree(leaves.length, rootOf(leaves), tiles(leaves)).open()};
  }
  const directory = await foldDirectory(table.root_policy, entries.directory), out = [];
  for (const c of table.cases) {
    const view = {
      size: directory.size,
      key: i => directory.key(i),
      log: async short => {
        const at = c.times?.[short] ?? table.time;
        return missing(at) ? null : {...logs[short], time: Date.parse(at)};
      },
      status: async short => foldStatus(entries[short]),
    };
    const p = c.policy, m = c.moment;
    const policy = {needSignature: p.need_signature, needNonce: p.need_nonce, fresh: p.fresh, hours: p.hours,
      maxAge: (p.max_age_s ?? 0) * 1000, acceptStale: p.accept_stale, acceptClock: p.accept_clock};
    const v = await check(c.text, view, () => policy, {now: Date.parse(m.now), synced: m.synced, started: Date.parse(m.started),
      nonce: m.nonce ? decodeBase64(m.nonce) : null, place: m.place ?? ''});
    out.push({name: c.name, reason: v.reason, alarm: v.alarm});
  }
  return out;
};

// readers say for each of some inputs whether it is read, and as what: texts as they are, octets in base64.
window.readers = {
  text: s => parseText(s).reason ?? 'read',
  entry: async s => {
    try {
      return String((await parseEntry(decodeBase64(s))).kind);
    } catch {
      return 'refused';
    }
  },
  note: async (s, policy) => {
    const head = await openCheckpoint(readPolicy(policy), decodeBase64(s));
    return head ? `${head.size} ${head.time}` : 'refused';
  },
  policy: s => {
    try {
      return readPolicy(JSON.parse(s)) ? 'read' : 'refused';
    } catch {
      return 'refused'; // another type where a list should be
    }
  },
  status: s => foldStatus([decodeBase64(s)])(300),
};

readers.snapshot = (s, index) => {
  const part = readPart(index, decodeBase64(s));
  if (!part) return 'refused';
  const sum = part.records.reduce((sum, [n, status], i) => (sum + (i + 1) * (2 * (n % 997) + (status === 'revoked' ? 1 : 2))) % 31, 0);
  return `${sum} of ${part.records.length}`;
};

// statuses gives what a status log says of some records, and which entries were read for it.
window.statuses = async (entries, indices) => {
  const all = entries.map(decodeBase64), read = new Set();
  const status = await readStatuses(all.length, async (from, to) => {
    for (let i = from; i < to; i++) read.add(i);
    return all.slice(from, to);
  });
  return {read: read.size, said: indices.map(status)};
};

window.readAll = (name, inputs, more) => Promise.all(inputs.map(s => readers[name](s, more)));

window.words = () => ({reasons, classes: Object.fromEntries(Object.keys(reasons).map(r => [r, classOf(r)])),
  policies: Array.from({length: 20}, (_, kind) => policyFor(kind))});

// fold gives what a directory says: each key row, the newest row of each prefix, and the number of root policies.
window.fold = async (root, entries) => {
  const d = await foldDirectory(root, entries.map(decodeBase64)), keys = [];
  for (let i = 0; i < d.size; i++) {
    const k = d.key(i);
    keys.push(k ? `${k.prefix} ${k.withdrawn} ${k.standsUpTo}` : 'none');
  }
  const rows = [...d.rows.keys()].sort().map(p => `${p} ${d.newest(p).records.short} ${d.newest(p).names.get('en')}`);
  return [...keys, ...rows, `${d.policies.length} policies`];
};
