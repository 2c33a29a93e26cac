// The text and bytes of city codes, versions C1 and C2: docs/formats/code.md.

import {concat, encodeText, uint32, uint64} from './bytes.js';
import {Malformed, Reader, bytesItem, head} from './cbor.js';
import {validClaims, validPath, validPrefix} from './identifier.js';
import {sha256} from './sha256.js';

const textForm = /^HTTPS:\/\/([^/]*)\/([^#]*)#([0-9]{200,})$/;
const label = /^[A-Z0-9](?:[A-Z0-9-]{0,61}[A-Z0-9])?$/;
const languageForm = /^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$/;
const digitsOf = [0, 3, 5, 8, 10, 13, 15, 17];

export function encodeDigits(b) {
  let out = '';
  for (let at = 0; at < b.length; at += 7) {
    const part = b.subarray(at, at + 7);
    out += part.reduce((v, x) => v << 8n | BigInt(x), 0n).toString().padStart(digitsOf[part.length], '0');
  }
  return out;
}

// decodeDigits reads the one encoding of some octets.
export function decodeDigits(s) {
  const out = [];
  for (let at = 0; at < s.length; at += 17) {
    const group = s.slice(at, at + 17), size = digitsOf.indexOf(group.length);
    const v = size > 0 && /^[0-9]+$/.test(group) ? BigInt(group) : -1n;
    if (v < 0n || v >> BigInt(8 * size) !== 0n) throw new Malformed('digits');
    for (let i = size - 1; i >= 0; i--) out.push(Number(v >> BigInt(8 * i) & 255n));
  }
  return Uint8Array.from(out);
}

// parseText reads a text. It gives {reason} of a text that is foreign, unsupported or malformed, else {host, path, code, claims,
// presented}, where presented is null unless a holder shows the code.
export function parseText(s) {
  const m = textForm.exec(s);
  if (!m || m[1].length > 253 || !m[1].split('.').every(l => label.test(l)) || !validPath(m[2])) return {reason: 'foreign'};
  const [, host, path, digits] = m, first = BigInt(digits.slice(0, 17));
  if (first >> 56n === 0n && first >> 48n >= 0xC3n && first >> 48n <= 0xCFn) return {reason: 'unsupported'};
  try {
    if (s.length > 1700) throw new Malformed('text is too long');
    const b = decodeDigits(digits), presented = b[0] === 0xC2 ? parsePresented(b) : null;
    const code = parseCode(presented ? presented.code : b);
    if (presented && !code.claims.holder) throw new Malformed('no holder');
    return {host, path, code, claims: code.claims, presented};
  } catch (e) {
    if (e instanceof Malformed) return {reason: 'malformed'};
    throw e;
  }
}

// parseCode reads the bytes of a C1.
export function parseCode(b) {
  if (b[0] !== 0xC1 || b.length > 512) throw new Malformed('not a C1');
  const r = new Reader(b.subarray(1)), items = r.count(4, 4, 5);
  const c = {key: r.uint(2 ** 32), body: r.bytes(2, 256), index: r.uint(2 ** 48), path: r.bytes(0, 256), sig: null};
  if (items === 5) c.sig = r.bytes(64, 64);
  r.end();
  if (c.path.length !== 0 && c.path.length !== 256 || c.path.length === 0 && !c.sig) throw new Malformed('path');
  c.sealed = c.path.length === 256;
  c.personal = c.body[0] === 2;
  c.claims = parseBody(c.body);
  return c;
}

function parsePresented(b) {
  if (b.length > 640) throw new Malformed('too long');
  const r = new Reader(b.subarray(1)), items = r.count(4, 3, 4);
  const p = {code: r.bytes(1, 512), at: r.uint(2 ** 63), nonce: new Uint8Array(0)};
  if (items === 4) p.nonce = r.bytes(8, 16);
  p.sig = r.bytes(64, 64);
  r.end();
  return p;
}

// parseBody reads a type octet and claims.
export function parseBody(body) {
  if (body[0] !== 1 && body[0] !== 2) throw new Malformed('type of the body');
  const r = new Reader(body.subarray(1));
  const c = {nodes: '', object: '', kind: 0, notAfter: 0, notBefore: 0, issued: 0, salt: null, holder: null, places: [], language: ''};
  const positive = below => r.uint(below) || r.fail('zero');
  const reads = [null,
    () => { c.nodes = r.text(1, 128); }, () => { c.object = r.text(1, 128); }, () => { c.kind = positive(); },
    () => { c.notAfter = positive(2 ** 63); }, () => { c.notBefore = positive(2 ** 63); }, () => { c.issued = positive(2 ** 63); },
    () => { c.salt = r.bytes(8, 16); }, () => { c.holder = r.bytes(32, 32); },
    () => { c.places = r.array(() => r.text(1, 128), 1); }, () => { c.language = r.text(1, 35); }];
  let last = 0;
  for (let n = r.pairs(); n > 0; n--) {
    const k = r.uint();
    if (k <= last || k >= reads.length) throw new Malformed('claims');
    reads[last = k]();
  }
  r.end();
  const language = c.language === '' || languageForm.test(c.language);
  if (!validClaims(c.nodes, c.object) || !c.places.every(validPrefix) || !language) throw new Malformed('claims');
  if (body[0] === 2 && c.salt?.length !== 16) throw new Malformed('salt');
  return c;
}

// pathOf is the path that the text of a record has to show.
export function pathOf(code) {
  const {nodes, object} = code.claims;
  return code.personal ? nodes + '/P' : object === '' ? nodes : nodes + '/' + object;
}

// entryOf is the log entry of a body.
export function entryOf(body) {
  return body[0] === 2 ? concat([2], sha256(encodeText('cityid/v1 commit\0'), body)) : body;
}

// sigStructure is what an issuer's signature covers: the Sig_structure of a COSE_Sign1 (RFC 9052, 4.4).
export function sigStructure(code, alg) {
  const header = [0xA2, 1, ...alg < 0 ? head(1, -1 - alg) : head(0, alg), 4, 0x44, ...uint32(code.key)];
  const text = s => [...head(3, s.length), ...encodeText(s)];
  return Uint8Array.from([0x84, ...text('Signature1'), ...bytesItem(header), ...bytesItem(encodeText('cityid/v1')), ...bytesItem(code.body)]);
}

// presentMessage is what a holder signs.
export const presentMessage = (code, at, nonce) =>
  concat(encodeText('citygate/v1 present\0'), sha256(code), uint64(at), nonce);

// encodePresented writes the bytes of a C2; an empty nonce is left out.
export const encodePresented = (code, at, nonce, sig) =>
  Uint8Array.from([0xC2, nonce.length ? 0x84 : 0x83, ...bytesItem(code), ...head(0, at), ...nonce.length ? bytesItem(nonce) : [], ...bytesItem(sig)]);
