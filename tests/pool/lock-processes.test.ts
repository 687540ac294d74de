/** The lock between real processes, which are killed with signal 9 at every step of taking it. Callers: vitest only. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { acquireLock, type Lock } from '../../src/pool/lock.ts';
import { compiled } from '../compiled.ts';

const contender = fileURLToPath(compiled('tests/pool/lock-contender.ts'));
let directory = '';
let pool = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'byre-lock-'));
  pool = join(directory, 'a.byre');
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

function start(...args: (string | number)[]): ChildProcess {
  return spawn(process.execPath, [contender, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Whether the process got through before it was to die. */
function leaveDeadHolder(): void {
  const lock = acquireLock(pool);
  writeFileSync(lock.path, JSON.stringify({ ...lock.holder, pid: 2 ** 22 + 1 }));
}

function dieAt(call: number): boolean {
  const { stdout, signal } = spawnSync(process.execPath, [contender, 'die', pool, String(call)], { encoding: 'utf8' });
  if (stdout === 'survived\n') return true;
  expect(signal).toBe('SIGKILL');
  return false;
}

/** The lock can be had, alone, and taking over from a dead holder sweeps away all that killed processes had begun to write. */
function expectSound(): void {
  const lock = acquireLock(pool);
  expect(() => acquireLock(pool)).toThrowError(/this process has it open already/);
  lock.release();
  leaveDeadHolder();
  acquireLock(pool).release();
  const left = readdirSync(directory).filter((name) => readFileSync(join(directory, name)).length > 0);
  expect(left).toEqual([]);
}

test('a living holder is named; a killed one is replaced, even before its parent has noticed', async () => {
  const holder = start('hold', pool);
  await once(holder.stdout!, 'data');
  expect(() => acquireLock(pool)).toThrowError(new RegExp(`process ${holder.pid} on .+lock-contender\\.js hold`));
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(existsSync(`${pool}.lock`)).toBe(true);
  expectSound();

  // The parent of this one sleeps and so leaves it a zombie.
  const script = '"$0" "$@" & echo $!; exec sleep 60';
  const parent = spawn('sh', ['-c', script, process.execPath, contender, 'hold', pool], {
    stdio: ['ignore', 'pipe', 2],
  });
  let said = '';
  for await (const text of parent.stdout!) {
    said += text;
    if (said.includes('held') && /\d+\n/.test(said)) break;
  }
  expect(() => acquireLock(pool)).toThrowError(/is locked/);
  process.kill(Number(/\d+/.exec(said)![0]), 'SIGKILL');
  acquireLock(pool).release();
  parent.kill();
  await once(parent, 'exit');
});

test('a holder that was killed is waited for until it is gone', async () => {
  for (let round = 0; round < 20; round++) {
    const holder = start('hold', pool);
    await once(holder.stdout!, 'data');
    holder.kill('SIGKILL');
    acquireLock(pool).release();
    await once(holder, 'exit');
  }
});

test('a process may be killed at any step of taking the lock, or of taking it over', () => {
  let call = 1;
  while (!dieAt(call)) {
    expectSound();
    call++;
  }
  const steps = { taking: call - 1, takingOver: 0 };
  expectSound(); // the survivor has not released it, but has ended
  leaveDeadHolder();
  for (call = 1; !dieAt(call); call++) {
    expectSound();
    leaveDeadHolder();
  }
  steps.takingOver = call - 1;
  expectSound();
  // Enough of them to know that the dying was where it was meant to be.
  expect(steps.taking).toBeGreaterThan(6);
  expect(steps.takingOver).toBeGreaterThan(20);

  // The next one is killed taking over from one who was killed taking over, and so on.
  leaveDeadHolder();
  for (const each of [8, 16, 17, 18, 19, 20, 21, 22, 25, 30]) dieAt(each);
  expectSound();
});

/** A process that has been stopped before that call; undefined if it got through before. */
async function stopAt(call: number): Promise<ChildProcess | undefined> {
  const child = start('stop', pool, call);
  let isThrough = false;
  child.stdout!.once('readable', () => {
    isThrough = true;
  });
  await expect
    .poll(() => isThrough || readFileSync(`/proc/${child.pid}/stat`, 'latin1').includes(') T '), { timeout: 20_000 })
    .toBe(true);
  if (!isThrough) return child;
  child.kill('SIGKILL');
  await once(child, 'exit');
  return undefined;
}

test('of two that take over from a dead holder one gets the lock, wherever the other is stopped meanwhile', async () => {
  vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out'); // who is stopped is not worth waiting for
  const outcomes = { overtaken: 0, kept: 0 };
  for (let call = 1; ; call++) {
    leaveDeadHolder();
    const stopped = await stopAt(call);
    if (stopped === undefined) break;
    let lock: Lock | undefined;
    try {
      lock = acquireLock(pool);
    } catch (error) {
      expect(error).toMatchObject({ code: 'LOCKED', details: { pid: stopped.pid } });
    }
    stopped.kill('SIGCONT');
    const [said] = await once(stopped.stdout!.setEncoding('utf8'), 'data');
    expect(said, `stopped before call ${call}`).toBe(lock === undefined ? 'held\n' : 'refused\n');
    if (lock !== undefined) expect(lock.isHeld()).toBe(true);
    outcomes[lock === undefined ? 'kept' : 'overtaken']++;
    stopped.kill('SIGKILL');
    await once(stopped, 'exit');
    lock?.release();
    expectSound();
  }
  expect(outcomes.overtaken).toBeGreaterThan(20);
  expect(outcomes.kept).toBeGreaterThan(3);
});

test('eight processes take the lock 200 times, some are killed, and no two ever hold it at once', async () => {
  let turns = 0;
  let kills = 0;
  const met: string[] = [];
  const run = async (): Promise<void> => {
    while (turns < 200 || kills <= 8) {
      const child = start('contend', pool, 1000);
      let killer: NodeJS.Timeout | undefined;
      child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.trim().split('\n')) {
          if (line === 'turn') turns++;
          else if (line === 'ready') killer = setTimeout(() => child.kill('SIGKILL'), Math.random() * 500);
          else met.push(line);
        }
        if ((turns >= 200 && kills > 8) || met.length > 0) child.kill('SIGKILL');
      });
      await once(child, 'exit');
      clearTimeout(killer);
      kills++;
      if (met.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: 8 }, run));
  expect(met).toEqual([]);
  expect(turns).toBeGreaterThanOrEqual(200);
  expect(kills).toBeGreaterThan(8);
  rmSync(`${pool}.witness`, { force: true });
  expectSound();
});
