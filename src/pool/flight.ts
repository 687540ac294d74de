/**
 * A sealed commit on its way to durability: flush, superblock, flush; the first flush is left out if the superblock lists all that
 * it would be for. Other operations go on meanwhile.
 * Whoever performs `request` must call `advance` once, and only if it is still the present one; a failure ends the flight.
 */

import { pageOffset } from '../core/bytes.ts';
import type { PageRuns } from '../core/counts.ts';
import { encodeSuperblock, NO_COMPANIONS, type Superblock, superblockSlot } from '../core/superblock.ts';
import type { DeviceRequest } from './device.ts';
import type { PoolState } from './state.ts';
import { performSync, type Steps, type WaitRequest } from './steps.ts';

export interface Sealed {
  readonly superblock: Superblock;
  /** Everything that the superblock refers to, but for its companions, is durable. */
  readonly flushesOnce: boolean;
  /** Pages freed while it was built. */
  readonly held: PageRuns;
}

export class Flight {
  /** The step to perform next; undefined once the flight has ended, well or not. */
  request: DeviceRequest | undefined;
  readonly landing: WaitRequest;
  private readonly state: PoolState;
  private readonly sealed: Sealed;
  private readonly page: Uint8Array;
  private readonly rest: DeviceRequest[];
  /** Writes before this flight: its last flush makes them durable. */
  private readonly writes: number;
  private land: () => void = () => {};

  constructor(state: PoolState, sealed: Sealed) {
    this.state = state;
    this.sealed = sealed;
    this.writes = state.writes;
    const { superblock, flushesOnce } = sealed;
    const offset = pageOffset(superblockSlot(superblock.commit));
    this.page = encodeSuperblock(superblock, state.store.hash);
    this.rest = [{ kind: 'write', offset, pieces: [this.page] }, { kind: 'flush' }];
    this.request = flushesOnce ? this.rest.shift() : { kind: 'flush' };
    const until = new Promise<void>((resolve) => {
      this.land = resolve;
    });
    this.landing = { kind: 'wait', until, finishSync: () => this.finishSync() };
  }

  /** The present request was performed. */
  advance(): void {
    this.request = this.rest.shift();
    if (this.request === undefined) this.end();
  }

  /** The present request failed: nobody knows what is on the device now. */
  fail(error: unknown): void {
    this.state.poisonBy(error);
    this.request = undefined;
    this.state.flight = undefined;
    this.land();
  }

  /** Performs what is left, unless somebody else does so first. */
  *steps(): Steps<void> {
    while (this.request !== undefined) {
      const { request } = this;
      try {
        yield request;
      } catch (error) {
        this.fail(error);
        throw error;
      }
      if (this.request === request) this.advance();
    }
  }

  private finishSync(): void {
    while (this.request !== undefined) {
      try {
        performSync(this.state.device, this.request);
      } catch (error) {
        this.fail(error);
        throw error;
      }
      this.advance();
    }
  }

  private end(): void {
    const { state, sealed } = this;
    const { commit, pageCount, companions } = sealed.superblock;
    state.durable = commit;
    state.unsettled = companions === NO_COMPANIONS ? undefined : this.page;
    state.flushedWrites = this.writes;
    state.store.counts.free(state.heldPages);
    state.heldPages = sealed.held;
    state.previousPages = state.durablePages;
    state.durablePages = pageCount;
    state.flight = undefined;
    this.land();
  }
}
