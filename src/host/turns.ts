/**
 * Long work in small steps, run to its end at once or in turns with others.
 * Callers must not touch what the work reads and writes between its turns.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** How long the asynchronous form works before it lets others run. */
const TURN_MS = 12;

/** Work that yields undefined after each step, or other such work that is to be done first. */
export interface Nested extends Generator<Nested | undefined, void> {}

/** All of nested work, step by step. However deep it goes, it takes memory for it and no stack, as a tree of directories may be deep. */
export function* unfolded(top: Nested): Generator<void> {
  const open = [top];
  for (let innermost = open.at(-1); innermost !== undefined; innermost = open.at(-1)) {
    const { done, value } = innermost.next();
    if (done === true) open.pop();
    else if (value !== undefined) open.push(value);
    else yield;
  }
}

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
