/**
 * How counts are stored: runs of pages with one count each, delta-encoded, in records that form a chain back to a base.
 * Callers must compare a record's hash with its reference before decoding, and must bound the chain themselves.
 * Malformed bytes give a `DAMAGED` error after time linear in their length; they are never believed and never waited for.
 */
import { assert, ByreError } from '../errors.ts';
import { readU32, writeU32 } from './bytes.ts';
import {
  isNoRecord,
  NO_RECORD,
  RECORD_REF_BYTES,
  type RecordRef,
  readRecordRef,
  writeRecordRef,
} from './record-ref.ts';

const TWO_32 = 0x1_0000_0000;
const MAGIC = 0x6e756f63; // "coun"
const AT_KIND = 4;
const AT_RUNS_BYTES = 8;
const AT_PREVIOUS = 12;
export const LOG_HEADER_BYTES = AT_PREVIOUS + RECORD_REF_BYTES;
const KIND_LOG = 1;
const KIND_BASE = 2;
const VARINT_BYTES = 5;

/** `length` pages from `page` on, each referred to by `count` parents. */
export interface CountRun {
  readonly page: number;
  readonly length: number;
  readonly count: number;
}

export interface LogRecord {
  /** A base says what every page's count is (those it does not name are free); a log record only what has changed. */
  readonly kind: 'log' | 'base';
  /** The log record before this one; a base has none. */
  readonly previous: RecordRef;
  /** Encoded runs. */
  readonly runs: Uint8Array;
}

/** Encodes runs that ascend and do not overlap. Touching runs of one count are kept apart: merging is the caller's matter. */
export function encodeRuns(runs: Iterable<CountRun>): Uint8Array {
  let out = new Uint8Array(256);
  let at = 0;
  let end = 0;
  for (const { page, length, count } of runs) {
    assert(page >= end && length >= 1 && page + length <= TWO_32, 'runs of counts must ascend and not overlap');
    assert(Number.isInteger(count) && count >= 0 && count < TWO_32, 'a count must fit 32 bits');
    if (at + 3 * VARINT_BYTES > out.length) {
      const grown = new Uint8Array(out.length * 2);
      grown.set(out);
      out = grown;
    }
    at = writeVarint(out, at, page - end);
    at = writeVarint(out, at, length - 1);
    at = writeVarint(out, at, count);
    end = page + length;
  }
  return out.slice(0, at);
}

/**
 * Calls `visit` for each run in ascending order. Runs must lie below `pageCount`. Bytes that no encoder writes are `DAMAGED`;
 * runs before the flaw have then been visited.
 */
export function decodeRuns(
  bytes: Uint8Array,
  visit: (page: number, length: number, count: number) => void,
  pageCount = TWO_32,
): void {
  let end = 0;
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const start = cursor.at;
    const page = end + readVarint(bytes, cursor);
    const length = readVarint(bytes, cursor) + 1;
    const count = readVarint(bytes, cursor);
    end = page + length;
    if (end > pageCount) {
      throw damaged('a run of counts lies beyond the pool', { offset: start, page, length, pageCount });
    }
    visit(page, length, count);
  }
}

/** The record's bytes, without padding: what its reference's `bytes` and hash are about. */
export function encodeLogRecord({ kind, previous, runs }: LogRecord): Uint8Array {
  assert(kind === 'log' || isNoRecord(previous), 'a base of counts follows no other record');
  const record = new Uint8Array(LOG_HEADER_BYTES + runs.length);
  writeU32(record, 0, MAGIC);
  writeU32(record, AT_KIND, kind === 'log' ? KIND_LOG : KIND_BASE);
  writeU32(record, AT_RUNS_BYTES, runs.length);
  writeRecordRef(record, AT_PREVIOUS, previous);
  record.set(runs, LOG_HEADER_BYTES);
  return record;
}

/** `runs` of the result is a view of `bytes`, which may go on with padding. */
export function decodeLogRecord(bytes: Uint8Array): LogRecord {
  if (bytes.length < LOG_HEADER_BYTES) throw damaged('a record of counts is too short', { bytes: bytes.length });
  if (readU32(bytes, 0) !== MAGIC) throw damaged('a record of counts does not begin as one');
  const kindNumber = readU32(bytes, AT_KIND);
  if (kindNumber !== KIND_LOG && kindNumber !== KIND_BASE) {
    throw damaged('a record of counts is of no known kind', { kind: kindNumber });
  }
  const runsBytes = readU32(bytes, AT_RUNS_BYTES);
  if (runsBytes > bytes.length - LOG_HEADER_BYTES) {
    throw damaged('a record of counts is shorter than it says', { runsBytes, bytes: bytes.length });
  }
  const previous = readRecordRef(bytes, AT_PREVIOUS);
  const runs = bytes.subarray(LOG_HEADER_BYTES, LOG_HEADER_BYTES + runsBytes);
  if (kindNumber === KIND_LOG) return { kind: 'log', previous: isNoRecord(previous) ? NO_RECORD : previous, runs };
  if (!isNoRecord(previous)) throw damaged('a base of counts refers to an earlier record');
  return { kind: 'base', previous: NO_RECORD, runs };
}

function damaged(message: string, details: Record<string, unknown> = {}): ByreError {
  return new ByreError('DAMAGED', message, { details });
}

function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    out[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out[next++] = rest;
  return next;
}

/** Only the shortest form of a value below 2^32 is taken, so that one list of runs has one encoding. */
function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let value = 0;
  let weight = 1;
  for (let index = 0; index < VARINT_BYTES; index++) {
    if (cursor.at >= bytes.length) throw damaged('the counts end within a number', { offset: cursor.at });
    const byte = bytes[cursor.at++];
    value += (byte & 0x7f) * weight;
    weight *= 0x80;
    if (byte < 0x80) {
      const isShortest = byte !== 0 || index === 0;
      if (!isShortest || value >= TWO_32) break;
      return value;
    }
  }
  throw damaged('the counts hold a number that is not well formed', { offset: cursor.at });
}
