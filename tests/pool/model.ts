/**
 * What a pool must hold, as plain maps: branches of cells, with all that makes a difference to a merge.
 * Callers must tell the model of an operation only once the pool has carried it out.
 *
 * Keys that begin with 'c' hold content, all others inline values. Content is kept without the zeros at its end.
 */
import { MAX_ANCESTORS } from '../../src/core/directory.ts';
import { hash64 } from '../../src/pool/hash.ts';

const encoder = new TextEncoder();
const words = new Uint32Array(2);

export interface CellModel {
  readonly bytes: Uint8Array;
  /** Two cells with one stamp surely have the same references; cells with different ones may. */
  readonly stamp: number;
}

interface AncestorModel {
  readonly branchId: number;
  readonly moment: number;
  readonly cells: ReadonlyMap<string, CellModel>;
}

let stamps = 0;

export class BranchModel {
  cells = new Map<string, CellModel>();
  quotaBytes = 0;
  reservationBytes = 0;
  ancestry: AncestorModel[] = [];
  readonly id: number;
  readonly kind: 'branch' | 'snapshot' | 'unnamed';
  #low = 0;
  #high = 0;
  #count = 0;

  constructor(id: number, kind: BranchModel['kind']) {
    this.id = id;
    this.kind = kind;
  }

  get(key: string): Uint8Array | undefined {
    return this.cells.get(key)?.bytes;
  }

  put(key: string, bytes: Uint8Array): void {
    this.place(key, { bytes, stamp: ++stamps });
  }

  /** Puts a cell as it is, stamp included. */
  place(key: string, cell: CellModel): void {
    this.remove(key);
    const bytes = isContent(key) ? trimmed(cell.bytes) : cell.bytes;
    this.cells.set(key, { bytes, stamp: cell.stamp });
    this.#mix(key, bytes);
  }

  /** The keys of cells that are surely there, as they sort. */
  keys(): string[] {
    return [...this.cells]
      .filter(([key, cell]) => !isDoubtful(key, cell))
      .map(([key]) => key)
      .sort();
  }

  remove(key: string): boolean {
    const old = this.cells.get(key);
    if (old === undefined) return false;
    this.cells.delete(key);
    this.#mix(key, old.bytes, -1);
    return true;
  }

  write(key: string, offset: number, bytes: Uint8Array): void {
    const old = this.get(key) ?? new Uint8Array(0);
    const grown = new Uint8Array(Math.max(old.length, offset + bytes.length));
    grown.set(old);
    grown.set(bytes, offset);
    this.put(key, grown);
  }

  truncate(key: string, length: number): void {
    const old = this.get(key);
    if (old === undefined) return;
    if (length === 0) this.remove(key);
    else this.put(key, old.slice(0, length));
  }

  punch(key: string, from: number, to: number): void {
    const old = this.get(key);
    if (old !== undefined) this.put(key, old.slice().fill(0, from, to));
  }

  copy(key: string, to: string, from: BranchModel = this): void {
    const cell = from.cells.get(key);
    if (cell === undefined) this.remove(to);
    else this.place(to, cell);
  }

  /** The whole content becomes that of another branch or of a state of it. */
  replace(cells: ReadonlyMap<string, CellModel>, of?: BranchModel): void {
    this.cells = new Map(cells);
    if (of !== undefined) {
      this.#low = of.#low;
      this.#high = of.#high;
      this.#count = of.#count;
      return;
    }
    this.#low = this.#high = this.#count = 0;
    for (const [key, { bytes }] of cells) this.#mix(key, bytes);
  }

  clone(): BranchModel {
    const copy = new BranchModel(this.id, this.kind);
    copy.replace(this.cells, this);
    copy.quotaBytes = this.quotaBytes;
    copy.reservationBytes = this.reservationBytes;
    copy.ancestry = this.ancestry.slice();
    return copy;
  }

  /** Equal for equal contents, whatever their history. */
  get digest(): string {
    return `${this.kind} ${this.quotaBytes} ${this.reservationBytes} ${digestText(this.#count, this.#low, this.#high)}`;
  }

  /** Mixing twice undoes it. */
  #mix(key: string, bytes: Uint8Array, sign: 1 | -1 = 1): void {
    if (isDoubtful(key, { bytes })) return;
    this.#count += sign;
    hashCell(encoder.encode(key), bytes, words);
    this.#low = (this.#low ^ words[0]) >>> 0;
    this.#high = (this.#high ^ words[1]) >>> 0;
  }
}

/** What of a difference between two keys' cells can be known: some rewritten content may have kept its references. */
function differs(key: string, a: CellModel | undefined, b: CellModel | undefined): boolean[] {
  if (isDoubtful(key, a) && isDoubtful(key, b)) return a?.stamp === b?.stamp ? [false] : [false, true];
  if (a === undefined || b === undefined) return [a !== b];
  if (a.stamp === b.stamp) return [false];
  return sameBytes(a.bytes, b.bytes) ? [false, true] : [true];
}

export class PoolModel {
  readonly branches = new Map<string, BranchModel>();
  limitBytes = 0;
  nextId = 1;
  moment = 1;

  /** A pool with an empty branch main. */
  static fresh(): PoolModel {
    const model = new PoolModel();
    model.branches.set('main', new BranchModel(model.nextId++, 'branch'));
    return model;
  }

