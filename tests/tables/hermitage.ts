/**
 * The Hermitage interleavings (after Martin Kleppmann's test suite for isolation levels) as data: what each step of each transaction
 * must see, and which commit must be refused, at snapshot isolation and at serializable.
 * Callers must begin every case with the rows 1 -> 10 and 2 -> 20, run its steps in order, and then compare the rows with `after`.
 */
export type Level = 'snapshot' | 'serializable';

/** A predicate over rows. */
export type Predicate = (value: number, key: number) => boolean;

export type Step =
  | { readonly by: string; readonly begin: true }
  | { readonly by: string; readonly put: readonly [key: number, value: number] }
  | { readonly by: string; readonly get: number; readonly sees: number | undefined }
  | { readonly by: string; readonly where: Predicate; readonly sees: ReadonlyArray<readonly [number, number]> }
  | { readonly by: string; readonly deleteWhere: Predicate; readonly count: number }
  | { readonly by: string; readonly add: number }
  | { readonly by: string; readonly abort: true }
  /** Levels at which the commit must be refused; at the others it must succeed. */
  | { readonly by: string; readonly commit: readonly Level[] };

export interface Interleaving {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The rows at the end, at each level. */
  readonly after: Readonly<Record<Level, ReadonlyArray<readonly [number, number]>>>;
}

const begin = (...names: string[]): Step[] => names.map((by) => ({ by, begin: true }));
const put = (by: string, key: number, value: number): Step => ({ by, put: [key, value] });
const get = (by: string, key: number, sees: number | undefined): Step => ({ by, get: key, sees });
const all = (by: string, ...sees: Array<readonly [number, number]>): Step => ({ by, where: () => true, sees });
const commits = (by: string): Step => ({ by, commit: [] });
const refused = (by: string): Step => ({ by, commit: ['snapshot', 'serializable'] });
const refusedIfSerializable = (by: string): Step => ({ by, commit: ['serializable'] });
const abort = (by: string): Step => ({ by, abort: true });
const both = (...rows: Array<readonly [number, number]>) => ({ snapshot: rows, serializable: rows });
const multipleOf3: Predicate = (value) => value % 3 === 0;

