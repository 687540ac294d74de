/**
 * Keeps the house as ARCHITECTURE.md describes it: who may import whom, what core may not know, how long things may be.
 * A rule is changed here, with the reason in the commit; a source must not be bent to slip past one.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSource, readSources, root, type Source } from './tidy/source.ts';

/** The total order of core: a file imports only files before it. */
const coreOrder = [
  'bytes',
  'fault',
  'record-ref',
  'counts-log',
  'frames',
  'counts',
  'space',
  'store',
  'node',
  'node-write',
  'share',
  'locate',
  'tree',
  'graft',
  'scan',
  'content-layout',
  'prepare',
  'content',
  'seal',
  'diff',
  'merge',
  'usage',
  'check',
  'relocate',
  'directory',
  'superblock',
];

const core = ['src/errors.ts', 'src/core/'];
const pool = [...core, 'src/pool/'];

/**
 * Who may import whom inside the project: the first entry that a file's path begins with holds. A file may import what lies
 * beside it under its own entry, and what begins with one of the names listed.
 */
const layers: ReadonlyArray<{ readonly in: string; readonly may: readonly string[] }> = [
  { in: 'src/errors.ts', may: [] },
  { in: 'src/values/', may: ['src/errors.ts'] },
  { in: 'src/core/', may: core },
  { in: 'src/pool/', may: pool },
  // A face: its operations know core alone; the rest of it, the pool as well. Faces do not know each other, but images use files.
  { in: 'src/files/ops/', may: core },
  { in: 'src/files/', may: pool },
  { in: 'src/tables/ops/', may: core },
  { in: 'src/tables/', may: pool },
  { in: 'src/disks/ops/', may: core },
  { in: 'src/disks/', may: pool },
  { in: 'src/images/ops/', may: [...core, 'src/files/ops/'] },
  { in: 'src/images/', may: [...pool, 'src/files/'] },
  { in: 'src/memory/ops/', may: core },
  { in: 'src/memory/', may: pool },
  // Between the files of a branch and directories of the machine it runs on: import and export.
  { in: 'src/host/', may: [...pool, 'src/files/'] },
  // An adapter to another library's interface, over one face.
  { in: 'src/level/', may: [...pool, 'src/tables/'] },
  // What only the whole can say, of a pool with all its faces.
  { in: 'src/examine.ts', may: ['src/'] },
  // The public entry puts a pool together. Of the programs it knows the mount, for `pool.mount`, and the command line, which others ask of
  // a mounted pool; it loads both when that is called.
  { in: 'src/index.ts', may: ['src/', 'apps/fuse/mount.ts', 'apps/cli/served.ts'] },
  // Programs use what anybody may use, and the faces' own parts where speed asks for it. They do not reach into core.
  { in: 'apps/', may: ['src/errors.ts', 'src/index.ts', 'src/pool/', 'src/host/', ...faces()] },
];

function faces(): string[] {
  return ['files', 'tables', 'disks', 'images', 'memory'].map((face) => `src/${face}/`);
}

