/**
 * Judges a history of list-append transactions: which isolation anomalies does it prove?
 * Callers must append every element at most once per key, and should end the history with a transaction that reads every key:
 * an append that nobody read has no place in the order and proves nothing.
 *
 * Lists make the order of versions visible: a read of [1, 2, 3] says that 1 was appended before 2, and 2 before 3. From that follow
 * the dependencies between transactions, and cycles among these are the anomalies of Adya's taxonomy.
 */
export type Operation =
  | { readonly kind: 'append'; readonly key: string; readonly element: number }
  | { readonly kind: 'read'; readonly key: string; readonly list: readonly number[] };

export interface RecordedTransaction {
  readonly name: string;
  /** `unknown` if the answer to the commit was lost: it may have happened. */
  readonly outcome: 'committed' | 'aborted' | 'unknown';
  readonly operations: readonly Operation[];
  /** Moments on one clock: a transaction that began after another had committed must see it. */
  readonly began: number;
  readonly ended: number;
}

export type AnomalyKind =
  | 'internal' // a read does not show the transaction's own appends
  | 'phantom element' // a read shows an element that nobody appended, or twice
  | 'forked order' // two reads of a key cannot be states of one list
  | 'lost append' // a committed append is missing from the key's last state
  | 'G1a' // a read of an aborted append
  | 'G1b' // a read between two appends of one transaction
  | 'G0' // a cycle of write-write dependencies
  | 'G1c' // a cycle of write-write and write-read dependencies
  | 'G-SI' // a cycle in which no two anti-dependencies are adjacent: snapshot isolation forbids it
  | 'G2'; // any other cycle: only serializable forbids it

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly transactions: readonly string[];
  readonly detail: string;
}

type EdgeKind = 'ww' | 'wr' | 'rw' | 'time';
type Graph = Map<number, Map<number, Set<EdgeKind>>>;

interface Inferred {
  readonly history: readonly RecordedTransaction[];
  readonly anomalies: Anomaly[];
  /** Per key, the longest list that a read has shown. */
  readonly orders: Map<string, readonly number[]>;
  /** Per key and element, the index of the transaction that appended it. */
  readonly writers: Map<string, Map<number, number>>;
  /** Indices of transactions that count as committed. */
  readonly committed: Set<number>;
}

/** All anomalies that the history proves, the plain ones first, then at most one cycle of each kind. */
export function judge(history: readonly RecordedTransaction[]): Anomaly[] {
  const inferred = infer(history);
  for (const [index, transaction] of history.entries()) checkReads(inferred, index, transaction);
  checkLost(inferred);
  if (inferred.anomalies.some(({ kind }) => kind === 'forked order' || kind === 'phantom element'))
    return inferred.anomalies;
  checkCycles(inferred, dependencies(inferred));
  return inferred.anomalies;
}

/** What a history may not contain at a level. */
export function forbidden(level: 'snapshot' | 'serializable', anomalies: readonly Anomaly[]): Anomaly[] {
  return anomalies.filter(({ kind }) => level === 'serializable' || kind !== 'G2');
}

function infer(history: readonly RecordedTransaction[]): Inferred {
  const orders = new Map<string, readonly number[]>();
  const writers = new Map<string, Map<number, number>>();
  const committed = new Set<number>();
  const anomalies: Anomaly[] = [];
  for (const [index, transaction] of history.entries()) {
    if (transaction.outcome === 'committed') committed.add(index);
    for (const operation of transaction.operations) {
      if (operation.kind === 'append') {
        const ofKey = writers.get(operation.key) ?? new Map<number, number>();
        ofKey.set(operation.element, index);
        writers.set(operation.key, ofKey);
      }
    }
  }
  for (const transaction of history) {
    const own = new Set<string>();
    for (const operation of transaction.operations) {
      if (operation.kind === 'append') own.add(operation.key);
      else if (transaction.outcome === 'committed' || !own.has(operation.key)) extendOrder(operation, transaction);
    }
  }
  // A commit whose answer was lost has happened if somebody else saw an append of it.
  for (const [key, order] of orders) {
    for (const element of order) {
      const writer = writers.get(key)?.get(element);
      if (writer !== undefined && history[writer].outcome === 'unknown') committed.add(writer);
    }
  }
  return { history, anomalies, orders, writers, committed };

  function extendOrder(read: { key: string; list: readonly number[] }, transaction: RecordedTransaction): void {
    const known = orders.get(read.key) ?? [];
    const [shorter, longer] = known.length <= read.list.length ? [known, read.list] : [read.list, known];
    if (shorter.some((element, i) => element !== longer[i])) {
      const detail = `${read.key}: [${shorter}] is no beginning of [${longer}]`;
      anomalies.push({ kind: 'forked order', transactions: [transaction.name], detail });
    } else {
      orders.set(read.key, longer);
    }
  }
}

