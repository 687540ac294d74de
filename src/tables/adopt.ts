/**
 * Gives a branch the content of a fork of it: the fast end of a transaction.
 * Callers must run it as an operation, and must release the fork themselves.
 */
import { releaseRoot, shareRoot } from '../core/share.ts';
import type { Root, Store } from '../core/store.ts';

/** False, with nothing changed, if `into` is not on `basePage` any more. */
export function adoptRoot(store: Store, into: Root, from: Root, basePage: number): boolean {
  if (into.page !== basePage) return false;
  if (from.page === basePage) return true;
  store.wrote = true;
  const copy = shareRoot(store, from);
  store.dirtyRoots.delete(copy);
  releaseRoot(store, into);
  into.page = copy.page;
  into.low = copy.low;
  into.high = copy.high;
  store.dirtyRoots.add(into);
  return true;
}
