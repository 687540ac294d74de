/**
 * The files suite through a mount: `node:fs` on a mounted fork must do what it does on a disk.
 * All cases share one mount, each in a directory of its own; at the end the pool is checked.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { filesConformance } from '../conformance/files/index.ts';
import { type MountedPool, mountedPool, needsMount } from './mounted.ts';

process.umask(0o022);

describe('through a mount', needsMount, () => {
  let mount: MountedPool | undefined;

  beforeAll(async () => {
    if (needsMount.skip !== true) mount = await mountedPool();
  });

  afterAll(async () => {
    try {
      await mount?.end();
    } finally {
      await mount?.close();
    }
  });

  filesConformance('node:fs on a mounted fork', async () => {
    const root = fs.mkdtempSync(path.join(mount!.directory, 'case-'));
    return {
      fs,
      root,
      strict: false,
      superuser: true,
      cleanup: async () => fs.rmSync(root, { recursive: true, force: true }),
    };
  });
});
