/** Requests that no honest kernel sends: each gets the errno that fits, or no answer, and the server goes on. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { body, Kernel } from '../../../tests/mount/kernel.ts';
import { errno } from '../codec/errno.ts';
import { operation } from '../codec/protocol.ts';

const MOST = 0xffff_ffff;
/** Beyond the end there is neither data nor hole. */
const ENXIO = 6;
const long = (bytes: number): string => 'n'.repeat(bytes);

/** A request with so many fixed bytes, fields in them, and names: what it is answered with. */
type Case = readonly [what: string, code: number, body: Uint8Array, answer: number];

const cases: readonly Case[] = [
  ['a name with a slash', operation.lookup, body(0, [], 'a/b'), errno.EINVAL],
  ['a slash alone', operation.mkdir, body(8, [[0, 0o755]], '/'), errno.EINVAL],
  ['an empty name', operation.mknod, body(16, [[0, 0o100644]], ''), errno.EINVAL],
  ['a name that begins with NUL', operation.unlink, body(0, [], '\0file'), errno.EINVAL],
  ['a NUL within a name ends it', operation.lookup, body(0, [], 'file\0rest'), 0],
  ['dot', operation.rmdir, body(0, [], '.'), errno.EINVAL],
  ['dot dot', operation.lookup, body(0, [], '..'), errno.EINVAL],
  ['a name of 255 bytes', operation.unlink, body(0, [], long(255)), errno.ENOENT],
  ['a name of 256 bytes', operation.unlink, body(0, [], long(256)), errno.ENAMETOOLONG],
  ['a second name of 256 bytes', operation.rename, body(8, [[0, 1]], 'file', long(256)), errno.ENAMETOOLONG],
  ['a second name with a slash', operation.rename2, body(16, [[0, 1]], 'file', 'a/b'), errno.EINVAL],
  ['no second name', operation.rename, body(8, [[0, 1]], 'file'), errno.EINVAL],
  ['a name without its NUL', operation.lookup, new TextEncoder().encode('file'), errno.EINVAL],
  ['a target of 4096 bytes', operation.symlink, body(0, [], 'link', long(4096)), errno.ENAMETOOLONG],
  ['an attribute name of 256 bytes', operation.getxattr, body(8, [[0, 100]], long(256)), errno.ERANGE],
  ['a body cut short', operation.setattr, new Uint8Array(87), errno.EINVAL],
  ['no body', operation.read, new Uint8Array(0), errno.EINVAL],
  ['a write of more than came', operation.write, body(40, [[16, 1]]), errno.EINVAL],
  ['a write of all there could be', operation.write, body(40, [[16, MOST]]), errno.EINVAL],
  ['a value of more than came', operation.setxattr, body(8, [[0, MOST]], 'user.x'), errno.EINVAL],
  ['a type that is none', operation.mknod, body(16, [[0, 0o170000]], 'new'), errno.EINVAL],
  [
    'a rename with flags that are none',
    operation.rename2,
    body(
      16,
      [
        [0, 1],
        [8, 8],
      ],
      'file',
      'new',
    ),
    errno.EINVAL,
  ],
  [
    'a rename into another mount',
    operation.rename,
    body(
      8,
      [
        [0, 1],
        [4, MOST],
      ],
      'file',
      'new',
    ),
    errno.EXDEV,
  ],
  ['a link to what is not there', operation.link, body(8, [[0, MOST]], 'new'), errno.ENOENT],
  [
    'a cookie that was not given',
    operation.readdir,
    body(40, [
      [8, MOST],
      [12, MOST],
      [16, 4096],
    ]),
    errno.EINVAL,
  ],
  ['opcode 0', 0, new Uint8Array(64), errno.ENOSYS],
  ['the opcode after the last', 54, new Uint8Array(64), errno.ENOSYS],
  ['CUSE', 4096, new Uint8Array(64), errno.ENOSYS],
  ['the largest opcode', MOST, new Uint8Array(64), errno.ENOSYS],
];

test.each(cases)('%s', (_what, code, bytes, answer) => {
  const kernel = new Kernel({ branch: 'main' });
  kernel.make(1, 'file');
  expect(kernel.ask(code, 1, bytes).error).toBe(answer);
  expect(kernel.exists(1)).toBe(true);
});

