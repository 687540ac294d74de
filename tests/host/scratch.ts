/**
 * Directories for tests that make many files: in memory where the machine offers that, as these tests wait for nothing but the disk.
 * Tests remove what they made, and must not need a particular file system.
 */
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

function memoryDirectory(): string | undefined {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return undefined;
  }
}

export function scratchDirectory(name: string): string {
  return mkdtempSync(path.join(memoryDirectory() ?? tmpdir(), `byre-${name}-`));
}
