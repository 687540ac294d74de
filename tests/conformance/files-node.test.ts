/**
 * The files suite on the real `node:fs`: what passes here is what Node and Linux do, so a failure is the suite's mistake.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { filesConformance } from './files/index.ts';

process.umask(0o022);

filesConformance('node:fs', async () => {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'byre-conformance-')));
  return {
    fs,
    root,
    strict: false,
    superuser: process.getuid?.() === 0,
    cleanup: async () => fs.rmSync(root, { recursive: true, force: true }),
  };
});
