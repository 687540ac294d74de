/**
 * What the golden pool of format version 1, `v1.byre`, holds: how it was made, and what must be found in it for ever.
 *
 * `v1.byre` must never be made anew, and what stands here must never change: every later byre has to open that very file. A new
 * format version gets a file and a maker of its own. Callers must not write the file itself, only copies of it.
 */
import type { Branch, Pool } from '../../src/index.ts';

/** Sizes on both sides of what is kept inline, of a page and of a chunk; each file's bytes follow from its name. */
const FILES: Readonly<Record<string, number>> = {
  '/docs/empty': 0,
  '/docs/inline': 900,
  '/docs/page': 4096,
  '/docs/pages': 8000,
  '/docs/ünïcødé 文': 77,
  '/docs/deep/er/still/file': 2100,
};
const SMALL_FILES = 20;
const SPARSE_BYTES = 1_500_000;
const SPARSE_AT = 602_112;
const TIME_S = 1_234_567_890;
const MODE_BITS = 0o7777;

export const indexes = { byCity: { on: 'address.city' }, byTag: { on: 'tags', multi: true } } as const;

export interface Row {
  readonly name: string;
  readonly address: { readonly city: string };
  readonly tags: readonly string[];
}

/** Bytes that follow from a name alone. */
export function bytesFor(name: string, length: number): Uint8Array {
  let state = length + 1;
  for (const character of name) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

function rowOf(n: number): Row {
  return {
    name: `name ${n}`,
    address: { city: ['Aachen', 'Bern', 'Calais'][n % 3] },
    tags: [`t${n % 4}`, `u${n % 5}`],
  };
}

/** Keys of every type, in their order. */
export const keysOfAllTypes = [
  null,
  false,
  true,
  -1.5,
  0,
  2 ** 40,
  -(10n ** 20n),
  7n,
  new Date(86_400_000),
  Uint8Array.of(0, 255, 1),
  '',
  'a\u0000b',
  'é',
  ['eu', 1],
  ['eu', 1, null],
] as const;

function fillMain(main: Branch): void {
  const { files } = main;
  files.mkdirSync('/docs/deep/er/still', { recursive: true });
  for (const [name, length] of Object.entries(FILES)) files.writeFileSync(name, bytesFor(name, length));
  files.mkdirSync('/many');
  for (let n = 0; n < SMALL_FILES; n++) files.writeFileSync(`/many/file-${n}`, `content of ${n}\n`);
  files.symlinkSync('../docs/page', '/many/link');
  files.linkSync('/docs/inline', '/docs/second name');
  files.chownSync('/docs/page', 1000, 4_000_000_000);
  files.chmodSync('/docs/page', 0o4751);
  files.writeFileSync('/sparse', '');
  const fd = files.openSync('/sparse', 'r+');
  files.writeSync(fd, bytesFor('sparse', 3000), 0, 3000, SPARSE_AT);
  files.closeSync(fd);
  files.truncateSync('/sparse', SPARSE_BYTES);
  files.mkfifoSync('/fifo', 0o600);
  files.setXattrSync('/docs', 'user.short', Buffer.from('value'));
  files.setXattrSync('/docs/page', 'user.long', Buffer.from(bytesFor('xattr', 3000)));
  const people = main.table<Row>('people', { indexes });
  for (let n = 0; n < 24; n++) people.putSync(['p', n], rowOf(n));
  const types = main.table<string>('types', { values: 'text' });
  for (const [n, key] of keysOfAllTypes.entries()) types.putSync(key, `value ${n}`);
  main.table<Uint8Array>('bytes', { values: 'bytes' }).putSync('large', bytesFor('row', 4000));
  files.utimesSync('/docs/page', TIME_S + 0.25, -TIME_S);
}

/** Made `v1.byre`, on a new pool of nodes of 4096 bytes that was compacted once more afterwards; kept to show how. */
export function makeGolden(pool: Pool): void {
  // So much room at the beginning that compaction brings everything there.
  pool.createBranchSync('bulk').files.writeFileSync('/bulk', bytesFor('bulk', 1_300_000));
  pool.commitSync();
  fillMain(pool.branchSync('main'));
  pool.commitSync();
  pool.snapshotSync('main', 'first');
  const fork = pool.forkSync('main', 'fork');
  fork.files.writeFileSync('/docs/page', 'changed in fork');
  fork.files.renameSync('/many/file-7', '/docs/seven');
  fork.files.rmSync('/many/file-8');
  fork.table<Row>('people').deleteSync(['p', 3]);
  pool.commitSync();
  pool.branchSync('main').files.writeFileSync('/only in main', 'after the fork');
  pool.mergeSync({ from: 'fork', into: 'main' });
  fork.files.writeFileSync('/only in fork', 'after the merge');
  pool.limitSync('fork', { quotaBytes: 64 << 20, reservationBytes: 0 });
  pool.createBranchSync('empty');
  pool.branchSync('main').files.appendFileSync('/only in main', ', and more');
  pool.dropSync('bulk');
  pool.compactSync();
}

/** What of the golden pool can be named, as plain values. */
export interface Findings {
  readonly [what: string]: unknown;
}

/** Every name below a directory: the content of a file, the target of a link, or what else it is. */
function treeOf(branch: Branch, directory = '/'): Findings {
  const found: Record<string, unknown> = {};
  for (const name of branch.files.readdirSync(directory) as string[]) {
    const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
    const stat = branch.files.lstatSync(path);
    if (stat.isDirectory()) Object.assign(found, { [path]: 'directory' }, treeOf(branch, path));
    else if (stat.isSymbolicLink()) found[path] = `-> ${branch.files.readlinkSync(path)}`;
    else if (stat.isFile()) found[path] = Buffer.from(branch.files.readFileSync(path) as Uint8Array).toString('latin1');
    else found[path] = stat.isFIFO() ? 'fifo' : 'something else';
  }
  return found;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** The tree of a state of the pool, as {@link findings} tells it. */
function expectedTree(state: 'first' | 'fork' | 'main'): Findings {
  const tree: Record<string, unknown> = { '/fifo': 'fifo', '/many/link': '-> ../docs/page' };
  for (const each of ['/docs', '/docs/deep', '/docs/deep/er', '/docs/deep/er/still', '/many']) tree[each] = 'directory';
  for (const [name, length] of Object.entries(FILES)) tree[name] = text(bytesFor(name, length));
  tree['/docs/second name'] = tree['/docs/inline'];
  for (let n = 0; n < SMALL_FILES; n++) tree[`/many/file-${n}`] = `content of ${n}\n`;
  const sparse = new Uint8Array(SPARSE_BYTES);
  sparse.set(bytesFor('sparse', 3000), SPARSE_AT);
  tree['/sparse'] = text(sparse);
  if (state === 'first') return tree;
  tree['/docs/page'] = 'changed in fork';
  tree['/docs/seven'] = tree['/many/file-7'];
  delete tree['/many/file-7'];
  delete tree['/many/file-8'];
  if (state === 'fork') tree['/only in fork'] = 'after the merge';
  else tree['/only in main'] = 'after the fork, and more';
  return tree;
}

/** What byre finds in a state of the pool. */
export function findings(branch: Branch): Findings {
  const { files } = branch;
  const page = files.statSync('/docs/page');
  const people = branch.table<Row>('people', { indexes });
  return {
    tree: treeOf(branch),
    page: [page.mode & MODE_BITS, page.uid, page.gid, page.nlink],
    firstTimes: branch.name === 'first' ? [page.atimeMs, page.mtimeMs] : [],
    links: [
      files.statSync('/docs/inline').nlink,
      files.statSync('/docs/inline').ino === files.statSync('/docs/second name').ino,
    ],
    fifo: files.statSync('/fifo').mode & MODE_BITS,
    xattrs: [files.listXattrsSync('/docs'), text(files.getXattrSync('/docs', 'user.short') as Uint8Array)],
    longXattr: text(files.getXattrSync('/docs/page', 'user.long') as Uint8Array),
    tables: branch.tablesSync(),
    people: [...people.entriesSync()],
    inBern: [...people.index('byCity').keysSync({ prefix: ['Bern'] })],
    tagged: [...people.index('byTag').keysSync({ prefix: ['u2'] })],
    types: [...branch.table<string>('types', { values: 'text' }).entriesSync()],
    bytes: text(branch.table<Uint8Array>('bytes', { values: 'bytes' }).getSync('large') as Uint8Array),
  };
}

/** What it must find. */
export function expectations(state: 'first' | 'fork' | 'main'): Findings {
  const numbers = Array.from({ length: 24 }, (_, n) => n).filter((n) => state === 'first' || n !== 3);
  return {
    tree: expectedTree(state),
    page: [0o4751, 1000, 4_000_000_000, 1],
    firstTimes: state === 'first' ? [TIME_S * 1000 + 250, -TIME_S * 1000] : [],
    links: [2, true],
    fifo: 0o600,
    xattrs: [['user.short'], 'value'],
    longXattr: text(bytesFor('xattr', 3000)),
    tables: ['bytes', 'people', 'types'],
    people: numbers.map((n) => [['p', n], rowOf(n)]),
    inBern: numbers.filter((n) => n % 3 === 1).map((n) => ['p', n]),
    tagged: numbers.filter((n) => n % 5 === 2).map((n) => ['p', n]),
    types: keysOfAllTypes.map((key, n) => [key, `value ${n}`]),
    bytes: text(bytesFor('row', 4000)),
  };
}
