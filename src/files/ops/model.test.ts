/** Random operations on branches and their forks, compared with a plain model after each; then everything is verified. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../tests/files/bare-view.ts';
import { Model, Refusal } from '../../../tests/files/model.ts';
import { poolView } from '../../../tests/files/pool-view.ts';
import { expectBytes, expectSound, readAll } from '../../../tests/files/tree.ts';
import { getAttributes, setAttributes } from './attributes.ts';
import { write } from './content.ts';
import { copyRange } from './copy.ts';
import { create } from './create.ts';
import { parentOf, pathsOf, readDirectory } from './directory.ts';
import { punchHole, seekData, seekHole, zeroRange } from './holes.ts';
import { link, readLink } from './link.ts';
import type { FileType } from './record.ts';
import { rename } from './rename.ts';
import { orphans, releaseOrphan, removeDirectory, unlink } from './unlink.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from './xattrs.ts';

/** One branch and what it should be. */
interface World {
  readonly view: BareView;
  readonly model: Model;
  /** Inodes that were ever made, the removed ones too. */
  readonly inodes: number[];
}

interface Step {
  readonly name: string;
  readonly run: (world: World) => unknown;
  readonly expect: (world: World) => unknown;
}

const pick = (world: World, index: number) => world.inodes[index % world.inodes.length];
const index = fc.nat(60);
const name = fc.constantFrom('a', 'b', 'c', 'd');
const type = fc.constantFrom<FileType>(
  'file',
  'file',
  'file',
  'directory',
  'directory',
  'directory',
  'symlink',
  'fifo',
);
const mode = fc.constantFrom(0o644, 0o755, 0o2755);
const offset = fc.oneof(
  fc.constantFrom(0, 1, 4095, 4096, 8192, 524_287, 524_288, 1_048_576),
  fc.nat(1_200_000),
  fc.nat(3000),
);
const length = fc.oneof(fc.nat(2000), fc.nat(20_000), fc.constantFrom(0, 4096, 524_288, 600_000));
const filler = (bytes: number, seed: number) =>
  Uint8Array.from({ length: bytes }, (_, at) => 1 + ((at * 7 + seed) % 255));

/** Runs an operation that goes in pieces. */
function loop(from: number, to: number, piece: (at: number) => number): void {
  for (let at = from; at < to; ) {
    const done = piece(at);
    if (done === 0) return;
    at += done;
  }
}

const names: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({ parent: index, name, type, mode, size: fc.nat(2000) })
    .map(({ parent, name: to, type: kind, mode: bits, size }) => {
      const content =
        kind === 'file' ? filler(size, 1) : kind === 'symlink' ? bytesOf(`to-${size}`) : new Uint8Array(0);
      const more = kind === 'symlink' ? { target: content } : kind === 'file' ? { content } : {};
      return {
        name: `create ${kind} ${to} in ${parent}`,
        run: ({ view, ...world }: World) => {
          const directory = pick({ view, ...world }, parent);
          const inode = view.run(() =>
            create(view, directory, bytesOf(to), { type: kind, mode: bits, uid: 0, gid: 0, ...more }),
          );
          world.inodes.push(inode);
          return inode;
        },
        expect: (world: World) => {
          const made = world.model.create(pick(world, parent), to, kind, bits, content);
          return (inode: unknown) => made(inode as number);
        },
      };
    }),
  fc.tuple(index, index, name).map(([inode, parent, to]) => ({
    name: `link ${inode} as ${to} in ${parent}`,
    run: (world: World) => world.view.run(() => link(world.view, pick(world, inode), pick(world, parent), bytesOf(to))),
    expect: (world: World) => world.model.link(pick(world, inode), pick(world, parent), to),
  })),
  fc.tuple(index, name).map(([parent, at]) => ({
    name: `unlink ${at} in ${parent}`,
    run: (world: World) => void world.view.run(() => unlink(world.view, pick(world, parent), bytesOf(at))),
    expect: (world: World) => world.model.unlink(pick(world, parent), at),
  })),
  fc.tuple(index, name).map(([parent, at]) => ({
    name: `rmdir ${at} in ${parent}`,
    run: (world: World) => void world.view.run(() => removeDirectory(world.view, pick(world, parent), bytesOf(at))),
    expect: (world: World) => world.model.removeDirectory(pick(world, parent), at),
  })),
  fc
    .tuple(index, name, index, name, fc.constantFrom({}, {}, { noReplace: true }, { exchange: true }))
    .map(([fromParent, from, toParent, to, options]) => ({
      name: `rename ${from} in ${fromParent} to ${to} in ${toParent} ${JSON.stringify(options)}`,
      run: (world: World) => {
        const { view } = world;
        const [a, b] = [pick(world, fromParent), pick(world, toParent)];
        view.run(() => rename(view, a, bytesOf(from), b, bytesOf(to), options));
      },
      expect: (world: World) => world.model.rename(pick(world, fromParent), from, pick(world, toParent), to, options),
    })),
  fc.constant({
    name: 'release orphans',
    run: ({ view }: World) => {
      for (const inode of view.run(() => orphans(view, 0, 1000))) while (!view.run(() => releaseOrphan(view, inode)));
    },
    expect: (world: World) => world.model.releaseAll(),
  }),
);

