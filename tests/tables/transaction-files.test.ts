/** Files in transactions: what goes together, what is refused and how it is named, and that no tree of files comes out unsound. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Branch, memoryDevice, openPoolSync, type Pool, type Transaction } from '../../src/index.ts';
import { randomFrom } from './workload.ts';

let pool: Pool;
let main: Branch;

beforeEach(() => {
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
  main = pool.branchSync('main');
});

afterEach(() => {
  expect(pool.checkSync()).toMatchObject({ problems: [] });
  pool.closeSync();
});

const begin = () => main.beginTransactionSync({ durability: 'none' });

/** Two transactions that begin together and commit one after the other; what the second is refused for. */
function both(first: (files: Branch['files']) => void, second: (files: Branch['files']) => void): unknown {
  const [one, two] = [begin(), begin()];
  first(one.branch.files);
  second(two.branch.files);
  one.commitSync();
  try {
    two.commitSync();
    return 'both';
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFLICT' });
    return (error as { details: { keys: unknown } }).details.keys;
  }
}

describe('two transactions', () => {
  beforeEach(() => {
    main.files.mkdirSync('/d/e', { recursive: true });
    main.files.mkdirSync('/f');
    main.files.writeFileSync('/d/old', 'one\ntwo\nthree\nfour\nfive\n');
  });

  test('may both work in one directory', () => {
    const outcome = both(
      (files) => {
        files.writeFileSync('/d/a', 'a');
        files.mkdirSync('/d/sub');
        files.renameSync('/d/old', '/d/new');
      },
      (files) => {
        files.writeFileSync('/d/b', 'b');
        files.rmdirSync('/d/e');
        files.writeFileSync('/top', 'x');
      },
    );
    expect(outcome).toBe('both');
    expect(main.files.readdirSync('/d')).toEqual(['a', 'b', 'new', 'sub']);
    expect(main.files.statSync('/d').nlink).toBe(3);
  });

  test('and tables beside', () => {
    main.table('rows').putSync(0, 0);
    const [one, two] = [begin(), begin()];
    one.branch.files.writeFileSync('/d/a', 'a');
    one.table('rows').putSync(1, 1);
    two.branch.files.writeFileSync('/d/b', 'b');
    two.table('rows').putSync(2, 2);
    one.commitSync();
    two.commitSync();
    expect([...main.table('rows').keysSync()]).toEqual([0, 1, 2]);
    expect(main.files.readdirSync('/d')).toEqual(['a', 'b', 'e', 'old']);
    const three = begin();
    three.branch.files.writeFileSync('/d/c', 'c');
    three.table('rows').putSync(1, 3);
    main.table('rows').putSync(1, 4);
    expect(() => three.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    expect(main.files.existsSync('/d/c')).toBe(false);
  });

  test('may not both make one name, not even alike', () => {
    expect(
      both(
        (files) => files.writeFileSync('/d/lock', 'mine', { flag: 'wx' }),
        (files) => files.writeFileSync('/d/lock', 'mine', { flag: 'wx' }),
      ),
    ).toEqual([{ path: '/d/lock', part: 'entry' }]);
  });

  test('may not both write one file, not even other lines of it, or alike', () => {
    const changed = (text: string) => (files: Branch['files']) => files.writeFileSync('/d/old', text);
    const refused = expect.arrayContaining([{ path: '/d/old', part: 'content' }]);
    expect(both(changed('ONE\ntwo\nthree\nfour\nfive\n'), changed('one\ntwo\nthree\nfour\nFIVE\n'))).toEqual(refused);
    expect(both(changed('same'), changed('same'))).toEqual(refused);
    const attributes = both(
      (files) => files.chmodSync('/d/old', 0o600),
      (files) => files.chownSync('/d/old', 1, 1),
    );
    expect(attributes).toEqual([{ path: '/d/old', part: 'inode' }]);
  });

  test('may not remove a directory that the other writes into', () => {
    const refused = both(
      (files) => files.writeFileSync('/d/e/new', 'x'),
      (files) => files.rmdirSync('/d/e'),
    );
    expect(refused).toEqual(expect.arrayContaining([{ path: '/d/e', part: 'inode' }]));
    expect(
      both(
        (files) => files.rmSync('/f', { recursive: true }),
        (files) => files.writeFileSync('/f/new', 'x'),
      ),
    ).toEqual(expect.arrayContaining([{ path: '/f', part: 'inode' }]));
  });

  test('may not move two directories into each other', () => {
    main.files.mkdirSync('/x');
    main.files.mkdirSync('/y');
    const refused = both(
      (files) => files.renameSync('/x', '/y/x'),
      (files) => files.renameSync('/y', '/x/y'),
    );
    expect(refused).toEqual([expect.objectContaining({ part: 'inode', conflict: 'circle' })]);
    expect(main.files.readdirSync('/y')).toEqual(['x']);
  });

  test('a function that is run again sees the other one', () => {
    main.files.writeFileSync('/n', '0');
    let runs = 0;
    main.transactionSync(
      (tx) => {
        if (runs++ === 0) main.files.writeFileSync('/n', '5');
        tx.branch.files.writeFileSync('/n', String(Number(tx.branch.files.readFileSync('/n', 'utf8')) + 1));
      },
      { retries: 1, durability: 'none' },
    );
    expect(main.files.readFileSync('/n', 'utf8')).toBe('6');
  });
});

/** Something that may be done to files; most of what it may meet is an error, and then nothing happens. */
function act(files: Branch['files'], random: (bound: number) => number, stamp: string): string | undefined {
  const name = () => `/${['a', 'b', 'c'][random(3)]}${['', '/a', '/b', '/a/b', '/b/a'][random(5)]}`;
  const [one, other] = [name(), name()];
  const acts: Array<() => string | undefined> = [
    () => void files.mkdirSync(one),
    () => void files.mkdirSync(one),
    () => {
      files.writeFileSync(`${one}.${stamp}`, stamp);
      return `${one}.${stamp}`;
    },
    () => void files.writeFileSync(one, stamp),
    () => void files.renameSync(one, other),
    () => void files.renameSync(one, other),
    () => void files.rmdirSync(one),
    () => void files.unlinkSync(one),
    () => void files.linkSync(one, other),
    () => void files.symlinkSync(one, other),
    () => void files.chmodSync(one, 0o700 + random(64)),
    () => void files.rmSync(one, { recursive: true, force: true }),
  ];
  try {
    return (acts[random(acts.length)] as () => string | undefined)();
  } catch (error) {
    expect(error).toMatchObject({ errno: expect.any(Number) });
    return undefined;
  }
}

describe('random transactions over one tree of files', () => {
  test.each([1, 2, 3, 4, 5, 6])('seed %i', { timeout: 60_000 }, (seed) => {
    const random = randomFrom(seed);
    const open: { tx: Transaction; made: string[] }[] = [];
    let [committed, refused, stamp] = [0, 0, 0];
    for (let step = 0; step < 600; step++) {
      if (open.length < 3 || random(3) === 0) open.push({ tx: begin(), made: [] });
      const at = random(open.length);
      const { tx, made } = open[at] as (typeof open)[number];
      const path = act(tx.branch.files, random, `${stamp++}`);
      if (path !== undefined) made.push(path);
      if (random(3) > 0) continue;
      open.splice(at, 1);
      const kept = made.filter((each) => tx.branch.files.existsSync(each));
      try {
        tx.commitSync();
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFLICT' });
        refused++;
        continue;
      }
      committed++;
      // It may have moved with a directory that another one moved; it is not gone.
      const texts = kept.map((each) => each.slice(each.lastIndexOf('.') + 1));
      const all = new Set(
        main.files.readdirSync('/', { recursive: true }).map((each) => String(each).split('.').at(-1)),
      );
      for (const text of texts) expect(all.has(text), `${text} of seed ${seed}, step ${step}`).toBe(true);
      if (committed % 5 === 0) expect(pool.checkSync().problems).toEqual([]);
    }
    for (const { tx } of open) tx.abort();
    expect(committed).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(5);
  });
});
