/**
 * The wall clock in finer steps than a millisecond, for times of files.
 * Callers must not take it for monotonic: when the system's clock is set, this one follows.
 */
import type { Time } from './ops/view.ts';

/** The two clocks tick apart by less than this; more means that the wall clock was set. */
const DRIFT_MILLISECONDS = 5;

let base = Date.now() - performance.now();

export function now(): Time {
  const wall = Date.now();
  let fine = base + performance.now();
  if (Math.abs(fine - wall) > DRIFT_MILLISECONDS) {
    base += wall - fine;
    fine = wall;
  }
  const seconds = Math.floor(fine / 1000);
  return { seconds, nanoseconds: Math.min(999_999_999, Math.floor((fine - seconds * 1000) * 1_000_000)) };
}
