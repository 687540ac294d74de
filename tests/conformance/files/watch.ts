/**
 * Conformance: watch, as far as platforms agree: that something is said of a change, and of which name.
 * Must not count events: one change may be told more than once.
 */
import { expect } from 'vitest';
import type { GroupBody } from './suite.ts';

type Seen = [event: string, name: string | Buffer | null];

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) expect.fail('no such event within a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const watchGroup: GroupBody = ({ once }) => {
  once('a watched directory tells of names and of content', async ({ fs, at }) => {
    fs.mkdirSync(at('d'));
    const seen: Seen[] = [];
    const watcher = fs.watch(at('d'), (event, name) => seen.push([event, name]));
    const has = (event: string, name: string) => () => seen.some((entry) => entry[0] === event && entry[1] === name);
    fs.writeFileSync(at('d/f'), '1');
    await until(has('rename', 'f'));
    fs.appendFileSync(at('d/f'), '2');
    await until(has('change', 'f'));
    fs.renameSync(at('d/f'), at('d/g'));
    await until(has('rename', 'g'));
    fs.unlinkSync(at('d/g'));
    const closed = new Promise<void>((resolve) => watcher.on('close', () => resolve()));
    watcher.close();
    await closed;
  });

  once('a watched file tells of its content', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '1');
    fs.writeFileSync(at('other'), '1');
    const seen: Seen[] = [];
    const watcher = fs.watch(at('f'), { encoding: 'buffer' }, (event, name) => seen.push([event, name]));
    fs.writeFileSync(at('other'), '2');
    fs.writeFileSync(at('f'), '2');
    await until(() => seen.some(([event]) => event === 'change'));
    expect(seen.every(([, name]) => name?.toString() === 'f')).toBe(true);
    watcher.close();
  });

  once('recursive watching', async ({ fs, at }) => {
    fs.mkdirSync(at('d/deep/er'), { recursive: true });
    const seen: Seen[] = [];
    const watcher = fs.watch(at('d'), { recursive: true }, (event, name) => seen.push([event, name]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    fs.writeFileSync(at('d/deep/er/f'), '1');
    await until(() => seen.some(([, name]) => name === 'deep/er/f'));
    watcher.close();
  });

  once('promises.watch is an asynchronous iterable that a signal ends', async ({ fs, at }) => {
    fs.mkdirSync(at('d'));
    const controller = new AbortController();
    const events = fs.promises.watch(at('d'), { signal: controller.signal });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        seen.push(String(event.filename));
        if (event.filename === 'last') controller.abort();
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    fs.writeFileSync(at('d/first'), '');
    fs.writeFileSync(at('d/last'), '');
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toContain('first');
  });

  once('watching what is not there fails', async ({ fs, at }) => {
    expect(() => fs.watch(at('no'))).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'watch' }));
  });

  once('watchFile compares stats', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '1');
    const sizes: number[][] = [];
    fs.watchFile(at('f'), { interval: 5 }, (now, before) => sizes.push([before.size, now.size]));
    // Nothing is told before the first look, and a file that is written anew is empty for a moment: so it only grows.
    await until(() => {
      fs.appendFileSync(at('f'), '2');
      return sizes.some(([before, now]) => before! > 0 && before! < now!);
    });
    fs.unwatchFile(at('f'));
  });
};
