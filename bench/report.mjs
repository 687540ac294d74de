/**
 * Prints what was measured: a table, and what it was measured on.
 * A ratio says how many times the peer's time (or bytes) byre's is contained in it: above 1 byre is ahead. No figure may be
 * printed without its unit.
 */
import os from 'node:os';
import { small } from './method.mjs';

/** @param {number} seconds */
export function showTime(seconds) {
  if (seconds >= 10) return `${seconds.toFixed(1)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  if (seconds >= 1e-3) return `${significant(seconds * 1e3)} ms`;
  if (seconds >= 1e-6) return `${significant(seconds * 1e6)} us`;
  return `${significant(seconds * 1e9)} ns`;
}

/** @param {number} bytes */
export function showBytes(bytes) {
  if (bytes >= 1 << 30) return `${significant(bytes / 2 ** 30)} GiB`;
  if (bytes >= 1 << 20) return `${significant(bytes / 2 ** 20)} MiB`;
  return bytes >= 1 << 10 ? `${significant(bytes / 2 ** 10)} KiB` : `${bytes} bytes`;
}

/** @param {number} value */
function significant(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/**
 * @param {string} title
 * @param {Record<string, string>} [versions] of peers
 */
export function heading(title, versions = {}) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const load = os.loadavg()[0].toFixed(2);
  console.log(`\n== ${title}`);
  console.log([`node ${process.versions.node}`, ...peers, os.cpus()[0]?.model.trim(), `load ${load}`].join(', '));
  if (small) console.log('--small: these figures mean nothing');
}

/**
 * One measurement in which the first contestant is byre.
 * @param {string} what
 * @param {Record<string, number>} results seconds or bytes by contestant, already divided by how much was done
 * @param {{ goal?: string | undefined, show?: (value: number) => string }} [options]
 */
export function line(what, results, { goal, show = showTime } = {}) {
  const [[name, own], ...peers] = Object.entries(results);
  const parts = peers.map(([peer, value]) => `${peer} ${show(value)} (${(value / own).toFixed(2)}x)`);
  const aim = goal === undefined ? '' : `   goal: ${goal}`;
  console.log(`${what.padEnd(46)} ${`${name} ${show(own)}`.padEnd(22)} ${parts.join('   ')}${aim}`.trimEnd());
}

/**
 * A measurement without a peer.
 * @param {string} what
 * @param {string} value
 * @param {string | undefined} [goal]
 */
export function note(what, value, goal) {
  console.log(`${what.padEnd(46)} ${value}${goal === undefined ? '' : `   goal: ${goal}`}`);
}
