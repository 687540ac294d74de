/**
 * Scenarios: lists of operations, random from a seed or written for a purpose, that are right for a pool with an empty main.
 * Callers must print the seed of a scenario that fails.
 */
import { type RandomNumbers, randomNumbers } from '../simulation/random.ts';
import type { Operation } from './operations.ts';

export interface Profile {
  readonly operations: number;
  /** How many keys of each kind there are to choose from. */
  readonly keys: number;
  /** The longest inline value. */
  readonly valueBytes: number;
  /** Content reaches up to here. */
  readonly contentBytes: number;
  /** How likely each kind of operation is, against the others. */
  readonly weights: Readonly<Partial<Record<Operation['do'] | 'unnamed' | 'many', number>>>;
  readonly mostBranches: number;
}

export const mixed: Profile = {
  operations: 60,
  keys: 40,
  valueBytes: 700,
  contentBytes: 24_000,
  mostBranches: 6,
  weights: {
    ...{ put: 20, remove: 8, write: 12, truncate: 4, punch: 4, copy: 4, many: 3 },
    ...{ fork: 4, snapshot: 3, rollback: 2, rename: 1, drop: 3, merge: 3, unnamed: 3, release: 2, create: 1, renew: 1 },
    ...{ limit: 1, limitPool: 1, commit: 14, reopen: 1, compact: 1, usage: 1 },
  },
};

/** Many commits of little. */
export const commits: Profile = {
  ...mixed,
  operations: 50,
  weights: { ...mixed.weights, commit: 60, many: 1 },
};

/** Branches above all. */
export const forks: Profile = {
  ...mixed,
  mostBranches: 14,
  weights: {
    ...mixed.weights,
    fork: 14,
    snapshot: 8,
    rollback: 8,
    merge: 12,
    unnamed: 8,
    release: 6,
    drop: 8,
    rename: 4,
    renew: 4,
  },
};

/** Pages come and go, in numbers. */
export const growth: Profile = {
  ...mixed,
  operations: 40,
  contentBytes: 200_000,
  weights: { ...mixed.weights, write: 30, truncate: 10, punch: 10, many: 10, drop: 5, reopen: 2 },
};

/** What the generator knows of the pool that its operations make. */
interface Sketch {
  readonly random: RandomNumbers;
  readonly profile: Profile;
  readonly prefix: string;
  branches: string[];
  snapshots: string[];
  unnamed: string[];
  /** Which branches share history, by the number of their family. */
  readonly family: Map<string, number>;
  serial: number;
}

/** A random list of operations; the same for the same seed. With a prefix, all branches' names begin with it, main's too. */
export function scenario(seed: number, profile: Profile, prefix = ''): Operation[] {
  const random = randomNumbers(seed);
  const sketch: Sketch = {
    random,
    profile,
    prefix,
    branches: [`${prefix}main`],
    snapshots: [],
    unnamed: [],
    family: new Map([[`${prefix}main`, 0]]),
    serial: 1,
  };
  const kinds = Object.keys(profile.weights) as Array<keyof Profile['weights']>;
  const total = kinds.reduce((sum, kind) => sum + (profile.weights[kind] ?? 0), 0);
  const operations: Operation[] = [];
  while (operations.length < profile.operations) {
    let at = random.below(total);
    const kind = kinds.find((each) => {
      at -= profile.weights[each] ?? 0;
      return at < 0;
    }) as keyof Profile['weights'];
    operations.push(...make(sketch, kind));
  }
  operations.push({ do: 'commit' });
  return operations;
}

function make(sketch: Sketch, kind: keyof Profile['weights']): Operation[] {
  const { random, profile } = sketch;
  const cellKinds = ['put', 'remove', 'write', 'truncate', 'punch', 'copy', 'many'];
  if (cellKinds.includes(kind)) {
    const on = random.pick([...sketch.branches, ...sketch.unnamed]);
    if (kind !== 'many') return [onCell(sketch, kind, on)];
    return Array.from({ length: 10 + random.below(30) }, () =>
      onCell(sketch, random.pick(['put', 'put', 'put', 'write', 'remove']), on),
    );
  }
  const all = sketch.branches.length + sketch.snapshots.length;
  const makes = kind === 'fork' || kind === 'snapshot' || kind === 'create' || kind === 'unnamed';
  if (makes && (all >= profile.mostBranches || sketch.unnamed.length > 3)) return [];
  return onBranches(sketch, kind);
}

