/** The two drivers of tasks: they must agree in everything but when. */
import { describe, expect, test } from 'vitest';
import { drive, driveSync, given, type Runner, type Task } from './task.ts';

const runner: Runner = { run: async (operation) => operation(), runSync: (operation) => operation() };

function* adding(count: number, failAt = -1): Task<number> {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    try {
      sum += (yield () => {
        if (i === failAt) throw new Error('no');
        return i;
      }) as number;
    } catch {
      sum += 1000;
    }
  }
  return sum;
}

function* refusing(step: number): Task<void> {
  if (step === 0) throw new Error('refused');
  yield () => step;
}

describe('drivers', () => {
  test('give what steps come to, and throw failures into the task', async () => {
    for (const failAt of [-1, 0, 3, 9]) {
      const expected = failAt < 0 ? 45 : 45 - failAt + 1000;
      expect(driveSync(runner, adding(10, failAt))).toBe(expected);
      expect(await drive(runner, adding(10, failAt))).toBe(expected);
    }
  });

  test('take single operations too', async () => {
    expect(driveSync(runner, () => 7)).toBe(7);
    expect(await drive(runner, () => 7)).toBe(7);
  });

  test('what is thrown before the first step is thrown at once', () => {
    expect(() => driveSync(runner, refusing(0))).toThrow('refused');
    expect(() => drive(runner, refusing(0))).toThrow('refused');
  });

  test('a failure that the task does not catch comes out, and its finally runs', async () => {
    const events: string[] = [];
    const task = function* (): Task<void> {
      try {
        yield () => {
          throw new Error('no');
        };
      } finally {
        yield () => events.push('finally');
      }
    };
    expect(() => driveSync(runner, task())).toThrow('no');
    await expect(drive(runner, task())).rejects.toThrow('no');
    expect(events).toEqual(['finally', 'finally']);
  });

  test('a step that only waits has no synchronous form', async () => {
    const task = function* (): Task<number> {
      return (yield { wait: async () => 5 }) as number;
    };
    expect(await drive(runner, task())).toBe(5);
    expect(() => driveSync(runner, task())).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('given takes promises where it may wait', async () => {
    const task = function* (value: unknown): Task<unknown> {
      return yield given(() => value);
    };
    expect(await drive(runner, task(Promise.resolve(3)))).toBe(3);
    expect(driveSync(runner, task(3))).toBe(3);
    expect(() => driveSync(runner, task(Promise.resolve(3)))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('a long task lets timers have their turn', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 0);
    await drive(runner, adding(50_000));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });
});
