/**
 * Headless Chromium, pointed at a page that a server of ours gives out. Nothing of the user's browser is touched: it runs with an
 * empty profile of its own, which is removed again, and must be closed by whoever opened it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const programs = ['chromium', 'chromium-browser', 'google-chrome'];

/** The name of a Chromium that can be started; undefined if there is none. */
export const chromium = programs.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);

const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...[
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-dev-shm-usage',
    '--disable-crash-reporter',
  ],
];

export interface OpenPage {
  /** Settles when the browser ends by itself, which it should not, with what it said. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

export function openPage(program: string, url: string): OpenPage {
  const profile = mkdtempSync(path.join(tmpdir(), 'byre-chromium-'));
  // A group of its own, since the browser consists of many processes.
  const child = spawn(program, [...flags, `--user-data-dir=${profile}`, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  // A test that runs out of time, or a worker that is stopped, must not leave it behind.
  process.once('exit', kill);
  let said = '';
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-4000);
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    ended: closed.then(() => said),
    async close() {
      process.removeListener('exit', kill);
      kill();
      await closed;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
