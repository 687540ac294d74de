/**
 * xxhash64 with seed 0, as a WebAssembly module of some 500 bytes that is put together here, when this file is loaded: 64-bit
 * arithmetic in JavaScript is many times slower, and a module that is fetched, or compiled elsewhere, could not be had without waiting.
 * Callers must take the answer out before they ask again.
 */

/** What of WebAssembly is used; Node's types have no more than its name. */
interface Assembly {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Exports };
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Hashes so many bytes of the memory from `DATA` on, and leaves the hash at its beginning. */
  hash(length: number): void;
}

/** Instructions, as bytes. Those of an expression leave one value; its operands stand before it. */
type Code = readonly number[];

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;

/** Where the bytes lie: after the hash, and where 8 bytes at a time are aligned. */
const DATA = 8;
const MEMORY_PAGE_BYTES = 65536;
/** A page of a pool at a time, as a rule. */
const FIRST_MEMORY_PAGES = 1;

/** A number as the format has all of them: 7 bits a byte, the low ones first; the last byte's second bit is the sign. */
function numeral(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt.asIntN(64, value); ; ) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

/** A length, which has no sign. */
function count(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...count(value >>> 7)];
}

const int = (value: number): Code => [0x41, ...numeral(BigInt(value))];
const long = (value: bigint): Code => [0x42, ...numeral(value)];
const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];

const intAdd = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
const isAtMost = (a: Code, b: Code): Code => [...a, ...b, 0x4d];
const isBelow = (a: Code, b: Code): Code => [...a, ...b, 0x49];

const widened = (a: Code): Code => [...a, 0xad];
const add = (a: Code, b: Code): Code => [...a, ...b, 0x7c];
const mul = (a: Code, b: Code): Code => [...a, ...b, 0x7e];
const xor = (a: Code, b: Code): Code => [...a, ...b, 0x85];
const rotl = (a: Code, bits: number): Code => [...a, ...long(BigInt(bits)), 0x89];
/** `a` with its own upper bits mixed in. */
const folded = (local: number, bits: number): Code => xor(get(local), [...get(local), ...long(BigInt(bits)), 0x88]);

/** Loads widen to 64 bits; they say at which alignment (0: none) and how far from the address. */
const load64 = (address: Code, offset = 0): Code => [...address, 0x29, 0, offset];
const load32 = (address: Code): Code => [...address, 0x35, 0, 0];
const load8 = (address: Code): Code => [...address, 0x31, 0, 0];
const store64 = (address: Code, value: Code): Code => [...address, ...value, 0x37, 0, 0];

const END = 0x0b;
const VOID = 0x40;
const when = (condition: Code, then: Code): Code => [...condition, 0x04, VOID, ...then, END];
const whenElse = (condition: Code, then: Code, otherwise: Code): Code => {
  return [...condition, 0x04, VOID, ...then, 0x05, ...otherwise, END];
};
/** Once at least. */
const doWhile = (body: Code, condition: Code): Code => [0x03, VOID, ...body, ...condition, 0x0d, 0, END];

/** The locals: the argument comes first, then ints, then longs. */
const LENGTH = 0;
const AT = 1;
const LIMIT = 2;
const HASH = 3;
const LANES: readonly number[] = [4, 5, 6, 7];
const INTS = 2;
const LONGS = 5;

const round = (lane: Code, input: Code): Code => mul(rotl(add(lane, mul(input, long(PRIME_2))), 31), long(PRIME_1));
const advance = (bytes: number): Code => set(AT, intAdd(get(AT), int(bytes)));
const hashed = (mixed: Code, bits: number, factor: bigint, more: bigint): Code => {
  return set(HASH, add(mul(rotl(xor(get(HASH), mixed), bits), long(factor)), long(more)));
};
/** `body` for each piece of so many bytes that is left. */
const each = (bytes: number, body: Code): Code => {
  const isLeft = isAtMost(intAdd(get(AT), int(bytes)), get(LIMIT));
  return when(isLeft, doWhile([...body, ...advance(bytes)], isLeft));
};

/** Stripes of 32 bytes, in four lanes that know nothing of each other. */
const stripes: Code = [
  ...[PRIME_1 + PRIME_2, PRIME_2, 0n, -PRIME_1].flatMap((first, lane) => set(LANES[lane], long(first))),
  ...each(
    32,
    LANES.flatMap((lane, index) => set(lane, round(get(lane), load64(get(AT), 8 * index)))),
  ),
  ...set(
    HASH,
    [1, 7, 12, 18].map((bits, lane) => rotl(get(LANES[lane]), bits)).reduce((sum, lane) => add(sum, lane)),
  ),
  ...LANES.flatMap((lane) =>
    set(HASH, add(mul(xor(get(HASH), round(long(0n), get(lane))), long(PRIME_1)), long(PRIME_4))),
  ),
];

const body: Code = [
  ...set(AT, int(DATA)),
  ...set(LIMIT, intAdd(int(DATA), get(LENGTH))),
  ...whenElse(isBelow(get(LENGTH), int(32)), set(HASH, long(PRIME_5)), stripes),
  ...set(HASH, add(get(HASH), widened(get(LENGTH)))),
  ...each(8, hashed(round(long(0n), load64(get(AT))), 27, PRIME_1, PRIME_4)),
  ...each(4, hashed(mul(load32(get(AT)), long(PRIME_1)), 23, PRIME_2, PRIME_3)),
  ...each(1, hashed(mul(load8(get(AT)), long(PRIME_5)), 11, PRIME_1, 0n)),
  ...set(HASH, mul(folded(HASH, 33), long(PRIME_2))),
  ...set(HASH, mul(folded(HASH, 29), long(PRIME_3))),
  ...set(HASH, folded(HASH, 32)),
  ...store64(int(0), get(HASH)),
];

const INT = 0x7f;
const LONG = 0x7e;
const sized = (bytes: Code): Code => [...count(bytes.length), ...bytes];
const section = (kind: number, content: Code): Code => [kind, ...sized(content)];
const named = (name: string, kind: number, index: number): Code => {
  return [...sized(Array.from(name, (letter) => letter.charCodeAt(0))), kind, index];
};

const assembled: Code = [
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 1, INT, 0]),
  ...section(3, [1, 0]),
  ...section(5, [1, 0, FIRST_MEMORY_PAGES]),
  ...section(7, [2, ...named('memory', 2, 0), ...named('hash', 0, 0)]),
  ...section(10, [1, ...sized([2, INTS, INT, LONGS, LONG, ...body, END])]),
];

const { Module, Instance } = (globalThis as unknown as { WebAssembly: Assembly }).WebAssembly;
const { memory, hash } = new Instance(new Module(Uint8Array.from(assembled))).exports;

let words = new Uint32Array(memory.buffer, 0, 2);
let data = new Uint8Array(memory.buffer, DATA);

function makeRoom(length: number): void {
  memory.grow(Math.ceil((length - data.length) / MEMORY_PAGE_BYTES));
  words = new Uint32Array(memory.buffer, 0, 2);
  data = new Uint8Array(memory.buffer, DATA);
}

/** The hash of `bytes`, the low word first. The next call overwrites it. */
export function xxhash64(bytes: Uint8Array): Uint32Array {
  if (bytes.length > data.length) makeRoom(bytes.length);
  data.set(bytes);
  hash(bytes.length);
  return words;
}
