/** The lock within one process, and its judgement of holders it only reads about. Callers: vitest only. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isByreError } from '../errors.ts';
import { acquireLock } from './lock.ts';
import { type LockHolder, newHolder } from './lock-file.ts';

const system = vi.hoisted(() => ({ hasLinks: true, diskType: 0xef53 }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return {
    ...real,
    linkSync: (from: string, to: string) => {
      if (!system.hasLinks) throw Object.assign(new Error('mocked'), { code: 'EPERM', syscall: 'link' });
      real.linkSync(from, to);
    },
    statfsSync: (path: string) => ({ ...real.statfsSync(path), type: system.diskType }),
  };
});

let directory = '';
let pool = '';

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'byre-lock-'));
  pool = join(directory, 'a.byre');
  Object.assign(system, { hasLinks: true, diskType: 0xef53 });
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(directory, { recursive: true });
});

/** A process number that nobody has. */
const NOBODY = 2 ** 22 + 1;

function leave(changes: Partial<Record<keyof LockHolder, unknown>>, suffix = ''): LockHolder {
  const holder = { ...newHolder(), ...changes } as LockHolder;
  fs.writeFileSync(`${pool}.lock${suffix}`, JSON.stringify(holder));
  return holder;
}

function refusal(path = pool): { message: string; details: Record<string, unknown>; code: string } {
  try {
    acquireLock(path);
  } catch (error) {
    if (isByreError(error)) return error;
    throw error;
  }
  throw new Error('the lock was given');
}

test('is given once, and says who holds it', () => {
  const lock = acquireLock(pool);
  expect(lock.path).toBe(`${fs.realpathSync(directory)}/a.byre.lock`);
  expect(fs.readdirSync(directory)).toEqual(['a.byre.lock']);
  expect(JSON.parse(fs.readFileSync(lock.path, 'utf8'))).toEqual(lock.holder);
  expect(lock.holder).toMatchObject({ pid: process.pid, command: expect.stringContaining('node') });
  const refused = refusal();
  expect(refused).toMatchObject({
    code: 'LOCKED',
    details: { pid: process.pid, token: lock.holder.token, lockPath: lock.path },
  });
  expect(refused.message).toContain('this process has it open already');
  expect(lock.isHeld()).toBe(true);
  lock.release();
  lock.release();
  expect(lock.isHeld()).toBe(false);
  expect(fs.readdirSync(directory)).toEqual([]);
  acquireLock(pool).release();
});

test('is one lock for one pool, whatever links lead to it', () => {
  fs.mkdirSync(join(directory, 'deep'));
  fs.symlinkSync('..', join(directory, 'deep', 'up'));
  fs.writeFileSync(pool, '');
  fs.symlinkSync('../a.byre', join(directory, 'deep', 'b.byre'));
  acquireLock(pool);
  expect(refusal(join(directory, 'deep', 'up', 'a.byre')).code).toBe('LOCKED');
  expect(refusal(join(directory, 'deep', 'b.byre')).code).toBe('LOCKED');
});

test('release leaves what another process put there', () => {
  const lock = acquireLock(pool);
  const other = leave({});
  expect(lock.isHeld()).toBe(false);
  lock.release();
  expect(JSON.parse(fs.readFileSync(lock.path, 'utf8')).token).toBe(other.token);
  fs.writeFileSync(lock.path, 'noise');
  lock.release();
  expect(fs.existsSync(lock.path)).toBe(true);
});

test('a holder that is dead is replaced', () => {
  for (const changes of [
    { pid: NOBODY },
    // The number is in use again, by a process that began later.
    ...(newHolder().processStart === null ? [] : [{ processStart: 1 }]),
    { bootId: 'another', pid: 1 },
  ]) {
    const dead = leave(changes);
    const lock = acquireLock(pool);
    expect(lock.holder.token).not.toBe(dead.token);
    expect(fs.readdirSync(directory)).toEqual(['a.byre.lock']);
    lock.release();
  }
});