const contents: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(index, offset, length, index).map(([inode, at, bytes, seed]) => ({
    name: `write ${bytes} at ${at} of ${inode}`,
    run: (world: World) => {
      const { view } = world;
      const all = filler(bytes, seed);
      if (bytes === 0) view.run(() => write(view, pick(world, inode), at, all));
      loop(0, bytes, (done) => view.run(() => write(view, pick(world, inode), at + done, all.subarray(done))));
    },
    expect: (world: World) => world.model.write(pick(world, inode), at, filler(bytes, seed)),
  })),
  fc.tuple(index, offset).map(([inode, size]) => ({
    name: `resize ${inode} to ${size}`,
    run: (world: World) => {
      const { view } = world;
      while (!view.run(() => setAttributes(view, pick(world, inode), { size })));
    },
    expect: (world: World) => world.model.resize(pick(world, inode), size),
  })),
  fc.tuple(index, offset, length, fc.boolean()).map(([inode, from, bytes, grow]) => ({
    name: `${grow ? 'zero' : 'punch'} ${bytes} at ${from} of ${inode}`,
    run: (world: World) => {
      const { view } = world;
      const to = from + bytes;
      const operation = grow ? zeroRange : punchHole;
      let at = view.run(() => operation(view, pick(world, inode), from, to));
      while (at < to) at = view.run(() => operation(view, pick(world, inode), at, to));
    },
    expect: (world: World) => world.model.zero(pick(world, inode), from, from + bytes, grow),
  })),
  fc.tuple(index, offset, index, offset, length).map(([source, from, target, to, bytes]) => ({
    name: `copy ${bytes} at ${from} of ${source} to ${to} of ${target}`,
    run: (world: World) => {
      const { view } = world;
      const [a, b] = [pick(world, source), pick(world, target)];
      const size = view.run(() => copyRange(view, a, from, b, to, 0) + getAttributes(view, a).size);
      // A copy within one file must not go on into what it has just made.
      const total = Math.min(bytes, size - from);
      loop(0, total, (done) => view.run(() => copyRange(view, a, from + done, b, to + done, total - done)));
    },
    expect: (world: World) => world.model.copy(pick(world, source), from, pick(world, target), to, bytes),
  })),
);

const attributes: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(index, fc.nat(0o7777), fc.nat(9)).map(([inode, bits, owner]) => ({
    name: `chmod and chown ${inode}`,
    run: (world: World) =>
      void world.view.run(() => setAttributes(world.view, pick(world, inode), { mode: bits, uid: owner, gid: owner })),
    expect: (world: World) => {
      const node = world.model.inode(pick(world, inode));
      Object.assign(node, { mode: bits, uid: owner, gid: owner, changed: world.model.now });
    },
  })),
  fc.tuple(index, name, fc.constantFrom(0, 10, 900, 5000, 65_536)).map(([inode, key, bytes]) => ({
    name: `set xattr ${key} of ${inode} to ${bytes} bytes`,
    run: (world: World) =>
      world.view.run(() => setXattr(world.view, pick(world, inode), bytesOf(key), filler(bytes, 3))),
    expect: (world: World) => {
      const node = world.model.inode(pick(world, inode));
      node.xattrs.set(key, filler(bytes, 3));
      node.changed = world.model.now;
    },
  })),
  fc.tuple(index, name).map(([inode, key]) => ({
    name: `remove xattr ${key} of ${inode}`,
    run: (world: World) => world.view.run(() => removeXattr(world.view, pick(world, inode), bytesOf(key))),
    expect: (world: World) => {
      const node = world.model.inode(pick(world, inode));
      if (!node.xattrs.delete(key)) throw new Refusal('ENODATA');
      node.changed = world.model.now;
    },
  })),
);

/** Result or code of either side. */
function outcome<T>(run: () => T): { code: string } | { value: T } {
  try {
    return { value: run() };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || code === 'INTERNAL') throw error;
    return { code };
  }
}

