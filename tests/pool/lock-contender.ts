/**
 * A process that takes a pool's lock, for tests/pool/lock-processes.test.ts, which compiles and starts it.
 * Arguments: `hold POOL` takes the lock and waits; `die POOL N` is killed before its N-th call of the file system while it takes
 * the lock, and `stop POOL N` is stopped there; `contend POOL TIMES` takes it that often, and reports whoever was there at the same time.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isByreError } from '../../src/errors.ts';
import { acquireLock, type Lock } from '../../src/pool/lock.ts';

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function interruptAtCall(last: number, signal: 'SIGKILL' | 'SIGSTOP'): void {
  let calls = 0;
  const methods = fs as unknown as Record<string, unknown>;
  for (const name of Object.keys(methods).filter((each) => each.endsWith('Sync'))) {
    const real = methods[name] as (...given: unknown[]) => unknown;
    methods[name] = (...given: unknown[]) => {
      if (++calls === last) process.kill(process.pid, signal);
      return real(...given);
    };
  }
  syncBuiltinESMExports();
}

function take(pool: string): Lock {
  for (;;) {
    try {
      return acquireLock(pool);
    } catch (error) {
      if (!isByreError(error) || error.code !== 'LOCKED') throw error;
      sleep(Math.random() * 3);
    }
  }
}

/** Judged without the code under test. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Makes a file that must not be there, unless whoever made it was killed. */
function enter(witness: string): void {
  for (;;) {
    try {
      fs.writeFileSync(witness, String(process.pid), { flag: 'wx' });
      return;
    } catch {
      const other = Number(fs.readFileSync(witness, 'utf8'));
      // Zero: the witness's author was killed between making and filling it, or is doing that now.
      if (other !== 0 && isAlive(other)) {
        process.stdout.write(`process ${process.pid} met process ${other}\n`);
        process.exit(1);
      }
      fs.unlinkSync(witness);
    }
  }
}

const [, , role, pool, count] = process.argv as [string, string, string, string, string];
if (role === 'hold') {
  acquireLock(pool);
  process.stdout.write('held\n');
  sleep(60_000);
} else if (role === 'die') {
  interruptAtCall(Number(count), 'SIGKILL');
  acquireLock(pool);
  process.stdout.write('survived\n');
} else if (role === 'stop') {
  interruptAtCall(Number(count), 'SIGSTOP');
  try {
    acquireLock(pool);
    process.stdout.write('held\n');
  } catch (error) {
    if (!isByreError(error) || error.code !== 'LOCKED') throw error;
    process.stdout.write('refused\n');
  }
  sleep(60_000);
} else {
  process.stdout.write('ready\n');
  for (let turn = 0; turn < Number(count); turn++) {
    const lock = take(pool);
    enter(`${pool}.witness`);
    sleep(Math.random() * 2);
    fs.unlinkSync(`${pool}.witness`);
    lock.release();
    process.stdout.write('turn\n');
  }
}
