/**
 * Removes a directory of our own with all that is in it, also where its modes are in the way.
 * Callers must be sure that it is their own: nothing is asked.
 */
import { chmodSync, readdirSync, rmSync } from 'node:fs';

const isDenied = (error: unknown) => ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Lets the owner change every directory. */
function makeWritable(top: string): void {
  const open = [Buffer.from(top)];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    chmodSync(directory, 0o700);
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      if (entry.isDirectory()) open.push(Buffer.concat([directory, Buffer.from('/'), entry.name]));
    }
  }
}

export function removeOwn(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    if (!isDenied(error)) throw error;
    makeWritable(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}
