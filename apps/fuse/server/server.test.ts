/** The dispatcher over a pool in memory, without a kernel: requests are laid out by hand, also hostile ones. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { body, Kernel } from '../../../tests/mount/kernel.ts';
import { errno } from '../codec/errno.ts';
import { initFlag, operation } from '../codec/protocol.ts';
import { Invalidator } from './invalidator.ts';
import { nodeHighOf } from './nodes.ts';

const decoder = new TextDecoder();

describe('one branch', () => {
  test('an old kernel is refused, a new one is told the newest version', () => {
    const kernel = new Kernel({ branch: 'main' });
    const old = body(64, [
      [0, 7],
      [4, 30],
    ]);
    expect(kernel.ask(operation.init, 0, old).error).toBe(errno.EPROTO);
    const future = kernel.ask(
      operation.init,
      0,
      body(64, [
        [0, 7],
        [4, 99],
        [12, 0x7fff_ffff],
      ]),
    );
    expect(future.view.getUint32(4, true)).toBe(45);
    const flags = future.view.getUint32(12, true);
    expect(flags & initFlag.explicitInvalidateData).not.toBe(0);
    expect(flags & (initFlag.writebackCache | initFlag.posixLocks | initFlag.flockLocks)).toBe(0);
  });

  test('what is written is read back', () => {
    const kernel = new Kernel({ branch: 'main' });
    const node = kernel.make(1, 'file');
    expect(kernel.write(node, 3, 'hello').view.getUint32(0, true)).toBe(5);
    expect(kernel.read(node, 0, 100)).toBe('\0\0\0hello');
    expect(kernel.read(node, 8, 100)).toBe('');
    const found = kernel.ask(operation.lookup, 1, body(0, [], 'file'));
    expect(found.view.getUint32(0, true)).toBe(node);
  });

  test('a name that is not there is remembered as such', () => {
    const kernel = new Kernel({ branch: 'main' });
    const absent = kernel.ask(operation.lookup, 1, body(0, [], 'nothing'));
    expect(absent.error).toBe(0);
    expect(absent.view.getBigUint64(0, true)).toBe(0n);
    expect(absent.view.getBigUint64(16, true)).toBe(3600n);
  });

  test('an unlinked file lives until the kernel forgets the last lookup', () => {
    const kernel = new Kernel({ branch: 'main' });
    const node = kernel.make(1, 'file');
    kernel.write(node, 0, 'still here');
    kernel.ask(operation.lookup, 1, body(0, [], 'file'));
    expect(kernel.ask(operation.unlink, 1, body(0, [], 'file')).error).toBe(0);
    kernel.forget(node, 1);
    expect(kernel.read(node, 0, 100)).toBe('still here');
    kernel.forget(node, 1);
    expect(kernel.exists(node)).toBe(false);
  });

  test('one that was replaced by a rename, too; and one in a batch', () => {
    const kernel = new Kernel({ branch: 'main' });
    const replaced = kernel.make(1, 'to');
    kernel.make(1, 'from');
    expect(kernel.ask(operation.rename, 1, body(8, [[0, 1]], 'from', 'to')).error).toBe(0);
    expect(kernel.exists(replaced)).toBe(true);
    const batch = body(8 + 16, [
      [0, 1],
      [8, replaced],
      [16, 1],
    ]);
    expect(kernel.raw(kernel.packet(operation.batchForget, 0, batch))).toBeUndefined();
    expect(kernel.exists(replaced)).toBe(false);
  });

  test('an unnamed file can get a name, and goes without one', () => {
    const kernel = new Kernel({ branch: 'main' });
    const made = kernel.ask(operation.tmpfile, 1, body(16, [[4, 0o600]], '/')).view.getUint32(0, true);
    const lost = kernel.ask(operation.tmpfile, 1, body(16, [[4, 0o600]], '/')).view.getUint32(0, true);
    expect(kernel.ask(operation.link, 1, body(8, [[0, made]], 'named')).error).toBe(0);
    kernel.forget(made, 2);
    kernel.forget(lost, 1);
    expect(kernel.exists(made)).toBe(true);
    expect(kernel.exists(lost)).toBe(false);
  });

  test('the end of the mount is the end of what only the kernel knew', () => {
    const kernel = new Kernel({ branch: 'main' });
    const node = kernel.make(1, 'file');
    kernel.ask(operation.unlink, 1, body(0, [], 'file'));
    kernel.server.end();
    expect(kernel.exists(node)).toBe(false);
  });

  test('opening needs no message, closing neither', () => {
    const kernel = new Kernel({ branch: 'main' });
    const node = kernel.make(1, 'file');
    expect(kernel.ask(operation.open, node, new Uint8Array(8)).error).toBe(errno.ENOSYS);
    expect(kernel.ask(operation.create, 1, body(16, [[4, 0o644]], 'other')).error).toBe(errno.ENOSYS);
    expect(kernel.ask(operation.flush, node, new Uint8Array(24)).error).toBe(errno.ENOSYS);
  });

  test('a full pool refuses the write that meets it, and takes the deletion that helps', () => {
    const kernel = new Kernel({ branch: 'main', limitBytes: 4 << 20 });
    const node = kernel.make(1, 'file');
    const piece = 'x'.repeat(100_000);
    let refused = 0;
    for (let at = 0; refused === 0 && at < 200; at++) refused = kernel.write(node, at * 100_000, piece + at).error;
    expect(refused).toBe(errno.ENOSPC);
    expect(kernel.ask(operation.unlink, 1, body(0, [], 'file')).error).toBe(0);
    kernel.forget(node, 1);
    kernel.pool.commitSync();
    kernel.pool.commitSync();
    const again = kernel.make(1, 'again');
    expect(kernel.write(again, 0, piece).error).toBe(0);
  });
});

test('a quota is told by the write that meets it, and by statfs', () => {
  const kernel = new Kernel({ branch: 'main' });
  kernel.pool.limitSync('main', { quotaBytes: 2 << 20 });
  const node = kernel.make(1, 'file');
  const total = kernel.ask(operation.statfs, 1).view.getBigUint64(0, true);
  expect(total).toBe(512n);
  let refused = 0;
  for (let at = 0; refused === 0 && at < 100; at++)
    refused = kernel.write(node, at * 100_000, 'x'.repeat(100_000) + at).error;
  expect(refused).toBe(122);
  expect(kernel.ask(operation.statfs, 1).view.getBigUint64(8, true)).toBeLessThan(64n);
});

describe('listings', () => {
  function names(kernel: Kernel, from: bigint, full = false): { name: string; next: bigint }[] {
    const request = body(40, [[16, 4096]]);
    new DataView(request.buffer).setBigUint64(8, from, true);
    const { view, body: bytes } = kernel.ask(full ? operation.readdirplus : operation.readdir, 1, request);
    const found: { name: string; next: bigint }[] = [];
    for (let at = 0; at < bytes.length; ) {
      const lead = at + (full ? 128 : 0);
      const length = view.getUint32(lead + 16, true);
      const name = decoder.decode(bytes.subarray(lead + 24, lead + 24 + length));
      found.push({ name, next: view.getBigUint64(lead + 8, true) });
      at = (lead + 24 + length + 7) & ~7;
    }
    return found;
  }

  function all(kernel: Kernel, full = false, between: (seen: string[]) => void = () => {}): string[] {
    const seen: string[] = [];
    for (let from = 0n; ; ) {
      const part = names(kernel, from, full);
      if (part.length === 0) return seen;
      seen.push(...part.map((entry) => entry.name));
      from = part.at(-1)!.next;
      between(seen);
    }
  }

  test.each([false, true])('all of a directory over many replies (with attributes: %s)', (full) => {
    const kernel = new Kernel({ branch: 'main' });
    const expected = Array.from({ length: 500 }, (_, index) => `name-${String(index).padStart(5, '0')}`);
    for (const name of expected) kernel.make(1, name);
    expect(all(kernel, full)).toEqual(['.', '..', ...expected]);
  });

  test('what is there throughout is listed once while others come and go', () => {
    const kernel = new Kernel({ branch: 'main' });
    const stays = Array.from({ length: 400 }, (_, index) => `n${String(index * 2).padStart(5, '0')}`);
    for (const name of stays) kernel.make(1, name);
    let round = 0;
    const seen = all(kernel, false, () => {
      const odd = `n${String(++round * 30 + 1).padStart(5, '0')}`;
      kernel.make(1, odd);
      if (round > 1) {
        const before = `n${String((round - 1) * 30 + 1).padStart(5, '0')}`;
        expect(kernel.ask(operation.unlink, 1, body(0, [], before)).error).toBe(0);
      }
    });
    expect(seen.filter((name) => stays.includes(name))).toEqual(stays);
  });

  test('emptying a directory while it is read, as rm does', () => {
    const kernel = new Kernel({ branch: 'main' });
    for (let index = 0; index < 300; index++) kernel.make(1, `file${index}`);
    let removed = 0;
    all(kernel, false, (seen) => {
      for (const name of seen.splice(0)) {
        if (!name.startsWith('.') && kernel.ask(operation.unlink, 1, body(0, [], name)).error === 0) removed++;
      }
    });
    expect(removed).toBe(300);
  });

  test('a cookie that was never given is refused', () => {
    const kernel = new Kernel({ branch: 'main' });
    const request = body(40, [
      [8, 77],
      [16, 4096],
    ]);
    expect(kernel.ask(operation.readdir, 1, request).error).toBe(errno.EINVAL);
  });

  test('a cookie of one listing goes on in another, also after changes', () => {
    const kernel = new Kernel({ branch: 'main' });
    for (let index = 0; index < 40; index++) kernel.make(1, `n${String(index).padStart(2, '0')}`);
    const first = names(kernel, 0n);
    const cookie = first.find((entry) => entry.name === 'n09')!.next;
    for (const name of ['n03', 'n09', 'n11']) kernel.ask(operation.unlink, 1, body(0, [], name));
    kernel.make(1, 'a');
    kernel.make(1, 'n105');
    const again = names(kernel, 0n).map((entry) => entry.name);
    expect(again.slice(0, 6)).toEqual(['.', '..', 'a', 'n00', 'n01', 'n02']);
    expect(
      names(kernel, cookie)
        .map((entry) => entry.name)
        .slice(0, 3),
    ).toEqual(['n10', 'n105', 'n12']);
    const known = new Map(first.map((entry) => [entry.name, entry.next]));
    for (const { name, next } of names(kernel, 0n)) if (known.has(name)) expect(next).toBe(known.get(name));
  });
});

describe('all branches', () => {
  test('each branch has nodes of its own, and snapshots lie apart', () => {
    const kernel = new Kernel();
    kernel.pool.forkSync('main', 'work');
    kernel.pool.snapshotSync('main', 'before');
    const nodeOf = (
      parent: number | { slot: number; inode: number },
      name: string,
    ): { slot: number; inode: number } => {
      const answer = kernel.ask(operation.lookup, parent, body(0, [], name));
      expect(answer.error, name).toBe(0);
      return { slot: answer.view.getUint32(4, true) >>> 12, inode: answer.view.getUint32(0, true) };
    };
    const main = nodeOf(1, 'main');
    const work = nodeOf(1, 'work');
    expect(main.slot).not.toBe(work.slot);
    expect([main.inode, work.inode]).toEqual([1, 1]);
    expect(kernel.ask(operation.mkdir, work, body(8, [[0, 0o755]], 'here')).error).toBe(0);
    expect(kernel.ask(operation.lookup, main, body(0, [], 'here')).view.getBigUint64(0, true)).toBe(0n);
    expect(kernel.ask(operation.lookup, 1, body(0, [], 'before')).error).toBe(errno.ENOENT);
    const before = nodeOf(nodeOf(1, '.snapshots'), 'before');
    expect(kernel.ask(operation.mkdir, before, body(8, [[0, 0o755]], 'no')).error).toBe(errno.EROFS);
    expect(
      kernel.ask(
        operation.rename,
        main,
        body(
          8,
          [
            [0, 1],
            [4, nodeHighOf(work.slot, 1)],
          ],
          'a',
          'b',
        ),
      ).error,
    ).toBe(errno.EXDEV);
    expect(kernel.ask(operation.mkdir, 1, body(8, [[0, 0o755]], 'new')).error).toBe(errno.EPERM);
  });

  test('a name that begins with a byte order mark is found, and listed, as it is', () => {
    const kernel = new Kernel();
    kernel.pool.forkSync('main', '\u{feff}work');
    expect(kernel.ask(operation.lookup, 1, body(0, [], '\u{feff}work')).error).toBe(0);
    expect(kernel.ask(operation.lookup, 1, body(0, [], 'work')).error).toBe(errno.ENOENT);
    const listed = kernel.ask(operation.readdir, 1, body(40, [[16, 4096]]));
    expect(Buffer.from(listed.body).includes(Buffer.from('\u{feff}work'))).toBe(true);
  });

  test('a fork appears at once; a dropped branch is stale', () => {
    const kernel = new Kernel();
    const absent = kernel.ask(operation.lookup, 1, body(0, [], 'late'));
    expect(absent.error).toBe(errno.ENOENT);
    kernel.pool.forkSync('main', 'late');
    const found = kernel.ask(operation.lookup, 1, body(0, [], 'late'));
    expect(found.view.getBigUint64(16, true)).toBe(0n);
    const node = { slot: found.view.getUint32(4, true) >>> 12, inode: 1 };
    kernel.pool.dropSync('late');
    expect(kernel.ask(operation.getattr, node, new Uint8Array(16)).error).toBe(errno.ESTALE);
    expect(kernel.ask(operation.lookup, 1, body(0, [], 'late')).error).toBe(errno.ENOENT);
  });
});

test('a rollback makes the kernel forget what it knows', async () => {
  const kernel = new Kernel({ branch: 'main' });
  kernel.pool.snapshotSync('main', 'before');
  kernel.make(1, 'file');
  kernel.pool.rollbackSync('main', 'before');
  expect(kernel.ask(operation.lookup, 1, body(0, [], 'file')).view.getBigUint64(0, true)).toBe(0n);
  // A branch tells of its changes in a microtask.
  await Promise.resolve();
  const codes = kernel.messages.map((message) => new DataView(message.buffer).getInt32(4, true));
  expect(codes).toContain(8);
  expect(codes.filter((code) => code === 2).length).toBeGreaterThanOrEqual(2);
});

test('while the kernel is being told to forget all, it is told but once more, however much changes', async () => {
  const kernel = new Kernel({ branch: 'main' });
  const waiting: (() => void)[] = [];
  let epochs = 0;
  const invalidator = new Invalidator(kernel.server, {
    send(message) {
      if (new DataView(message.buffer).getInt32(4, true) === 8) epochs++;
    },
    settled: () => new Promise((resolve) => waiting.push(resolve)),
  });
  for (let index = 0; index < 50; index++) invalidator.changed(0, undefined);
  expect(epochs).toBe(1);
  let isSettled = false;
  const settled = invalidator.settled().then(() => {
    isSettled = true;
  });
  expect(isSettled).toBe(false);
  while (!isSettled) {
    for (const resolve of waiting.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await settled;
  expect(epochs).toBe(2);
});

test('whatever arrives is answered, and the branch stays whole', () => {
  const kernel = new Kernel({ branch: 'main', server: { maxWriteBytes: 16 * 1024 } });
  for (let index = 0; index < 20; index++) kernel.make(1, `file${index}`);
  const word = fc.oneof(
    fc.integer({ min: 0, max: 64 }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.constant(0x7fff_ffff),
  );
  const name = fc.constantFrom('file1', 'file2', 'new', 'x/y', '', '..', 'n'.repeat(300));
  const codes = fc.integer({ min: 0, max: 60 });
  const extra = fc.uint8Array({ maxLength: 64 });
  const requests = fc.tuple(codes, word, fc.array(word, { maxLength: 24 }), fc.array(name, { maxLength: 2 }), extra);
  fc.assert(
    fc.property(requests, ([code, node, words, list, tail]) => {
      const head = body(
        words.length * 4,
        words.map((value, index) => [index * 4, value] as const),
        ...list,
      );
      kernel.raw(kernel.packet(code, node, new Uint8Array([...head, ...tail])));
    }),
    { numRuns: 5000 },
  );
  kernel.server.end();
  expect(kernel.exists(1)).toBe(true);
  expect(kernel.pool.checkSync()).toMatchObject({ ok: true });
});
