/** The judge of histories: finds each planted anomaly, and nothing in a store that is right. */
import { describe, expect, test } from 'vitest';
import { type AnomalyKind, forbidden, judge, type Operation, type RecordedTransaction } from './history.ts';
import { runWorkload, type Session } from './workload.ts';

type Flaw =
  | 'none'
  | 'lost update'
  | 'dirty read'
  | 'read committed'
  | 'stale snapshot'
  | 'torn commit'
  | 'dropped append';

/** A plain store with snapshot isolation or serializability, and one flaw of choice. */
function makeStore(level: 'snapshot' | 'serializable', flaw: Flaw): () => Session {
  const versions: Map<string, readonly number[]>[] = [new Map()];
  const changed: Set<string>[] = [new Set()];
  const dirty = new Map<string, readonly number[]>();
  let commits = 0;
  let rest: { version: Map<string, readonly number[]>; keys: Set<string> } | undefined;
  const finish = () => {
    if (rest === undefined) return;
    versions.push(rest.version);
    changed.push(rest.keys);
    rest = undefined;
  };
  return () => {
    const latest = versions.length - 1;
    finish();
    const base = flaw === 'stale snapshot' ? Math.max(0, latest - 2) : latest;
    const own = new Map<string, number[]>();
    const read = new Set<string>();
    const visible = (key: string): readonly number[] => {
      const version = flaw === 'read committed' ? versions.length - 1 : base;
      return (flaw === 'dirty read' ? dirty.get(key) : undefined) ?? versions[version].get(key) ?? [];
    };
    const refused = (): boolean => {
      const guarded = new Set([...own.keys(), ...(level === 'serializable' && own.size > 0 ? read : [])]);
      return changed.slice(base + 1).some((keys) => [...keys].some((key) => guarded.has(key)));
    };
    return {
      read(key) {
        read.add(key);
        const before = visible(key);
        const mine = own.get(key) ?? [];
        return flaw === 'dirty read'
          ? [...before.filter((element) => !mine.includes(element)), ...mine]
          : [...before, ...mine];
      },
      append(key, element) {
        own.set(key, [...(own.get(key) ?? []), element]);
        dirty.set(key, [...(versions.at(-1)!.get(key) ?? []), ...own.get(key)!]);
      },
      commit() {
        if (flaw !== 'lost update' && flaw !== 'read committed' && refused()) return false;
        finish();
        commits++;
        const next = new Map(versions.at(-1));
        let half: Map<string, readonly number[]> | undefined;
        for (const [key, elements] of own) {
          const onto = flaw === 'lost update' ? versions[base] : next;
          const kept = flaw === 'dropped append' && commits % 5 === 0 ? elements.slice(0, -1) : elements;
          next.set(key, [...(onto.get(key) ?? []), ...kept]);
          if (flaw === 'torn commit' && half === undefined) half = new Map(next);
        }
        versions.push(half ?? next);
        changed.push(new Set(own.keys()));
        if (half !== undefined) rest = { version: next, keys: new Set(own.keys()) };
        return true;
      },
      abort() {},
    };
  };
}

async function kindsFound(level: 'snapshot' | 'serializable', flaw: Flaw): Promise<Set<AnomalyKind>> {
  const found = new Set<AnomalyKind>();
  for (let seed = 1; seed <= 20; seed++) {
    const options = { seed, transactions: 60, keys: 4, sessions: 4, operations: 5 };
    for (const { kind } of forbidden(level, judge(await runWorkload(makeStore(level, flaw), options)))) found.add(kind);
  }
  return found;
}

const read = (key: string, ...list: number[]): Operation => ({ kind: 'read', key, list });
const append = (key: string, element: number): Operation => ({ kind: 'append', key, element });
const history = (...all: Operation[][]): RecordedTransaction[] =>
  all.map((operations, i) => ({ name: `T${i + 1}`, outcome: 'committed', operations, began: 0, ended: 100 + i }));
const kinds = (recorded: RecordedTransaction[]) => judge(recorded).map(({ kind }) => kind);

