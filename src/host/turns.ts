/**
 * Long work in small steps, run to its end at once or in turns with others.
 * Callers must not touch what the work reads and writes between its turns.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** How long the asynchronous form works before it lets others run. */
const TURN_MS = 12;

export function finishSync<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

export async function finishInTurns<T>(work: Generator<void, T>): Promise<T> {
  for (let since = Date.now(); ; ) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (Date.now() - since < TURN_MS) continue;
    await turn();
    since = Date.now();
  }
}
