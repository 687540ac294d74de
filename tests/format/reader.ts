/**
 * Reads a pool from its bytes, by the tables of docs/format.md and nothing else: it must import nothing from the sources.
 * Callers must give it whole pools; what is damaged throws.
 */
import xxhash from 'xxhash-wasm';

const { h64Raw } = await xxhash();
const PAGE = 4096;

export type Cell =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | { readonly kind: 'pages'; readonly pages: number[] };

export interface StoredBranch {
  readonly name: string | number;
  readonly kind: number;
  readonly id: number;
  readonly parentId: number;
  readonly createdMs: number;
  readonly chargedPages: number;
  readonly quotaPages: number;
  readonly reservedPages: number;
  readonly root: TreeRef;
  readonly ancestry: { readonly branchId: number; readonly moment: number; readonly root: TreeRef }[];
}

export interface TreeRef {
  readonly page: number;
  readonly hash: bigint;
}

export class PoolReader {
  readonly superblock: DataView;
  readonly #bytes: Uint8Array;
  readonly #nodeBytes: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const valid = [0, 1].map((page) => this.#view(page * PAGE, PAGE)).filter((slot) => isSuperblock(slot));
    valid.sort((a, b) => number64(b, 16) - number64(a, 16));
    if (valid.length > 1 && !this.#isFinished(valid[0])) valid.shift();
    if (valid.length === 0) throw new Error('no superblock');
    this.superblock = valid[0];
    this.#nodeBytes = this.superblock.getUint32(12, true);
  }