describe('small histories', () => {
  test('serial ones are clean', () => {
    expect(
      kinds(history([append('x', 1)], [read('x', 1), append('x', 2), read('x', 1, 2)], [read('x', 1, 2)])),
    ).toEqual([]);
  });
  test('internal', () => {
    expect(kinds(history([append('x', 1), read('x')]))).toEqual(['internal']);
    expect(kinds(history([append('x', 1)], [read('x'), read('x', 1)]))).toContain('internal');
  });
  test('phantom element', () => {
    expect(kinds(history([read('x', 7)]))).toEqual(['phantom element']);
    expect(kinds(history([append('x', 1)], [read('x', 1, 1)]))).toContain('phantom element');
  });
  test('forked order', () => {
    expect(kinds(history([append('x', 1)], [append('x', 2)], [read('x', 1)], [read('x', 2)]))).toContain(
      'forked order',
    );
  });
  test('lost append', () => {
    expect(kinds(history([append('x', 1)], [read('x')]))).toEqual(['lost append']);
  });
  test('G1a', () => {
    const [first, second] = history([append('x', 1)], [read('x', 1)]);
    expect(kinds([{ ...first, outcome: 'aborted' }, second])).toEqual(['G1a']);
  });
  test('a lost answer is a commit once somebody saw it', () => {
    const [first, second] = history([append('x', 1)], [read('x', 1)]);
    expect(kinds([{ ...first, outcome: 'unknown' }, second])).toEqual([]);
    expect(
      kinds([
        { ...first, outcome: 'unknown' },
        { ...second, operations: [read('x')] },
      ]),
    ).toEqual([]);
  });
  test('G1b', () => {
    expect(kinds(history([append('x', 1), append('x', 2)], [read('x', 1)], [read('x', 1, 2)]))).toContain('G1b');
  });
  test('G0', () => {
    const both = [append('x', 1), append('y', 1)];
    expect(kinds(history(both, [append('x', 2), append('y', 2)], [read('x', 1, 2), read('y', 2, 1)]))).toContain('G0');
  });
  test('G1c', () => {
    expect(kinds(history([append('x', 1), read('y', 1)], [append('y', 1), read('x', 1)]))).toEqual(['G1c']);
  });
  test('G-SI: read skew, lost update, stale read', () => {
    const skew = history([append('x', 1), append('y', 1)], [read('x', 1), read('y')], [read('y', 1)]);
    expect(kinds(skew)).toEqual(['G-SI']);
    const lost = history([read('x'), append('x', 1)], [read('x'), append('x', 2)], [read('x', 1, 2)]);
    expect(kinds(lost)).toEqual(['G-SI']);
    const [writer, stale, later] = history([append('x', 1)], [read('x')], [read('x', 1)]);
    expect(kinds([{ ...writer, ended: 1 }, { ...stale, began: 2 }, later])).toEqual(['G-SI']);
  });
  test('G2: write skew, which snapshot isolation allows', () => {
    const skew = history([read('x'), append('y', 1)], [read('y'), append('x', 1)], [read('x', 1), read('y', 1)]);
    expect(kinds(skew)).toEqual(['G2']);
    expect(forbidden('snapshot', judge(skew))).toEqual([]);
  });
});

describe('random histories of a plain store', () => {
  test.each(['snapshot', 'serializable'] as const)('%s and right: nothing is found', async (level) => {
    expect(await kindsFound(level, 'none')).toEqual(new Set());
  });
  test('snapshot isolation alone shows write skew', async () => {
    const found = new Set<AnomalyKind>();
    for (let seed = 1; seed <= 20; seed++) {
      const options = { seed, transactions: 60, keys: 4, sessions: 4, operations: 5 };
      for (const { kind } of judge(await runWorkload(makeStore('snapshot', 'none'), options))) found.add(kind);
    }
    expect(found).toEqual(new Set(['G2']));
  });
  test.each<[Flaw, AnomalyKind[]]>([
    ['lost update', ['forked order']],
    ['dirty read', ['G1a']],
    ['read committed', ['internal']],
    ['stale snapshot', ['G-SI']],
    ['torn commit', ['G1b', 'G-SI', 'G1c']],
    ['dropped append', ['lost append']],
  ])('%s is found', async (flaw, expected) => {
    const found = await kindsFound('snapshot', flaw);
    expect(
      expected.some((kind) => found.has(kind)),
      `found ${[...found]}`,
    ).toBe(true);
  });
});
