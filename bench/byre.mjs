/**
 * What the benchmarks use of byre, as it was compiled: `npm run build` first. BYRE_DIST names another place than `dist`.
 * Peers are asked for by name and may be missing; a benchmark must then leave their part out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = path.resolve(fileURLToPath(import.meta.url), '..', '..');
export const dist = path.resolve(process.env.BYRE_DIST ?? path.join(root, 'dist'));

if (!existsSync(path.join(dist, 'src', 'index.js'))) {
  console.error(`there is nothing compiled in ${dist}: run 'npm run build' first`);
  process.exit(1);
}

/**
 * A compiled module of the project, such as `src/index.js`.
 * @param {string} file
 * @returns {Promise<any>}
 */
export function load(file) {
  return import(pathToFileURL(path.join(dist, file)).href);
}

/**
 * A peer with its version; undefined if it is not installed.
 * @param {string} name
 * @param {string} [from] a file beside whose package.json it was installed
 * @returns {Promise<{ module: any, version: string } | undefined>}
 */
export async function peer(name, from = import.meta.url) {
  /** @type {string} */
  let file;
  try {
    file = createRequire(from).resolve(name);
  } catch {
    console.log(`(${name} is not installed: see docs/bench.md)`);
    return undefined;
  }
  const marker = path.join('node_modules', name);
  const manifest = path.join(file.slice(0, file.lastIndexOf(marker)), marker, 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  return { module: await import(pathToFileURL(file).href), version };
}