test('sizes and offsets beyond everything', () => {
  const kernel = new Kernel({ branch: 'main' });
  const file = kernel.make(1, 'file');
  kernel.write(file, 0, 'text');
  expect(kernel.ask(operation.read, file, body(40, [[16, MOST]])).body.length).toBe(4);
  expect(
    kernel.ask(
      operation.read,
      file,
      body(40, [
        [8, MOST],
        [12, MOST],
        [16, MOST],
      ]),
    ).body.length,
  ).toBe(0);
  const beyond = new Uint8Array([
    ...body(40, [
      [8, MOST],
      [12, 0x7fff_ffff],
      [16, 1],
    ]),
    65,
  ]);
  expect(kernel.ask(operation.write, file, beyond).error).toBe(errno.EFBIG);
  const size = body(88, [
    [0, 1 << 3],
    [16, MOST],
    [20, 0x7fff_ffff],
  ]);
  expect(kernel.ask(operation.setattr, file, size).error).toBe(errno.EFBIG);
  expect(
    kernel.ask(
      operation.lseek,
      file,
      body(24, [
        [8, MOST],
        [12, MOST],
        [16, 3],
      ]),
    ).error,
  ).toBe(ENXIO);
  expect(
    kernel.ask(
      operation.fallocate,
      file,
      body(32, [
        [16, MOST],
        [20, MOST],
      ]),
    ).error,
  ).toBe(errno.EFBIG);
  expect(kernel.read(file, 0, 100)).toBe('text');
});

test('what has no header, or lies about its length, or is not to be answered', () => {
  const kernel = new Kernel({ branch: 'main' });
  const whole = kernel.packet(operation.lookup, 1, body(0, [], 'file'));
  for (let length = 0; length < 40; length++) expect(kernel.raw(whole.subarray(0, length))).toBeUndefined();
  for (let length = 40; length < whole.length; length++) {
    expect(kernel.raw(whole.subarray(0, length))?.error).toBe(errno.EINVAL);
  }
  const forgets = body(8, [[0, MOST]]);
  for (const code of [operation.batchForget, operation.forget, operation.interrupt, operation.notifyReply]) {
    expect(kernel.raw(kernel.packet(code, 1, forgets))).toBeUndefined();
    expect(kernel.raw(kernel.packet(code, 1, new Uint8Array(0)))).toBeUndefined();
  }
  expect(kernel.exists(1)).toBe(true);
});

test('requests that are cut, stretched and spoiled at random', () => {
  const kernel = new Kernel({ branch: 'main', server: { maxWriteBytes: 16 * 1024 } });
  const file = kernel.make(1, 'file');
  const name = fc.constantFrom('file', 'new', 'a/b', 'a\0b', '', '.', long(255), long(256), long(5000));
  const spoiled = fc.record({
    code: fc.integer({ min: 0, max: 60 }),
    node: fc.constantFrom(1, file, 2 ** 40),
    fixedBytes: fc.constantFrom(0, 8, 16, 24, 32, 40, 56, 88),
    names: fc.array(name, { maxLength: 3 }),
    cut: fc.option(fc.nat(12_000)),
    length: fc.option(fc.constantFrom(0, 39, 40, 41, 4096, MOST)),
    extension: fc.option(fc.integer({ min: 0, max: 0xffff })),
    words: fc.array(fc.tuple(fc.nat(21), fc.constantFrom(0, 1, 255, 4096, 0x7fff_ffff, MOST)), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(spoiled, ({ code, node, fixedBytes, names, cut, length, extension, words }) => {
      const fields = words.filter(([at]) => at * 4 + 4 <= fixedBytes).map(([at, value]) => [at * 4, value] as const);
      const bytes = kernel.packet(code, node, body(fixedBytes, fields, ...names));
      const view = new DataView(bytes.buffer);
      if (length !== null) view.setUint32(0, length, true);
      if (extension !== null) view.setUint16(36, extension, true);
      kernel.raw(cut === null ? bytes : bytes.subarray(0, cut));
    }),
    { numRuns: 5000 },
  );
  kernel.server.end();
  expect(kernel.exists(1)).toBe(true);
  expect(kernel.pool.checkSync()).toMatchObject({ ok: true });
});
