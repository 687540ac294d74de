/**
 * Sources as plain JavaScript, for tests that run them in processes of their own: Node 20 does not read TypeScript.
 * Callers must be test files, at whose end the output is removed, and must not expect types to be checked: that is another step of
 * `npm run check`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const made = new Map<string, string>();
const homes: string[] = [];

afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

/** Compiles a source, such as `src/pool/lock.ts`, and all that it imports; returns the URL to import it by. */
export function compiled(source: string): string {
  let directory = made.get(source);
  if (directory === undefined) {
    // Below the checkout, so that dependencies are found.
    const cache = path.join(root, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    const home = mkdtempSync(path.join(cache, 'byre-compiled-'));
    homes.push(home);
    const project = {
      extends: path.join(root, 'tsconfig.build.json'),
      compilerOptions: { declaration: false, rootDir: root, outDir: path.join(home, 'out') },
      files: [path.join(root, source)],
      include: [],
      exclude: [],
    };
    writeFileSync(path.join(home, 'package.json'), '{ "type": "module" }');
    writeFileSync(path.join(home, 'tsconfig.json'), JSON.stringify(project));
    const run = spawnSync(process.execPath, [compiler, '-p', home, '--noCheck'], { encoding: 'utf8' });
    directory = path.join(home, 'out');
    if (run.status !== 0 || !existsSync(directory))
      throw new Error(`cannot compile ${source}:\n${run.stdout}${run.stderr}`);
    made.set(source, directory);
  }
  return pathToFileURL(path.join(directory, source.replace(/\.ts$/, '.js'))).href;
}
