/**
 * An explicit snapshot of a database: a held state of its branch.
 * Callers must close it; reads that are under way delay that.
 */
import { AbstractSnapshot } from 'abstract-level';
import type { HeldState } from '../tables/held.ts';

// The types leave the constructor out, which takes the options.
const Base = AbstractSnapshot as unknown as new (options: object) => AbstractSnapshot;

export class LevelSnapshot extends Base {
  readonly state: HeldState;

  constructor(state: HeldState, options: object) {
    super(options);
    this.state = state;
  }

  async _close(): Promise<void> {
    this.state.release();
  }
}