test('a holder that lives, or about whom nothing can be known, is left alone and told', () => {
  const cases: [Partial<Record<keyof LockHolder, unknown>>, RegExp][] = [
    [
      { pid: process.ppid, processStart: null, command: 'cowherd' },
      /process \d+ on .+ \(cowherd\), since 2\d{3}-.+ remove .+\.lock/,
    ],
    [{ host: 'elsewhere', bootId: 'another', pid: NOBODY }, /another machine or in another container.+remove .+\.lock/],
    [{ pidNamespace: 'pid:[1]', pid: NOBODY }, /another container.+remove .+\.lock/],
  ];
  for (const [changes, message] of cases) {
    leave(changes);
    expect(refusal().message).toMatch(message);
  }
  system.diskType = 0x6969;
  leave({ bootId: 'another', pid: NOBODY });
  expect(refusal().message).toMatch(/another machine of the same name.+remove .+\.lock/);
});

test('another user’s process is alive', () => {
  vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('mocked'), { code: 'EPERM' });
  });
  leave({ pid: NOBODY });
  expect(refusal().code).toBe('LOCKED');
});

test('a lock file that names nobody is an error that says what to do', () => {
  const good = newHolder();
  const damaged = [
    ...['', '{', 'null', '[]', '{}', 'x'.repeat(100_000)],
    ...[{ pid: 0 }, { pid: -1 }, { pid: 1.5 }, { token: '../../x' }, { sinceMs: 1e20 }, { bootId: 1 }].map((changes) =>
      JSON.stringify({ ...good, ...changes }),
    ),
  ];
  for (const text of damaged) {
    fs.writeFileSync(`${pool}.lock`, text);
    const { code, message } = refusal();
    expect(code).toBe('LOCKED');
    expect(message).toMatch(/a\.byre\.lock does not say who holds .+remove that file/);
    expect(fs.readFileSync(`${pool}.lock`, 'utf8')).toBe(text);
  }
  fs.rmSync(`${pool}.lock`);
  fs.mkdirSync(`${pool}.lock`);
  expect(refusal().message).toMatch(/does not say who holds/);
});

test('works where there are no hard links', () => {
  system.hasLinks = false;
  leave({ pid: NOBODY });
  const lock = acquireLock(pool);
  expect(refusal().code).toBe('LOCKED');
  lock.release();
  expect(fs.readdirSync(directory)).toEqual([]);
});

test('what was left behind by the killed is swept away with the lock of one of them, and nothing else is', () => {
  const { token } = leave({ pid: NOBODY });
  leave({ pid: NOBODY }, `.${token}`); // the claim of one who was killed taking over
  leave({ pid: NOBODY }, `.${crypto.randomUUID()}`); // a claim whose lock is gone
  leave({ pid: NOBODY }, `.${crypto.randomUUID()}.draft`);
  const [young, old, alive] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  for (const each of [young, old]) fs.writeFileSync(`${pool}.lock.${each}.draft`, '');
  fs.utimesSync(`${pool}.lock.${old}.draft`, 0, 0);
  leave({}, `.${alive}`);
  leave({ pid: NOBODY }, '.mine');
  acquireLock(pool);
  const kept = ['a.byre.lock', 'a.byre.lock.mine', `a.byre.lock.${alive}`, `a.byre.lock.${young}.draft`];
  expect(fs.readdirSync(directory).sort()).toEqual(kept.sort());
});

test('a place that cannot hold a lock is told', () => {
  expect(refusal(join(directory, 'no', 'a.byre'))).toMatchObject({ code: 'ENOENT' });
  fs.writeFileSync(join(directory, 'file'), '');
  expect(refusal(join(directory, 'file', 'a.byre'))).toMatchObject({ code: 'ENOTDIR' });
  expect(refusal(join(directory, 'x'.repeat(240)))).toMatchObject({ code: 'ENAMETOOLONG' });
});
