/**
 * Emits `dist` with the compiler alone. `npm run build` checks types and starts from nothing: that is what is published.
 * Callers must not build into a `dist` that a running program may still read from; `scripts/setup.mjs` does that safely.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiler, root, run } from './run.mjs';

/**
 * @param {string} directory where the output goes
 * @param {{ types: boolean, stdio?: import('node:child_process').StdioOptions }} options `types`: whether to check them, too
 * @returns {Promise<boolean>} whether all went well
 */
export async function build(directory, { types, stdio = 'inherit' }) {
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', directory];
  if (!types) args.push('--noCheck');
  return (await run(process.execPath, args, { stdio })) === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = path.join(root, 'dist');
  rmSync(directory, { recursive: true, force: true });
  process.exit((await build(directory, { types: true })) ? 0 : 1);
}
