/**
 * Random list-append transactions, interleaved step by step from a seed, recorded as a history for history.ts.
 * Callers must give a store whose keys hold no lists yet, and must print the seed when a history is judged bad.
 */
import type { Operation, RecordedTransaction } from './history.ts';

export interface Session {
  read(key: string): Promise<readonly number[]> | readonly number[];
  append(key: string, element: number): Promise<void> | void;
  /** Resolves to false if the store refused the commit for a conflict. */
  commit(): Promise<boolean> | boolean;
  abort(): Promise<void> | void;
}

export interface WorkloadOptions {
  readonly seed: number;
  readonly transactions: number;
  readonly keys: number;
  /** How many transactions are open at a time. */
  readonly sessions: number;
  readonly operations: number;
}

/** A stream of numbers in [0, bound) that depends on the seed alone. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

interface Running {
  readonly name: string;
  readonly session: Session;
  readonly began: number;
  readonly operations: Operation[];
  left: number;
}

/** Runs the workload and ends it with a transaction that reads every key. */
export async function runWorkload(
  begin: () => Promise<Session> | Session,
  { seed, transactions, keys, sessions, operations }: WorkloadOptions,
): Promise<RecordedTransaction[]> {
  const random = randomFrom(seed);
  const history: RecordedTransaction[] = [];
  const running: Running[] = [];
  let clock = 0;
  let started = 0;
  let element = 0;
  const end = async (one: Running, wanted: boolean): Promise<void> => {
    const outcome = wanted && (await one.session.commit()) ? 'committed' : 'aborted';
    if (!wanted) await one.session.abort();
    history.push({ name: one.name, outcome, operations: one.operations, began: one.began, ended: ++clock });
    running.splice(running.indexOf(one), 1);
  };
  while (started < transactions || running.length > 0) {
    if (started < transactions && running.length < sessions && random(2) === 0) {
      const began = ++clock;
      running.push({
        name: `T${++started}`,
        session: await begin(),
        began,
        operations: [],
        left: 1 + random(operations),
      });
      continue;
    }
    if (running.length === 0) continue;
    const one = running[random(running.length)];
    if (one.left-- === 0) {
      await end(one, random(10) > 0);
      continue;
    }
    const key = `k${random(keys)}`;
    if (random(2) === 0) {
      await one.session.append(key, ++element);
      one.operations.push({ kind: 'append', key, element });
    } else {
      one.operations.push({ kind: 'read', key, list: [...(await one.session.read(key))] });
    }
  }
  const last: Running = { name: 'last', session: await begin(), began: ++clock, operations: [], left: 0 };
  for (let i = 0; i < keys; i++) {
    last.operations.push({ kind: 'read', key: `k${i}`, list: [...(await last.session.read(`k${i}`))] });
  }
  await end(last, true);
  return history;
}