/** What the pure parts may not know: the platform, the clock, chance, and waiting. */
const bannedWords = [
  ...['Buffer', 'process', 'console', 'globalThis', 'require'],
  ...['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['Math.random', 'crypto'],
  ...['async', 'await', 'Promise'],
];

/** A Date is a kind of key in a table: a value that is passed in, not the clock. */
const takesDates = /^src\/tables\/ops\/(tuple|tuple-read|index-definition)\.ts$/;

/** Names that say nothing about what a thing is. */
const bannedNameParts = new Set(['util', 'utils', 'helpers', 'manager', 'managers', 'misc', 'stuff']);

const LONGEST_FUNCTION_LINES = 70;
const LONGEST_FILE_LINES = 400;

/** The ratchet: functions that are longer today, as `path name`, and how long. A number may only shrink, and new ones stay out. */
const longerFunctions: Readonly<Record<string, number>> = {};

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The files that package.json exports. */
const entries = new Set(
  Object.values<string | { default: string }>(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : entry.default.replace('./dist/', '').replace(/\.js$/, '.ts'),
  ),
);

const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('tests/');
const isShipped = (file: string) => /^(src|apps)\//.test(file) && !isTest(file);
const isPure = (file: string) => /^src\/(core|[^/]+\/ops)\//.test(file) && !isTest(file);

/** Every complaint of a rule, over the sources that it is about. */
function complaints(about: (file: string) => boolean, rule: (source: Source) => string[]): string[] {
  return sources
    .filter((each) => about(each.path))
    .flatMap((each) => rule(each).map((text) => `${each.path}: ${text}`));
}

/** Rings of imports that remain after compiling, each told once. */
function rings(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) found.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
    if (done.has(file) || trail.includes(file)) return;
    for (const { target, typeOnly } of byPath.get(file)?.imports ?? []) {
      if (target !== undefined && !typeOnly) visit(target, [...trail, file]);
    }
    done.add(file);
  };
  for (const { path: file } of sources) visit(file, []);
  return found;
}

