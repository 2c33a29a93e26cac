// The record of an identifier, as the resolver of the host answers for it (docs/formats/resolve.md): a C2SP tlog-proof, believed only if
// it leads to a checkpoint that the directory's policy opens.

import {decodeBase64, decodeText, encodeText, equal} from './bytes.js';
import {parseBody} from './code.js';
import {openCheckpoint} from './note.js';
import {covers, validPath} from './identifier.js';
import {leafHash, nodeHash} from './tree.js';

const maxAnswer = 80 << 10;
const proofForm = /^c2sp\.org\/tlog-proof@v1\nextra ([^\n]*)\nindex (0|[1-9][0-9]{0,14})\n((?:[^\n]+\n){0,63})\n/;

// lookUp gives {claims, index, row, time, status} of the newest record that the host shows of an identifier without its "MA.", null
// if it shows none that can be believed.
export async function lookUp(view, get, path) {
  if (!validPath(path) || path.endsWith('/P') || !view.directory) return null;
  const raw = await get('resolve/MA.' + path, maxAnswer), [nodes, ...object] = path.split('/');
  const row = raw && responsible(view.directory, nodes, object.join('/'));
  const proof = row && parseProof(raw);
  const head = proof && await openCheckpoint(view.directory.policy(row.records.short), proof.checkpoint);
  if (!head || proof.entry[0] !== 1 || !included(proof, head)) return null;
  const claims = parseBody(proof.entry);
  if (claims.nodes !== nodes || claims.object !== object.join('/')) return null;
  const status = await view.status(row.status.short), statusTime = (await view.log(row.status.short)).time;
  return {claims, index: proof.index, row, time: Math.min(head.time * 1000, statusTime), status: status(proof.index)};
}

// responsible finds the registry with the longest prefix that covers an identifier.
function responsible(directory, nodes, object) {
  const all = [...directory.rows.keys()].filter(p => covers(p, nodes, object)).sort((a, b) => b.length - a.length);
  return all.length === 0 ? null : directory.newest(all[0]);
}

function parseProof(raw) {
  const m = proofForm.exec(decodeText(raw) ?? '');
  if (!m) return null;
  const entry = decodeBase64(m[1]), hashes = m[3].split('\n').slice(0, -1).map(decodeBase64);
  if (!entry || entry.length < 2 || hashes.some(h => h?.length !== 32)) return null;
  return {entry, index: Number(m[2]), hashes, checkpoint: raw.slice(encodeText(m[0]).length)};
}

// included says whether the proof leads to the checkpoint's root (RFC 9162, 2.1.3.2).
function included({entry, index, hashes}, {size, root}) {
  if (index >= size) return false;
  let at = index, last = size - 1, h = leafHash(entry);
  const up = () => {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  };
  for (const p of hashes) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      h = nodeHash(p, h);
      while (at % 2 === 0 && at !== 0) up();
    } else {
      h = nodeHash(h, p);
    }
    up();
  }
  return last === 0 && equal(h, root);
}
