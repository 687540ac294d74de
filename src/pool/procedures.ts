/**
 * Gives each procedure its two public forms from one source: `name` returns a promise, `nameSync` returns at once.
 * A procedure must be a generator function whose first parameter is the pool's state.
 */

import { ByreError } from '../errors.ts';
import type { PoolState } from './state.ts';
import { drive, driveSync, type Steps } from './steps.ts';

// biome-ignore lint/suspicious/noExplicitAny: a procedure may have any parameters; the mapped type below keeps them
type Procedure = (state: PoolState, ...rest: any[]) => Steps<any>;

/** The promise form and the Sync form of every procedure of `P`, without the state parameter. */
export type BothForms<P extends Record<string, Procedure>> = {
  readonly [Name in keyof P & string]: P[Name] extends (state: PoolState, ...rest: infer A) => Steps<infer T>
    ? (...rest: A) => Promise<T>
    : never;
} & {
  readonly [Name in keyof P & string as `${Name}Sync`]: P[Name] extends (
    state: PoolState,
    ...rest: infer A
  ) => Steps<infer T>
    ? (...rest: A) => T
    : never;
};

/** Binds procedures to a pool. */
export function bothForms<P extends Record<string, Procedure>>(state: PoolState, procedures: P): BothForms<P> {
  const forms: Record<string, unknown> = {};
  for (const [name, procedure] of Object.entries(procedures)) {
    forms[name] = async (...rest: unknown[]) => {
      checkOpen(state);
      return drive(state.device, procedure(state, ...rest));
    };
    forms[`${name}Sync`] = (...rest: unknown[]) => {
      checkOpen(state);
      return driveSync(state.device, procedure(state, ...rest));
    };
  }
  return forms as BothForms<P>;
}

function checkOpen(state: PoolState): void {
  if (state.closed) throw new ByreError('CLOSED', `the pool ${state.device.name} is closed: open it again`);
}
