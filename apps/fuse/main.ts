/**
 * The program of a mount process: `node main.js SETUP`, with SETUP as JSON (`setup.ts`). Says over the channel to its parent, if it
 * has one, that the mount is there or why not; its exit status is 0 after a clean end.
 * It is started by `mount.ts`, and by `byre mount` in the foreground; it is not meant to be typed.
 */
import { runMountProcess } from './process.ts';
import type { MountSetup } from './setup.ts';

function tellParent(message: object): void {
  if (process.send === undefined || !process.connected) return;
  // The parent may be gone by now. An error thrown here would end this thread, and wait for the one that serves the mount forever.
  process.send(message, () => {
    if (process.connected) process.disconnect();
  });
}

const setup = JSON.parse(process.argv[2] ?? '{}') as MountSetup;
try {
  await runMountProcess(setup, (directory) => tellParent({ mounted: directory }));
  process.exit(0);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  if (process.send === undefined || !process.connected) console.error(`byre: ${message}`);
  else process.send({ failed: message, code: code ?? 'INTERNAL' }, () => process.exit(1));
  process.exitCode = 1;
}