  /** Whether all companions of a superblock are there. */
  #isFinished(superblock: DataView): boolean {
    if (superblock.getBigUint64(136, true) === superblock.getBigUint64(PAGE - 8, true)) return true;
    const [nodes, pages, tailBytes] = [132, 134, 190].map((at) => superblock.getUint16(at, true));
    for (let index = 0; index < nodes + pages; index++) {
      const at = 192 + tailBytes + 12 * index;
      const length = index < nodes ? superblock.getUint32(12, true) : PAGE;
      const offset = superblock.getUint32(at, true) * PAGE;
      if (offset + length > this.#bytes.length) return false;
      if (hashOf(this.#view(offset, length)) !== superblock.getBigUint64(at + 4, true)) return false;
    }
    return true;
  }

  get pageCount(): number {
    return this.superblock.getUint32(40, true);
  }

  /** The branches, snapshots and unnamed forks, in the order of their keys. */
  branches(): StoredBranch[] {
    const found: StoredBranch[] = [];
    this.walk(this.directory, (key, cell) => {
      if (cell.kind !== 'inline') throw new Error('a branch record lies in pages');
      const view = viewOf(cell.bytes);
      if (view.getUint8(0) !== 1) throw new Error('a branch record of another version');
      const name = key[0] === 1 ? new TextDecoder().decode(key.subarray(1)) : Number(viewOf(key).getBigUint64(1));
      const ancestry = Array.from({ length: view.getUint16(2, true) }, (_, index) => {
        const at = 56 + 28 * index;
        return { branchId: number64(view, at), moment: number64(view, at + 8), root: treeRef(view, at + 16) };
      });
      const numbers = { quotaPages: view.getUint32(36, true), reservedPages: view.getUint32(40, true) };
      const [id, createdMs, parentId, chargedPages] = [4, 12, 20, 28].map((at) => number64(view, at));
      found.push({
        name,
        kind: view.getUint8(1),
        id,
        createdMs,
        parentId,
        chargedPages,
        ...numbers,
        root: treeRef(view, 44),
        ancestry,
      });
    });
    return found;
  }

  get directory(): TreeRef {
    return treeRef(this.superblock, 48);
  }

  /** Visits the cells of a tree in order. */
  walk(root: TreeRef, visit: (key: Uint8Array, cell: Cell) => void): void {
    if (root.page === 0) return;
    const { children, cells } = this.node(root);
    for (const child of children) this.walk(child, visit);
    for (const { key, cell } of cells) visit(key, cell);
  }

  /** What a node holds: references to nodes below, or cells and the pages that they refer to. */
  node({ page, hash }: TreeRef): StoredNode {
    const node = this.#view(page * PAGE, this.#nodeBytes);
    if (hashOf(node) !== hash) throw new Error(`node ${page} is damaged`);
    if (node.getUint8(0) !== 0xb7 || node.getUint32(4, true) !== page) throw new Error(`page ${page} is not that node`);
    const prefixBytes = node.getUint16(20, true);
    const prefix = bytesAt(node, this.#nodeBytes - prefixBytes, prefixBytes);
    const found: StoredNode = { children: [], cells: [], pages: [], nodePages: this.#nodeBytes / PAGE };
    for (let slot = 0; slot < node.getUint16(2, true); slot++) {
      const at = node.getUint16(32 + 8 * slot + 4, true);
      const suffixBytes = node.getUint16(32 + 8 * slot + 6, true);
      if (node.getUint8(1) > 0) {
        found.children.push(treeRef(node, at));
        continue;
      }
      const key = new Uint8Array([...prefix, ...bytesAt(node, at + 2, suffixBytes)]);
      const header = node.getUint16(at, true);
      const bytes = bytesAt(node, at + 2 + suffixBytes, header & 0x3fff);
      if (header >> 14 === 0) found.cells.push({ key, cell: { kind: 'inline', bytes } });
      else {
        const pages = this.#contentPages(viewOf(bytes));
        found.pages.push(...pages.filter((each) => each !== 0));
        found.cells.push({ key, cell: { kind: 'pages', pages } });
      }
    }
    return found;
  }

  /** The bytes of a cell: as they are, or those of its pages, with zeros for holes. */
  content(cell: Cell): Uint8Array {
    if (cell.kind === 'inline') return cell.bytes;
    const content = new Uint8Array(cell.pages.length * PAGE);
    for (const [index, page] of cell.pages.entries()) {
      if (page !== 0) content.set(bytesAt(this.#view(page * PAGE, PAGE), 0, PAGE), index * PAGE);
    }
    return content;
  }

  #contentPages(references: DataView): number[] {
    return Array.from({ length: references.byteLength / 8 }, (_, index) => {
      const page = references.getUint32(8 * index, true);
      const checksum = references.getUint32(8 * index + 4, true);
      if (page !== 0 && Number(hashOf(this.#view(page * PAGE, PAGE)) & 0xffffffffn) !== checksum)
        throw new Error(`page ${page} is damaged`);
      return page;
    });
  }

  #view(offset: number, length: number): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + offset, length);
  }

  /** The count of every page below the page count. */
  counts(): Uint32Array {
    const counts = new Uint32Array(this.pageCount);
    const log: Uint8Array[] = [];
    for (let reference = recordRef(this.superblock, 108); reference.pages > 0; ) {
      const record = this.#record(reference, 1);
      log.unshift(record.runs);
      reference = record.previous;
    }
    const base = recordRef(this.superblock, 88);
    if (base.pages > 0) log.unshift(this.#record(base, 2).runs);
    log.push(bytesAt(this.superblock, 192, this.superblock.getUint16(190, true)));
    for (const runs of log) applyRuns(runs, counts);
    return counts;
  }

  /** The pages of the records that hold the counts. */
  recordPages(): number[] {
    const found: RecordRef[] = [];
    for (let reference = recordRef(this.superblock, 108); reference.pages > 0; ) {
      found.push(reference);
      reference = this.#record(reference, 1).previous;
    }
    found.push(recordRef(this.superblock, 88));
    return found.flatMap(({ page, pages }) => Array.from({ length: pages }, (_, index) => page + index));
  }

  #record(reference: RecordRef, kind: number): { readonly runs: Uint8Array; readonly previous: RecordRef } {
    const view = this.#view(reference.page * PAGE, reference.bytes);
    if (hashOf(view) !== reference.hash) throw new Error('a record is damaged');
    if (view.getUint32(0, true) !== 0x6e756f63 || view.getUint32(4, true) !== kind)
      throw new Error('not such a record');
    return { runs: bytesAt(view, 32, view.getUint32(8, true)), previous: recordRef(view, 12) };
  }
}

interface StoredNode {
  readonly children: TreeRef[];
  readonly cells: { readonly key: Uint8Array; readonly cell: Cell }[];
  readonly pages: number[];
  readonly nodePages: number;
}

interface RecordRef {
  readonly page: number;
  readonly pages: number;
  readonly bytes: number;
  readonly hash: bigint;
}

function recordRef(view: DataView, at: number): RecordRef {
  const [page, pages, bytes] = [0, 4, 8].map((field) => view.getUint32(at + field, true));
  return { page, pages, bytes, hash: view.getBigUint64(at + 12, true) };
}

function applyRuns(runs: Uint8Array, counts: Uint32Array): void {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = runs[at++];
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  };
  for (let end = 0; at < runs.length; ) {
    const first = end + next();
    end = first + next() + 1;
    counts.fill(next(), first, end);
  }
}

function isSuperblock(slot: DataView): boolean {
  const magic = new TextDecoder().decode(bytesAt(slot, 0, 8));
  const covered = bytesAt(slot, 0, PAGE - 8)
    .slice()
    .fill(0, 136, 144);
  const isWhole = magic === 'byrepool' && hashOf(viewOf(covered)) === slot.getBigUint64(PAGE - 8, true);
  return isWhole && slot.getUint32(8, true) === 1;
}

function treeRef(view: DataView, at: number): TreeRef {
  return { page: view.getUint32(at, true), hash: view.getBigUint64(at + 4, true) };
}

function hashOf(view: DataView, length = view.byteLength): bigint {
  const hash = h64Raw(bytesAt(view, 0, length));
  return hash === 0n ? 1n : hash;
}

function number64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
