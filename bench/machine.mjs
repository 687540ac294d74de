/**
 * Other programs and file systems to measure beside: run as a user's script would, mounted where that can be.
 * What is mounted here is unmounted at the end. Callers must do without what `undefined` is returned for.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { atEnd, sequence } from './method.mjs';

/**
 * Runs a program to its end, without its output; throws if it fails.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function run(program, args, options = {}) {
  const ended = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  if (ended.status === 0) return;
  throw new Error(`${program} ${args.join(' ')}: ${ended.error?.message ?? ended.stderr?.toString() ?? ended.status}`);
}

/** @param {string} what @param {() => void} attempt */
function works(what, attempt) {
  try {
    attempt();
    return true;
  } catch (error) {
    console.log(`(no ${what} here: ${/** @type {Error} */ (error).message.trim().split('\n')[0]})`);
    return false;
  }
}

/** @param {string} at */
function unmountAtEnd(at) {
  atEnd(() => {
    spawnSync('umount', [at]);
  });
}

/**
 * A new btrfs in a file of so many bytes; needs root and mkfs.btrfs (Debian: btrfs-progs).
 * @param {string} directory
 * @param {number} bytes
 * @returns {string | undefined} where it is mounted
 */
export function btrfs(directory, bytes) {
  const image = path.join(directory, 'btrfs.image');
  const at = path.join(directory, 'btrfs');
  const made = works('btrfs', () => {
    mkdirSync(at);
    writeFileSync(image, '');
    truncateSync(image, Math.max(bytes, 256 << 20));
    run('mkfs.btrfs', ['-q', image]);
    run('mount', ['-o', 'loop', image, at]);
    unmountAtEnd(at);
  });
  return made ? at : undefined;
}

/**
 * An overlay over a directory, with an upper layer of its own.
 * @param {string} directory where upper layer and mount lie
 * @param {string} lower
 * @returns {string | undefined} where it is mounted
 */
export function overlay(directory, lower) {
  const [upper, work, at] = ['upper', 'work', 'overlay'].map((name) => path.join(directory, name));
  const made = works('overlayfs', () => {
    for (const each of [upper, work, at]) mkdirSync(each);
    run('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, at]);
    unmountAtEnd(at);
  });
  return made ? at : undefined;
}

/** @param {string} at */
export function unmount(at) {
  run('umount', [at]);
}

/**
 * Fills a directory with files of text, 100 to a directory.
 * @param {string} directory
 * @param {number} files
 * @param {number} bytes of each
 */
export function plantFiles(directory, files, bytes) {
  const next = sequence(files);
  for (let i = 0; i < files; i++) {
    const below = path.join(directory, `d${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(below, { recursive: true });
    const word = next().toString(36);
    writeFileSync(
      path.join(below, `f${i}.txt`),
      word
        .padEnd(64, '.')
        .concat('\n')
        .repeat(Math.ceil(bytes / 65))
        .slice(0, bytes),
    );
  }
}