export const interleavings: readonly Interleaving[] = [
  {
    name: 'G0: write cycles (dirty writes)',
    steps: [
      ...begin('T1', 'T2'),
      put('T1', 1, 11),
      put('T2', 1, 12),
      put('T1', 2, 21),
      commits('T1'),
      put('T2', 2, 22),
      refused('T2'),
    ],
    after: both([1, 11], [2, 21]),
  },
  {
    name: 'G1a: aborted reads',
    steps: [
      ...begin('T1', 'T2'),
      put('T1', 1, 101),
      all('T2', [1, 10], [2, 20]),
      abort('T1'),
      all('T2', [1, 10], [2, 20]),
      commits('T2'),
    ],
    after: both([1, 10], [2, 20]),
  },
  {
    name: 'G1b: intermediate reads',
    steps: [
      ...begin('T1', 'T2'),
      put('T1', 1, 101),
      all('T2', [1, 10], [2, 20]),
      put('T1', 1, 11),
      commits('T1'),
      all('T2', [1, 10], [2, 20]),
      commits('T2'),
    ],
    after: both([1, 11], [2, 20]),
  },
  {
    name: 'G1c: circular information flow',
    steps: [
      ...begin('T1', 'T2'),
      put('T1', 1, 11),
      put('T2', 2, 22),
      get('T1', 2, 20),
      get('T2', 1, 10),
      commits('T1'),
      refusedIfSerializable('T2'),
    ],
    after: {
      snapshot: [
        [1, 11],
        [2, 22],
      ],
      serializable: [
        [1, 11],
        [2, 20],
      ],
    },
  },
  {
    name: 'OTV: observed transaction vanishes',
    steps: [
      ...begin('T1', 'T2'),
      put('T1', 1, 11),
      put('T1', 2, 19),
      put('T2', 1, 12),
      commits('T1'),
      ...begin('T3'),
      get('T3', 1, 11),
      put('T2', 2, 18),
      get('T3', 2, 19),
      refused('T2'),
      get('T3', 2, 19),
      get('T3', 1, 11),
      commits('T3'),
    ],
    after: both([1, 11], [2, 19]),
  },
  {
    name: 'PMP: predicate-many-preceders',
    steps: [
      ...begin('T1', 'T2'),
      { by: 'T1', where: (value) => value === 30, sees: [] },
      put('T2', 3, 30),
      commits('T2'),
      { by: 'T1', where: multipleOf3, sees: [] },
      commits('T1'),
    ],
    after: both([1, 10], [2, 20], [3, 30]),
  },
  {
    name: 'PMP: predicate-many-preceders, for write predicates',
    steps: [
      ...begin('T1', 'T2'),
      { by: 'T1', add: 10 },
      { by: 'T2', deleteWhere: (value) => value === 20, count: 1 },
      commits('T1'),
      refused('T2'),
    ],
    after: both([1, 20], [2, 30]),
  },
  {
    name: 'P4: lost update',
    steps: [
      ...begin('T1', 'T2'),
      get('T1', 1, 10),
      get('T2', 1, 10),
      put('T1', 1, 11),
      put('T2', 1, 11),
      commits('T1'),
      refused('T2'),
    ],
    after: both([1, 11], [2, 20]),
  },
  {
    name: 'P4: a write that changes nothing is a write',
    steps: [...begin('T1', 'T2'), put('T1', 1, 10), put('T1', 2, 5), put('T2', 1, 20), commits('T2'), refused('T1')],
    after: both([1, 20], [2, 20]),
  },
  {
    name: 'G-single: read skew',
    steps: [
      ...begin('T1', 'T2'),
      get('T1', 1, 10),
      get('T2', 1, 10),
      get('T2', 2, 20),
      put('T2', 1, 12),
      put('T2', 2, 18),
      commits('T2'),
      get('T1', 2, 20),
      commits('T1'),
    ],
    after: both([1, 12], [2, 18]),
  },
  {
    name: 'G-single: read skew, with predicate dependencies',
    steps: [
      ...begin('T1', 'T2'),
      {
        by: 'T1',
        where: (value) => value % 5 === 0,
        sees: [
          [1, 10],
          [2, 20],
        ],
      },
      put('T2', 1, 12),
      commits('T2'),
      { by: 'T1', where: multipleOf3, sees: [] },
      commits('T1'),
    ],
    after: both([1, 12], [2, 20]),
  },
  {
    name: 'G-single: read skew, with a write predicate',
    steps: [
      ...begin('T1', 'T2'),
      get('T1', 1, 10),
      all('T2', [1, 10], [2, 20]),
      put('T2', 1, 12),
      put('T2', 2, 18),
      commits('T2'),
      { by: 'T1', deleteWhere: (value) => value === 20, count: 1 },
      refused('T1'),
    ],
    after: both([1, 12], [2, 18]),
  },
  {
    name: 'G2-item: write skew',
    steps: [
      ...begin('T1', 'T2'),
      get('T1', 1, 10),
      get('T1', 2, 20),
      get('T2', 1, 10),
      get('T2', 2, 20),
      put('T1', 1, 11),
      put('T2', 2, 21),
      commits('T1'),
      refusedIfSerializable('T2'),
    ],
    after: {
      snapshot: [
        [1, 11],
        [2, 21],
      ],
      serializable: [
        [1, 11],
        [2, 20],
      ],
    },
  },
  {
    name: 'G2-item: write skew over an absence',
    steps: [
      ...begin('T1', 'T2'),
      get('T1', 4, undefined),
      get('T2', 3, undefined),
      put('T1', 3, 1),
      put('T2', 4, 1),
      commits('T1'),
      refusedIfSerializable('T2'),
    ],
    after: {
      snapshot: [
        [1, 10],
        [2, 20],
        [3, 1],
        [4, 1],
      ],
      serializable: [
        [1, 10],
        [2, 20],
        [3, 1],
      ],
    },
  },
  {
    name: 'G2: anti-dependency cycles, with predicates',
    steps: [
      ...begin('T1', 'T2'),
      { by: 'T1', where: multipleOf3, sees: [] },
      { by: 'T2', where: multipleOf3, sees: [] },
      put('T1', 3, 30),
      put('T2', 4, 42),
      commits('T1'),
      refusedIfSerializable('T2'),
    ],
    after: {
      snapshot: [
        [1, 10],
        [2, 20],
        [3, 30],
        [4, 42],
      ],
      serializable: [
        [1, 10],
        [2, 20],
        [3, 30],
      ],
    },
  },
  {
    name: 'G2: anti-dependency cycle of two edges, through a reader',
    steps: [
      ...begin('T1'),
      all('T1', [1, 10], [2, 20]),
      ...begin('T2'),
      put('T2', 2, 25),
      commits('T2'),
      ...begin('T3'),
      all('T3', [1, 10], [2, 25]),
      commits('T3'),
      put('T1', 1, 0),
      refusedIfSerializable('T1'),
    ],
    after: {
      snapshot: [
        [1, 0],
        [2, 25],
      ],
      serializable: [
        [1, 10],
        [2, 25],
      ],
    },
  },
];