function checkReads(inferred: Inferred, index: number, transaction: RecordedTransaction): void {
  const { history, anomalies, writers } = inferred;
  const own = new Map<string, number[]>();
  const seen = new Map<string, readonly number[]>();
  const report = (kind: AnomalyKind, detail: string, other?: number) =>
    anomalies.push({
      kind,
      transactions: other === undefined ? [transaction.name] : [transaction.name, history[other].name],
      detail,
    });
  for (const operation of transaction.operations) {
    const { key } = operation;
    const mine = own.get(key) ?? [];
    if (operation.kind === 'append') {
      own.set(key, [...mine, operation.element]);
      continue;
    }
    const { list } = operation;
    const before = list.slice(0, list.length - mine.length);
    const earlier = seen.get(key);
    if (mine.some((element, i) => list[before.length + i] !== element))
      report('internal', `${key}: own appends are missing`);
    else if (earlier !== undefined && String(earlier) !== String(before)) report('internal', `${key}: reads differ`);
    seen.set(key, before);
    if (new Set(list).size !== list.length) report('phantom element', `${key}: an element twice in [${list}]`);
    for (const element of before) {
      const writer = writers.get(key)?.get(element);
      if (writer === undefined) report('phantom element', `${key}: nobody appended ${element}`);
      else if (writer !== index && history[writer].outcome === 'aborted') report('G1a', `${key}: ${element}`, writer);
    }
    const last = before.at(-1);
    const lastWriter = last === undefined ? undefined : writers.get(key)?.get(last);
    if (lastWriter !== undefined && lastWriter !== index && lastAppend(history[lastWriter], key) !== last)
      report('G1b', `${key}: [${before}] ends inside a transaction`, lastWriter);
  }
}

function lastAppend(transaction: RecordedTransaction, key: string): number | undefined {
  let last: number | undefined;
  for (const operation of transaction.operations) {
    if (operation.kind === 'append' && operation.key === key) last = operation.element;
  }
  return last;
}

/** The history's last transaction, if it only reads, shows the final state: every committed append must be in it. */
function checkLost({ history, anomalies, writers }: Inferred): void {
  const final = history.at(-1);
  if (final === undefined || final.outcome !== 'committed') return;
  if (final.operations.some(({ kind }) => kind === 'append')) return;
  for (const operation of final.operations) {
    if (operation.kind !== 'read') continue;
    const present = new Set(operation.list);
    for (const [element, writer] of writers.get(operation.key) ?? []) {
      if (history[writer].outcome === 'committed' && !present.has(element)) {
        const detail = `${operation.key}: ${element}`;
        anomalies.push({ kind: 'lost append', transactions: [history[writer].name], detail });
      }
    }
  }
}

function dependencies({ history, orders, writers, committed }: Inferred): Graph {
  const graph: Graph = new Map();
  const add = (from: number | undefined, to: number | undefined, kind: EdgeKind) => {
    if (from === undefined || to === undefined || from === to || !committed.has(from) || !committed.has(to)) return;
    const edges = graph.get(from) ?? new Map<number, Set<EdgeKind>>();
    edges.set(to, (edges.get(to) ?? new Set()).add(kind));
    graph.set(from, edges);
  };
  for (const [key, order] of orders) {
    const writer = (i: number) => (i < 0 || i >= order.length ? undefined : writers.get(key)?.get(order[i]));
    for (let i = 1; i < order.length; i++) add(writer(i - 1), writer(i), 'ww');
    for (const [index, { operations }] of history.entries()) {
      if (!committed.has(index)) continue;
      for (const operation of operations) {
        if (operation.kind !== 'read' || operation.key !== key) continue;
        const { length } = operation.list;
        add(writer(length - 1), index, 'wr');
        add(index, writer(length), 'rw');
      }
    }
  }
  for (const from of committed) {
    for (const to of committed) if (history[from].ended < history[to].began) add(from, to, 'time');
  }
  return graph;
}

function checkCycles({ history, anomalies }: Inferred, graph: Graph): void {
  const report = (kind: AnomalyKind, cycle: number[] | undefined) => {
    if (cycle === undefined) return false;
    const transactions = cycle.map((index) => history[index].name);
    anomalies.push({ kind, transactions, detail: transactions.join(' -> ') });
    return true;
  };
  const only = (...kinds: EdgeKind[]) => step(graph, (edge) => kinds.some((kind) => edge.has(kind)));
  if (report('G0', findCycle(only('ww', 'time'), history.length))) return;
  if (report('G1c', findCycle(only('ww', 'wr', 'time'), history.length))) return;
  const depends = only('ww', 'wr', 'time');
  const precedes = only('rw');
  // Snapshot isolation: a dependency, optionally followed by one anti-dependency, may not lead round.
  const snapshot = (from: number): Set<number> => {
    const reached = new Set(depends(from));
    for (const middle of depends(from)) for (const to of precedes(middle)) reached.add(to);
    return reached;
  };
  if (report('G-SI', findCycle(snapshot, history.length))) return;
  report('G2', findCycle(only('ww', 'wr', 'rw', 'time'), history.length));
}

function step(graph: Graph, wanted: (edge: Set<EdgeKind>) => boolean): (from: number) => number[] {
  return (from) => {
    const next: number[] = [];
    for (const [to, edge] of graph.get(from) ?? []) if (wanted(edge)) next.push(to);
    return next;
  };
}

/** Some cycle, or undefined. Depth first with an explicit stack: histories are long. */
function findCycle(next: (from: number) => Iterable<number>, count: number): number[] | undefined {
  const state = new Uint8Array(count); // 0 new, 1 on the path, 2 done
  for (let start = 0; start < count; start++) {
    if (state[start] !== 0) continue;
    const path: number[] = [start];
    const pending: Iterator<number>[] = [next(start)[Symbol.iterator]()];
    state[start] = 1;
    while (path.length > 0) {
      const step = pending[pending.length - 1].next();
      if (step.done) {
        state[path.pop()!] = 2;
        pending.pop();
      } else if (state[step.value] === 1) {
        return path.slice(path.indexOf(step.value));
      } else if (state[step.value] === 0) {
        state[step.value] = 1;
        path.push(step.value);
        pending.push(next(step.value)[Symbol.iterator]());
      }
    }
  }
  return undefined;
}
