/**
 * A directory of many small files to measure with: copies of this project's node_modules without its largest files.
 * Callers must remove it.
 */
import { cpSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { root } from './byre.mjs';

const LARGEST_BYTES = 512 * 1024;
/** Where tools keep what is theirs in node_modules; it comes and goes while others copy. */
const CHANGING = new Set(['.cache', '.vite', '.vite-temp']);

/**
 * Copies until there are so many files.
 * @param {string} tree
 * @param {number} wanted
 */
export function plantTree(tree, wanted) {
  const source = realpathSync(path.join(root, 'node_modules'));
  let left = wanted;
  const filter = (/** @type {string} */ from) => {
    const stat = statSync(from, { throwIfNoEntry: false });
    if (stat === undefined || left <= 0) return false;
    if (!stat.isFile()) return !CHANGING.has(path.basename(from));
    if (stat.size > LARGEST_BYTES) return false;
    left--;
    return true;
  };
  for (let i = 0; left > 0; i++)
    cpSync(source, path.join(tree, `copy-${i}`), { recursive: true, verbatimSymlinks: true, filter });
}