function take(world: World, step: Step): void {
  world.model.now = world.view.tick().seconds;
  const before = [...world.inodes];
  const actual = outcome(() => step.run(world));
  const expected = outcome(() => step.expect({ ...world, inodes: before }));
  if ('code' in expected) expect(actual, step.name).toEqual(expected);
  else {
    expect(actual, step.name).not.toHaveProperty('code');
    if ('value' in actual && typeof expected.value === 'function') expected.value(actual.value);
  }
}

function compareWith(world: World): void {
  const { view, model } = world;
  for (const [number, inode] of model.inodes) {
    const actual = view.run(() => getAttributes(view, number));
    expect(actual).toMatchObject({
      type: inode.type,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      links: inode.links,
    });
    expect([number, actual.changeTime.seconds]).toEqual([number, inode.changed]);
    expect([number, actual.modifyTime.seconds]).toEqual([number, inode.modified]);
    expect(actual.size).toBe(inode.bytes.length);
    if (inode.type === 'file') expectBytes(readAll(view, number), inode.bytes);
    if (inode.type === 'file') compareHoles(world, number, inode.bytes);
    if (inode.type === 'symlink') expect(view.run(() => readLink(view, number))).toEqual(inode.bytes);
    const keys = view.run(() => listXattrs(view, number)).map(textOf);
    expect(keys).toEqual([...inode.xattrs.keys()].toSorted());
    for (const [key, value] of inode.xattrs) expectBytes(view.run(() => getXattr(view, number, bytesOf(key)))!, value);
    if (inode.type === 'directory') compareEntries(world, number);
  }
}

function compareEntries({ view, model }: World, number: number): void {
  const entries = view.run(() => readDirectory(view, number, undefined, 1000));
  const expected = [...model.inode(number).entries].map(([at, inode]) => ({
    at,
    inode,
    type: model.inode(inode).type,
  }));
  expect(entries.map(({ name: at, ...rest }) => ({ at: textOf(at), ...rest }))).toEqual(
    expected.toSorted((a, b) => (a.at < b.at ? -1 : 1)),
  );
  for (const { inode, type: kind, name: at } of entries) {
    if (kind === 'directory') expect(view.run(() => parentOf(view, inode))).toBe(number);
    const paths = view.run(() => pathsOf(view, inode));
    expect(paths).toHaveLength(kind === 'directory' ? 1 : model.inode(inode).links);
    expect(paths.some((path) => textOf(path.at(-1)!) === textOf(at))).toBe(true);
  }
}

/** What seeking says is a hole must be zeros; data may be anything. */
function compareHoles({ view }: World, number: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const from = at;
    const data = outcome(() => view.run(() => seekData(view, number, from)));
    const to = 'code' in data ? bytes.length : data.value;
    expect(bytes.subarray(from, to).every((byte) => byte === 0)).toBe(true);
    at = to < bytes.length ? view.run(() => seekHole(view, number, to)) : to;
  }
}

const steps = fc.array(
  fc.record({
    world: fc.nat(2),
    forkNow: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
    step: fc
      .oneof({ weight: 5, arbitrary: names }, { weight: 3, arbitrary: contents }, { weight: 1, arbitrary: attributes })
      .map((each) => ({ ...each, [fc.toStringMethod]: () => each.name })),
  }),
  { minLength: 1, maxLength: 80, size: 'max' },
);

function playOut(first: BareView, run: readonly { world: number; forkNow: boolean; step: Step }[]): World[] {
  const worlds: World[] = [{ view: first, model: new Model(), inodes: [1] }];
  for (const { world: at, step, forkNow } of run) {
    const world = worlds[at % worlds.length];
    if (forkNow && worlds.length < 3) {
      worlds.push({ view: world.view.fork(), model: world.model.fork(), inodes: [...world.inodes] });
    }
    take(world, step);
  }
  for (const world of worlds) {
    compareWith(world);
    expectSound(world.view);
  }
  return worlds;
}

describe('random operations', () => {
  test.each([4096, 8192])(
    'do what the model does, on branches and forks, with nodes of %i bytes',
    (nodeBytes) => {
      fc.assert(
        fc.property(steps, (run) => void playOut(bareView({ faultRate: 0.01, nodeBytes }), run)),
        { numRuns: 30 },
      );
    },
    120_000,
  );

  test('do it in a pool that keeps next to nothing in memory', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(4096, 8192), (run, nodeBytes) => {
        const { first, finish } = poolView(nodeBytes);
        playOut(first, run);
        finish();
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});
