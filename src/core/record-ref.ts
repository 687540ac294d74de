/**
 * A reference to a record: a sealed run of whole pages outside the tree, such as one of the counts log.
 * Callers must compare the record's hash before they believe its bytes; a reference proves nothing by itself.
 */
import { pagesFor, readU32, writeU32 } from './bytes.ts';

export interface RecordRef {
  readonly firstPage: number;
  readonly pages: number;
  /** How many of the pages' bytes the record takes; the hash covers these and no padding. */
  readonly bytes: number;
  readonly hashLow: number;
  readonly hashHigh: number;
}

/** Refers to nothing: all fields are zero. */
export const NO_RECORD: RecordRef = { firstPage: 0, pages: 0, bytes: 0, hashLow: 0, hashHigh: 0 };

export const RECORD_REF_BYTES = 20;

export function isNoRecord(ref: RecordRef): boolean {
  return ref.firstPage === 0 && ref.pages === 0 && ref.bytes === 0 && ref.hashLow === 0 && ref.hashHigh === 0;
}

/** False for what no writer can have meant; `pageCount` is the number of pages of the pool. */
export function isPlausibleRecord(ref: RecordRef, pageCount: number): boolean {
  if (isNoRecord(ref)) return true;
  if (ref.hashLow === 0 && ref.hashHigh === 0) return false;
  if (ref.firstPage < 2 || ref.bytes === 0 || ref.pages !== pagesFor(ref.bytes)) return false;
  return ref.firstPage + ref.pages <= pageCount;
}

export function writeRecordRef(target: Uint8Array, at: number, ref: RecordRef): void {
  writeU32(target, at, ref.firstPage);
  writeU32(target, at + 4, ref.pages);
  writeU32(target, at + 8, ref.bytes);
  writeU32(target, at + 12, ref.hashLow);
  writeU32(target, at + 16, ref.hashHigh);
}

export function readRecordRef(bytes: Uint8Array, at: number): RecordRef {
  return {
    firstPage: readU32(bytes, at),
    pages: readU32(bytes, at + 4),
    bytes: readU32(bytes, at + 8),
    hashLow: readU32(bytes, at + 12),
    hashHigh: readU32(bytes, at + 16),
  };
}
