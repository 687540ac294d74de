/** Commands over the control socket of a mount process, and what the mount shows after them. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ask } from '../../apps/fuse/control.ts';
import { builtSources, needsMount, shell, until, withMount } from './mounted.ts';

const decoder = new TextDecoder();

describe('the control socket', needsMount, () => {
  const module = `
    async function runCommand(command) {
      const [word, ...rest] = command.request.arguments;
      const say = (text) => command.output(new TextEncoder().encode(text));
      if (word === 'fork') await command.pool.fork(rest[0], rest[1]);
      else if (word === 'rollback') await command.pool.rollback(rest[0], rest[1]);
      else if (word === 'snapshot') await command.pool.snapshot(rest[0], rest[1]);
      else if (word === 'where') say(command.request.directory);
      else if (word === 'upper') for await (const piece of command.input) say(new TextDecoder().decode(piece).toUpperCase());
      else if (word === 'wait') await new Promise((resolve) => command.signal.addEventListener('abort', resolve));
      else throw new Error('no such command: ' + word);
      return rest.length;
    }`;
  /** The module for the engine's thread, with the commands above. */
  function engine(): string {
    const { href } = pathToFileURL(path.join(builtSources(), 'apps/fuse/engine.js'));
    return `data:text/javascript,${encodeURIComponent(`import { runEngine } from '${href}'; ${module}; runEngine(runCommand);`)}`;
  }

  async function command(poolPath: string, list: string[], input?: string, signal?: AbortSignal) {
    let output = '';
    let error = '';
    const status = await ask(
      poolPath,
      { arguments: list, directory: '/here', environment: {} },
      {
        output: (bytes) => {
          output += decoder.decode(bytes);
        },
        error: (bytes) => {
          error += decoder.decode(bytes);
        },
        ...(signal === undefined ? {} : { signal }),
        ...(input === undefined
          ? {}
          : {
              input: (async function* () {
                for (const piece of input) yield new TextEncoder().encode(piece);
              })(),
            }),
      },
    );
    return { status, output, error };
  }

  test('commands run where the pool is, while the mount is used', { timeout: 60_000 }, async () => {
    await withMount(
      async ({ poolPath, directory }) => {
        expect(await command(poolPath, ['where', 'x'])).toEqual({ status: 1, output: '/here', error: '' });
        expect(await command(poolPath, ['upper'], 'abc')).toEqual({ status: 0, output: 'ABC', error: '' });
        expect(await command(poolPath, ['nothing'])).toEqual({
          status: 1,
          output: '',
          error: 'byre: no such command: nothing\n',
        });
        await shell(`echo one > ${directory}/main/file`);
        const busy = shell(
          `for i in $(seq 1 400); do echo $i > ${directory}/work/f$i; done; ls ${directory}/work | wc -l`,
        );
        for (let index = 0; index < 10; index++) await command(poolPath, ['fork', 'main', `fork${index}`]);
        expect(await shell(`cat ${directory}/fork7/file; ls ${directory}`)).toMatch(/^one\nfork0\nfork1\n/);
        expect(await busy).toBe('400\n');
        const cancel = new AbortController();
        const waiting = command(poolPath, ['wait'], undefined, cancel.signal);
        expect(await shell(`cat ${directory}/main/file`)).toBe('one\n');
        cancel.abort();
        expect((await waiting).status).toBe(0);
        expect((await stat(`${poolPath}.sock`)).mode & 0o777).toBe(0o600);
      },
      { allBranches: true, engine: engine() },
    );
  });

  test('after a rollback nothing of before is seen', async () => {
    await withMount(
      async ({ poolPath, directory }) => {
        await shell('echo one > file; mkdir dir; echo same > dir/same; sync file dir/same', { cwd: directory });
        await command(poolPath, ['snapshot', 'work', 'before']);
        await shell('echo two > file; rm -r dir; echo new > new; cat file new; stat -c %s file', { cwd: directory });
        await command(poolPath, ['rollback', 'work', 'before']);
        await until(async () => (await shell('cat file', { cwd: directory })) === 'one\n', 5);
        expect(await shell('cat dir/same; ls', { cwd: directory })).toBe('same\ndir\nfile\n');
      },
      { engine: engine() },
    );
  });

  test('without a listener there is no answer, and none is waited for', async () => {
    expect(
      await ask('/tmp/no-such-pool', { arguments: [], directory: '/', environment: {} }, { output() {}, error() {} }),
    ).toBeUndefined();
  });

  test('whoever talks nonsense is hung up on, and the mount lives', async () => {
    await withMount(async ({ poolPath, directory }) => {
      const { connect } = await import('node:net');
      for (const text of [
        'nonsense\n',
        '{"arguments": 5}\n',
        '[]\n',
        `${'x'.repeat(5 << 20)}`,
        '{"arguments": [], "directory"',
      ]) {
        const socket = connect(`${poolPath}.sock`);
        socket.on('error', () => {});
        socket.end(text);
        await new Promise((resolve) => socket.once('close', resolve));
      }
      await shell('echo alive > file', { cwd: directory });
    });
  });
});
