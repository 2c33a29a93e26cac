// The verdict on one text, with one reason of the closed list, in the order of docs/formats/verdict.md. It follows package trust.

import {equal} from './bytes.js';
import {entryOf, parseText, pathOf, presentMessage, sigStructure} from './code.js';
import {contains, covers} from './identifier.js';
import {algEd25519, supported, verify} from './keys.js';
import {leafHash, pathRoot, tileWidth} from './tree.js';

const hour = 3600e3, freshWindow = 600, freshReach = 65536, presentedFor = 15, presentedAhead = 5;

const seconds = ms => Math.floor(ms / 1000);

// Policies by kind, as package trust has them by default.
const personal = {needSignature: true, maxAge: 24 * hour};
const byKind = {1: {}, 2: {needSignature: true}, 3: {needSignature: true}, 8: personal, 9: personal, 10: personal, 11: personal};
export const policyFor = kind => byKind[kind] ?? {needSignature: true, maxAge: 72 * hour};

// classOf is what a reason means to somebody who waits.
export function classOf(reason) {
  if (reason === 'valid' || reason === 'valid-fresh') return 'accepted';
  return ['unsupported', 'stale-trust', 'pending', 'clock-untrusted'].includes(reason) ? 'cannot-check' : 'refused';
}

// check gives {reason, alarm, signatureGood, parsed, key, age, size}. moment is {now, synced, started, nonce, place}: milliseconds,
// octets, and an identifier, "" for none, or null where no place is to be compared.
export async function check(text, view, policyOf, moment) {
  const parsed = parseText(text);
  if (parsed.reason) return {reason: parsed.reason, alarm: false, signatureGood: false};
  const j = new Judge(parsed, view, policyOf(parsed.claims.kind), moment);
  let reason;
  try {
    await j.resolve();
    reason = await j.reason();
  } catch (e) {
    console.warn('citygate: ' + e.message); // a mirror that fails or lies: nothing is known
    reason = 'stale-trust';
  }
  return {reason, alarm: reason === 'not-in-ledger' && j.signatureGood, signatureGood: j.signatureGood, parsed, key: j.key, age: j.age, logs: j.logs};
}

class Judge {
  constructor(parsed, view, policy, moment) {
    Object.assign(this, {parsed, view, policy, moment, code: parsed.code, claims: parsed.claims, signatureGood: false});
  }

  async resolve() {
    this.key = this.view.key(this.code.key);
    const names = ['directory', this.key?.records, this.key?.status];
    this.logs = await Promise.all(names.map(n => n ? this.view.log(n) : null));
    [this.dir, this.records, this.status] = this.logs;
    const times = this.logs.filter(l => l).map(l => l.time);
    this.bound = Math.max(...times);
    this.now = this.moment.synced ? this.moment.now : Math.max(this.moment.now, this.bound);
    this.age = Math.max(0, this.now - Math.min(...times));
    this.beyond = this.records && this.code.index >= this.records.size;
    this.open = this.records && !this.beyond && Math.floor(this.code.index / tileWidth) === Math.floor(this.records.size / tileWidth);
  }

  async reason() {
    for (const ask of ['algorithm', 'held', 'issuer', 'url', 'scope', 'signatures', 'forged', 'pending', 'standing', 'expired',
      'clock', 'early', 'presentation', 'place', 'aged']) {
      const reason = await this[ask]();
      if (reason) return reason;
    }
    return this.beyond ? 'valid-fresh' : 'valid';
  }

  algorithm() {
    return this.key && this.code.sig && !supported(this.key.alg) && 'unsupported';
  }

  held() {
    if (!this.dir) return 'stale-trust';
    if (this.key) return (!this.records || !this.status) && 'stale-trust';
    return this.code.key >= this.view.size && this.now - this.dir.time > hour && 'stale-trust';
  }

  issuer() {
    return (!this.key || this.key.withdrawn && this.code.index >= this.key.standsUpTo) && 'unknown-issuer';
  }

  url() {
    const host = this.parsed.host.toLowerCase();
    return (this.parsed.path !== pathOf(this.code) || !this.key.hosts.some(h => h.toLowerCase() === host)) && 'mismatch';
  }

  scope() {
    return !covers(this.key.prefix, this.claims.nodes, this.claims.object) && 'wrong-issuer';
  }

  async signatures() {
    const {sig} = this.code, {presented} = this.parsed;
    if (sig) this.signatureGood = await verify(this.key.alg, this.key.key, sigStructure(this.code, this.key.alg), sig);
    if (!this.signatureGood && (sig || this.policy.needSignature)) return 'bad-signature';
    return presented && !await verify(algEd25519, this.claims.holder, presentMessage(presented.code, presented.at, presented.nonce), presented.sig) &&
      'bad-signature';
  }

  async forged() {
    if (this.beyond || !this.open && !this.code.sealed) return '';
    const leaf = leafHash(entryOf(this.code.body)), {index} = this.code;
    const have = await (this.open ? this.records.tree.node(0, index) : this.records.tree.node(1, Math.floor(index / tileWidth)));
    const want = this.open ? leaf : pathRoot(leaf, index, this.code.path);
    return (!have || !equal(have, want)) && 'not-in-ledger';
  }

  pending() {
    return (this.beyond && !this.freshEnough() || !this.beyond && !this.open && !this.code.sealed) && 'pending';
  }

  freshEnough() {
    const {code, claims} = this;
    return this.policy.fresh && !this.key.withdrawn && this.signatureGood && !code.sealed && !code.personal &&
      code.index - this.records.size < freshReach && this.moment.synced && claims.issued !== 0 &&
      Math.abs(seconds(this.now) - claims.issued) <= freshWindow;
  }

  async standing() {
    const status = (await this.view.status(this.key.status))(this.code.index);
    return status !== 'good' && status;
  }

  expired() {
    const end = this.claims.notAfter;
    return end !== 0 && (this.moment.synced && seconds(this.now) > end || seconds(this.bound) > end) && 'expired';
  }

  clock() {
    const hangs = this.claims.notAfter !== 0 || this.claims.notBefore > seconds(this.bound) || this.parsed.presented ||
      this.policy.maxAge || this.policy.hours;
    return hangs && !this.moment.synced && !this.policy.acceptClock && 'clock-untrusted';
  }

  early() {
    return this.claims.notBefore > seconds(this.now) && 'not-yet-valid';
  }

  presentation() {
    const {presented} = this.parsed;
    if (!this.claims.holder) return '';
    if (!presented || !this.timely(presented.at)) return 'stale-presentation';
    if (!this.policy.needNonce && presented.nonce.length === 0) return '';
    const shown = this.moment.nonce;
    return (!shown || shown.length === 0 || !equal(shown, presented.nonce)) && 'stale-presentation';
  }

  timely(at) {
    const now = seconds(this.now), start = Math.ceil(this.moment.started / 1000);
    return at >= start && now - at <= presentedFor && at - now <= presentedAhead;
  }

  place() {
    const {place} = this.moment, {places} = this.claims;
    return place !== null && places.length > 0 && !places.some(p => contains(p, place)) && 'elsewhere';
  }

  aged() {
    return this.policy.maxAge && this.age > this.policy.maxAge && !this.policy.acceptStale && 'stale-trust';
  }
}