  clone(): PoolModel {
    const copy = new PoolModel();
    for (const [name, branch] of this.branches) copy.branches.set(name, branch.clone());
    copy.limitBytes = this.limitBytes;
    copy.nextId = this.nextId;
    copy.moment = this.moment;
    return copy;
  }

  branch(name: string): BranchModel {
    const branch = this.branches.get(name);
    if (branch === undefined) throw new Error(`the model has no branch ${name}`);
    return branch;
  }

  create(name: string): void {
    this.branches.set(name, new BranchModel(this.nextId++, 'branch'));
  }

  fork(from: string, to: string, kind: BranchModel['kind']): void {
    const source = this.branch(from);
    const ancestor = { branchId: source.id, moment: this.moment++, cells: new Map(source.cells) };
    const branch = new BranchModel(this.nextId++, kind);
    branch.replace(source.cells, source);
    branch.ancestry = [ancestor, ...source.ancestry.slice(0, MAX_ANCESTORS - 1)];
    this.branches.set(to, branch);
  }

  rollback(name: string, to: string): void {
    const source = this.branch(to);
    this.branch(name).replace(source.cells, source);
  }

  rename(from: string, to: string): void {
    this.branches.set(to, this.branch(from));
    this.branches.delete(from);
  }

  /** The process has ended. */
  dropUnnamed(): void {
    for (const [name, branch] of this.branches) if (branch.kind === 'unnamed') this.branches.delete(name);
  }

  /** Undefined if the two share no history. */
  commonBase(a: string, b: string): ReadonlyMap<string, CellModel> | undefined {
    const one = this.branch(a);
    const other = this.branch(b);
    if (one === other) return one.cells;
    const shared: AncestorModel[] = [];
    for (const ancestor of one.ancestry) {
      if (ancestor.branchId === other.id) shared.push(ancestor);
      for (const theirs of other.ancestry) {
        if (theirs.branchId !== ancestor.branchId) continue;
        shared.push(theirs.moment < ancestor.moment ? theirs : ancestor);
      }
    }
    for (const ancestor of other.ancestry) if (ancestor.branchId === one.id) shared.push(ancestor);
    return shared.sort((x, y) => y.moment - x.moment)[0]?.cells;
  }

  /**
   * Merges with conflicts decided for `from`. Where the model cannot know whether a cell counts as changed, `actual` tells
   * what became of it, and the model holds that to what is possible.
   */
  merge(from: string, into: string, actual: (key: string) => Uint8Array | undefined): void {
    const theirs = this.branch(from);
    const ours = this.branch(into);
    const base = this.commonBase(from, into);
    if (base === undefined) throw new Error('the model knows no common base');
    for (const key of new Set([...base.keys(), ...theirs.cells.keys(), ...ours.cells.keys()])) {
      const [b, t, o] = [base.get(key), theirs.cells.get(key), ours.cells.get(key)];
      const possible = new Set<CellModel | undefined>();
      // Whether or not ours changed too: conflicts are decided for theirs.
      for (const changed of differs(key, b, t)) possible.add(changed ? t : o);
      const found = possible.size === 1 ? [...possible][0] : this.#chosen(possible, actual(key), key);
      if (found === o && possible.size === 1) continue;
      if (found === undefined) ours.remove(key);
      // Of two cells with the same bytes, nobody knows whose references the result has.
      else if (o !== undefined && sameBytes(o.bytes, found.bytes)) ours.put(key, found.bytes);
      else ours.place(key, found);
    }
    const ancestor = { branchId: theirs.id, moment: this.moment++, cells: new Map(theirs.cells) };
    const others = ours.ancestry.filter(({ branchId }) => branchId !== theirs.id);
    ours.ancestry = [ancestor, ...others].slice(0, MAX_ANCESTORS);
  }

  #chosen(possible: Set<CellModel | undefined>, actual: Uint8Array | undefined, key: string): CellModel | undefined {
    const wanted = actual ?? new Uint8Array(0);
    for (const cell of possible) if (sameBytes(cell?.bytes ?? new Uint8Array(0), wanted)) return cell;
    throw new Error(`a merge made of ${key} what neither side had`);
  }

  /** All named branches, by name: what a pool holds after it was closed and opened. */
  get digest(): string {
    const lines = [...this.branches]
      .filter(([, { kind }]) => kind !== 'unnamed')
      .map(([name, { digest }]) => `${name} ${digest}`);
    return [`limit ${this.limitBytes}`, ...lines.sort()].join('\n');
  }
}

/** Content of nothing but zeros may have a cell or none, unless there never was one. */
function isDoubtful(key: string, cell: { readonly bytes: Uint8Array } | undefined): boolean {
  return cell === undefined || (isContent(key) && cell.bytes.length === 0);
}

export function isContent(key: string): boolean {
  return key.startsWith('c');
}

export function trimmed(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end === bytes.length ? bytes : bytes.slice(0, end);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** One hash for a key and its value. */
export function hashCell(key: Uint8Array, bytes: Uint8Array, out: Uint32Array): void {
  const both = new Uint8Array(1 + key.length + bytes.length);
  both[0] = key.length;
  both.set(key, 1);
  both.set(bytes, 1 + key.length);
  hash64(both, out);
}

export function digestText(cells: number, low: number, high: number): string {
  return `${cells} ${low.toString(36)} ${high.toString(36)}`;
}