/** `fooBar-baz_2.ts` -> foo, bar, baz, 2, ts */
function nameParts(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

describe('layers', () => {
  test('a file imports only its own layer and what lies below', () => {
    const wrong = complaints(isShipped, (source) => {
      const layer = layers.find((each) => source.path.startsWith(each.in));
      if (layer === undefined) return ['belongs to no layer'];
      const targets = source.imports.flatMap(({ target }) => target ?? []);
      return targets.filter((target) => ![layer.in, ...layer.may].some((prefix) => target.startsWith(prefix)));
    });
    expect(wrong).toEqual([]);
  });

  test('the files of core stand in one order', () => {
    const place = (file: string) => coreOrder.indexOf(path.posix.basename(file, '.ts'));
    const isCore = (file: string) => file.startsWith('src/core/') && !isTest(file);
    const wrong = complaints(isCore, (source) => {
      if (place(source.path) < 0) return ['has no place in the order'];
      const targets = source.imports.flatMap(({ target }) => (target !== undefined && isCore(target) ? target : []));
      return targets.filter((target) => place(target) >= place(source.path)).map((target) => `comes before ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('imports form no ring', () => {
    expect(rings()).toEqual([]);
  });

  test('the pure parts know no platform, clock, chance or waiting', () => {
    const wrong = complaints(isPure, (source) => [
      ...bannedWords.filter((word) => source.words.has(word) && !(word === 'Date' && takesDates.test(source.path))),
      ...source.imports.flatMap(({ specifier, target }) => (target === undefined ? specifier : [])),
    ]);
    expect(wrong).toEqual([]);
  });

  test('what is shipped imports only Node and declared dependencies', () => {
    const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = manifest;
    const declared = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
    const wrong = complaints(isShipped, (source) =>
      source.imports
        .filter(({ specifier, target }) => target === undefined && !specifier.startsWith('node:'))
        .map(({ specifier }) => specifier)
        .filter((name) => !declared.some((each) => name === each || name.startsWith(`${each}/`))),
    );
    expect(wrong).toEqual([]);
  });

  test('docs/dependencies.md tells of every dependency, and of no other', () => {
    const told = readFileSync(path.join(root, 'docs', 'dependencies.md'), 'utf8').matchAll(/^\| \[([^\]]+)\]/gm);
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    const asked = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect([...told].map((match) => match[1]).sort()).toEqual(asked.sort());
  });

  test('only public entries gather what others export', () => {
    expect(
      complaints(isShipped, (source) => (source.isBarrel && !entries.has(source.path) ? ['a barrel'] : [])),
    ).toEqual([]);
  });
});

describe('size', () => {
  test(`a function has at most ${LONGEST_FUNCTION_LINES} lines`, () => {
    const wrong = complaints(
      () => true,
      (source) =>
        source.functions
          .filter((each) => !(isTest(source.path) && each.declaresTests))
          .filter((each) => each.lines > (longerFunctions[`${source.path} ${each.name}`] ?? LONGEST_FUNCTION_LINES))
          .map((each) => `${each.name} (line ${each.line}) has ${each.lines} lines`),
    );
    expect(wrong).toEqual([]);
  });

  test('the ratchet names only functions that are still too long', () => {
    const present = sources.flatMap((source) =>
      source.functions
        .filter((each) => each.lines > LONGEST_FUNCTION_LINES)
        .map((each) => `${source.path} ${each.name} ${each.lines}`),
    );
    const listed = Object.entries(longerFunctions).map(([name, lines]) => `${name} ${lines}`);
    expect(listed.filter((each) => !present.includes(each))).toEqual([]);
  });

  test(`a file has at most ${LONGEST_FILE_LINES} lines`, () => {
    const wrong = complaints(
      () => true,
      (source) => (source.lines > LONGEST_FILE_LINES ? [`${source.lines} lines`] : []),
    );
    expect(wrong).toEqual([]);
  });
});

describe('words', () => {
  test('a file opens by saying what it is, and a shipped one what its caller must not do', () => {
    const wrong = complaints(
      () => true,
      (source) => {
        if (source.opening === '') return ['no opening comment'];
        if (isShipped(source.path) && !/\b(must|not|never|no|only|nothing|cannot)\b/i.test(source.opening))
          return ['no limits'];
        return [];
      },
    );
    expect(wrong).toEqual([]);
  });

  test('names say what a thing is', () => {
    const wrong = complaints(
      () => true,
      (source) =>
        [source.path, ...source.declared].filter((name) => nameParts(name).some((part) => bannedNameParts.has(part))),
    );
    expect(wrong).toEqual([]);
  });

  test('a test that is skipped says why', () => {
    const skips = ['test', 'it', 'describe'].flatMap((name) =>
      ['skip', 'skipIf', 'runIf'].map((how) => `${name}.${how}`),
    );
    const wrong = complaints(isTest, (source) => skips.filter((word) => source.words.has(word)));
    expect(wrong, 'use `needs` of tests/needs.ts').toEqual([]);
  });
});

test('the reader of sources sees what the rules ask about', () => {
  const text = [
    '#!/usr/bin/env node',
    '/** What it is; never do that. */',
    "import { a, type B } from './b.ts';",
    "import type { C } from '../c.ts';",
    "export * from 'other';",
    "const lazy = () => import('./d.ts');",
    'async function long(): Promise<void> {',
    "  await lazy(); // Date in a comment, 'Buffer' in a string",
    '  Math.random();',
    '}',
    "describe('list', () => {",
    "  test('one', () => {});",
    '});',
  ];
  const source = readSource('src/x/a.ts', text.join('\n'));
  expect(source.opening).toBe(text[1]);
  expect(source.lines).toBe(text.length);
  expect(source.imports).toEqual([
    { specifier: './b.ts', target: 'src/x/b.ts', typeOnly: false },
    { specifier: '../c.ts', target: 'src/c.ts', typeOnly: true },
    { specifier: 'other', typeOnly: false },
    { specifier: './d.ts', target: 'src/x/d.ts', typeOnly: false },
  ]);
  expect(bannedWords.filter((word) => source.words.has(word))).toEqual(['Math.random', 'async', 'await', 'Promise']);
  expect(source.functions).toMatchObject([
    { name: 'lazy', line: 6, lines: 1 },
    { name: 'long', line: 7, lines: 4, declaresTests: false },
    { name: 'function', line: 11, lines: 3, declaresTests: true },
    { name: 'function', line: 12, lines: 1, declaresTests: false },
  ]);
  expect([...source.declared]).toEqual(['lazy', 'long']);
  expect(source.isBarrel).toBe(false);
});