function onBranches(sketch: Sketch, kind: keyof Profile['weights']): Operation[] {
  const { random, prefix } = sketch;
  const others = sketch.branches.filter((name) => name !== `${prefix}main`);
  const named = [...sketch.branches, ...sketch.snapshots];
  const number = sketch.serial++;
  switch (kind) {
    case 'fork':
    case 'snapshot': {
      const from = random.pick(named);
      const to = `${prefix}${kind === 'fork' ? 'fork' : 'snap'}${number}`;
      (kind === 'fork' ? sketch.branches : sketch.snapshots).push(to);
      sketch.family.set(to, sketch.family.get(from) as number);
      return [{ do: kind, from, to }];
    }
    case 'create':
      sketch.branches.push(`${prefix}new${number}`);
      sketch.family.set(`${prefix}new${number}`, number);
      return [{ do: 'create', to: `${prefix}new${number}` }];
    case 'unnamed': {
      const from = random.pick([...named, ...sketch.unnamed]);
      sketch.unnamed.push(`~${prefix}${number}`);
      return [{ do: 'fork', from, to: `~${prefix}${number}` }];
    }
    case 'release':
      if (sketch.unnamed.length === 0) return [];
      return [{ do: 'release', on: take(sketch.unnamed, random) }];
    case 'rollback':
      return [{ do: 'rollback', on: random.pick(sketch.branches), to: random.pick(named) }];
    case 'rename': {
      const list = random.chance(0.5) && others.length > 0 ? sketch.branches : sketch.snapshots;
      const from = random.pick(list === sketch.branches ? others : list);
      if (from === undefined) return [];
      const to = `${prefix}name${number}`;
      list[list.indexOf(from)] = to;
      sketch.family.set(to, sketch.family.get(from) as number);
      return [{ do: 'rename', from, to }];
    }
    case 'renew': {
      const on = random.pick(sketch.branches);
      return on === undefined ? [] : [{ do: 'renew', on }];
    }
    case 'drop': {
      const list = random.chance(0.5) ? sketch.branches : sketch.snapshots;
      const on = random.pick(list === sketch.branches ? others : list);
      if (on === undefined) return [];
      list.splice(list.indexOf(on), 1);
      return [{ do: 'drop', on }];
    }
    default:
      return onPool(sketch, kind, named);
  }
}

function onPool(sketch: Sketch, kind: keyof Profile['weights'], named: string[]): Operation[] {
  const { random } = sketch;
  switch (kind) {
    case 'merge': {
      const into = random.pick(sketch.branches);
      const relatives = named.filter((name) => name !== into && sketch.family.get(name) === sketch.family.get(into));
      return relatives.length === 0 ? [] : [{ do: 'merge', from: random.pick(relatives), into }];
    }
    case 'limit': {
      const quotaBytes = random.chance(0.5) ? 0 : (1000 + random.below(1000)) * 4096;
      const reservationBytes = random.chance(0.5) ? 0 : random.below(50) * 4096;
      return [{ do: 'limit', on: random.pick(sketch.branches), quotaBytes, reservationBytes }];
    }
    case 'limitPool':
      return [{ do: 'limitPool', limitBytes: random.chance(0.3) ? 0 : (20_000 + random.below(1000)) * 4096 }];
    case 'reopen':
      sketch.unnamed = [];
      return [{ do: 'reopen' }];
    default:
      return [{ do: kind as 'commit' | 'compact' | 'usage' }];
  }
}

function onCell(sketch: Sketch, kind: string, on: string): Operation {
  const { random, profile } = sketch;
  const key = keyNamed(random.below(profile.keys));
  const content = `c${random.below(Math.ceil(profile.keys / 4))}`;
  const serial = sketch.serial++;
  // Small and large, near the borders of pages and away from them.
  const place = () => {
    const at = random.below(profile.contentBytes);
    return random.chance(0.4) ? at - (at % 4096) : at;
  };
  const inlinePlace = () => (random.chance(0.3) ? random.below(900) : place());
  switch (kind) {
    case 'put':
      return { do: 'put', on, key, length: random.below(random.chance(0.7) ? 60 : profile.valueBytes), serial };
    case 'remove':
      return { do: 'remove', on, key: random.chance(0.8) ? key : content };
    case 'write': {
      const offset = inlinePlace();
      return {
        do: 'write',
        on,
        key: content,
        offset,
        length: 1 + random.below(random.chance(0.5) ? 300 : 12_000),
        serial,
      };
    }
    case 'truncate':
      return { do: 'truncate', on, key: content, length: random.chance(0.2) ? 0 : inlinePlace() };
    case 'punch': {
      const from = inlinePlace();
      return { do: 'punch', on, key: content, from, to: from + 1 + random.below(15_000) };
    }
    default:
      return random.chance(0.5)
        ? { do: 'copy', on, key: content, to: `c${random.below(Math.ceil(profile.keys / 4))}` }
        : { do: 'copy', on, key: content, to: content, from: random.pick([...sketch.branches, ...sketch.snapshots]) };
  }
}

/** Keys of many lengths, with long beginnings in common, up to the longest that a node of 4 KiB takes. */
function keyNamed(number: number): string {
  const long = number % 7 === 0 ? 'x'.repeat(40 * (number % 11)) : '';
  return `k${number % 3}/${long}${number}`;
}

function take(list: string[], random: RandomNumbers): string {
  return list.splice(random.below(list.length), 1)[0];
}

const MANY_PAGES = 1500;

/**
 * Neighbouring pages with different counts, so many that a change of them does not fit a superblock: each of the rounds
 * writes two records of the counts log, and after some thirty the log is folded into a base.
 */
export function manyCounts(rounds: number): Operation[] {
  const operations: Operation[] = [];
  const name = (n: number) => `c${String(n).padStart(4, '0')}`;
  for (let n = 0; n < MANY_PAGES; n++) {
    operations.push({ do: 'write', on: 'main', key: name(n), offset: 0, length: 4096, serial: n });
  }
  for (let n = 0; n < MANY_PAGES; n += 2) operations.push({ do: 'copy', on: 'main', key: name(n), to: `${name(n)}+` });
  operations.push({ do: 'commit' });
  for (let round = 0; round < rounds; round++) {
    operations.push({ do: 'fork', from: 'main', to: `fork${round}` });
    // To write to a leaf is to own it: its pages gain a reference.
    for (let n = 0; n < MANY_PAGES; n += 50) {
      operations.push({ do: 'put', on: `fork${round}`, key: `${name(n)}-`, length: 4, serial: n });
    }
    operations.push({ do: 'commit' }, { do: 'drop', on: `fork${round}` }, { do: 'commit' });
  }
  return operations;
}
