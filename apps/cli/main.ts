#!/usr/bin/env node
/**
 * The program `byre`.
 * It must stay quick to load: what only some commands need is imported by these.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { typedArguments } from './typed.ts';

function version(): string {
  // Two directories up in the sources, three in what is compiled.
  for (const above of ['../../', '../../../']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(`${above}package.json`, import.meta.url), 'utf8'));
      if (manifest.name === 'byre') return manifest.version;
    } catch {
      // Not there: the other one is.
    }
  }
  return 'unknown';
}

const args = typedArguments(process.argv.slice(2));
if (args[0] === '--version' || args[0] === '-V') process.stdout.write(`byre ${version()}\n`);
else {
  // From Node 22 on, what was compiled once is kept for the next time.
  (module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
  const [{ runLine }, { localWorld }] = await Promise.all([import('./dispatch.ts'), import('./local.ts')]);
  const status = await runLine(args, (command) => localWorld(command, args));
  // Not left to the event loop: standard input may still be open. Output to pipes and files has been written by now.
  process.exit(status);
}
