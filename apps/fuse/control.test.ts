/** The asking side of commands, where the process that is asked breaks off. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ask, socketPathOf } from './control.ts';

test('a process that was killed with the request unread went away, like any other', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'byre-control-'));
  const poolPath = path.join(directory, 'pool');
  // Unread bytes make the system say ECONNRESET where it says nothing else.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.write(`${JSON.stringify({ output: '' })}\n`, () => setTimeout(() => socket.destroy(), 50));
  });
  await new Promise<void>((resolve) => server.listen(socketPathOf(poolPath), resolve));
  try {
    const request = { args: [], directory, environment: {}, json: false } as never;
    const streams = { output: () => {}, error: () => {} };
    await expect(ask(poolPath, request, streams)).rejects.toMatchObject({ code: 'CLOSED' });
  } finally {
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  }
});
