/**
 * As much of tape's interface as the suite of abstract-level uses: runs its tests one after another and counts their assertions.
 * Callers must register all tests before `run`, and must treat a count that is not what they expect as a failure.
 */
import { isDeepStrictEqual } from 'node:util';

type Run = (t: Assertions) => unknown;

interface Planned {
  readonly name: string;
  readonly run: Run;
}

export interface Outcome {
  assertions: number;
  readonly failed: string[];
}

/** The `t` of a test. */
class Assertions {
  readonly children: Planned[] = [];
  readonly ended: Promise<void>;
  private end_: () => void = () => {};
  private planned: number | undefined;
  private count = 0;
  private isEnded = false;
  private readonly name: string;
  private readonly outcome: Outcome;

  constructor(name: string, outcome: Outcome) {
    this.name = name;
    this.outcome = outcome;
    this.ended = new Promise((resolve) => {
      this.end_ = resolve;
    });
  }

  plan(count: number): void {
    this.planned = count;
  }

  end(error?: unknown): void {
    if (error) this.assert(false, String(error));
    if (this.isEnded) this.outcome.failed.push(`${this.name}: ended twice`);
    this.finish();
  }

  test(name: string, run: Run): void {
    this.children.push({ name: `${this.name}: ${name}`, run });
  }

  is(actual: unknown, expected: unknown, message?: string): void {
    this.assert(Object.is(actual, expected), message ?? `${String(actual)} is not ${String(expected)}`);
  }

  isNot(actual: unknown, expected: unknown, message?: string): void {
    this.assert(!Object.is(actual, expected), message);
  }

  same(actual: unknown, expected: unknown, message?: string): void {
    this.assert(
      isDeepStrictEqual(actual, expected),
      message ?? `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`,
    );
  }

  ok(value: unknown, message?: string): void {
    this.assert(Boolean(value), message);
  }

  pass(message?: string): void {
    this.assert(true, message);
  }

  fail(message?: unknown): void {
    this.assert(false, String(message));
  }

  ifError(error: unknown): void {
    this.assert(!error, String(error));
  }

  throws(work: () => unknown, expected?: RegExp | ((error: Error) => unknown), message?: string): void {
    let thrown: unknown;
    try {
      work();
    } catch (error) {
      thrown = error;
    }
    let good = thrown !== undefined;
    if (expected instanceof RegExp) good &&= expected.test(String(thrown));
    else if (typeof expected === 'function')
      good &&= (expected.prototype !== undefined && thrown instanceof expected) || expected(thrown as Error) === true;
    this.assert(good, message ?? `threw ${String(thrown)}`);
  }

  doesNotThrow(work: () => unknown, message?: string): void {
    try {
      work();
      this.assert(true, message);
    } catch (error) {
      this.assert(false, String(error));
    }
  }

  /** Everything that the test does by itself has been done: a promise resolved, or a child ended. */
  settle(returned: boolean): void {
    if (this.planned === undefined && returned && !this.isEnded) this.finish();
  }

  childEnded(): void {
    this.countOne();
  }

  private assert(good: boolean, message = 'no message'): void {
    this.outcome.assertions++;
    if (!good) this.outcome.failed.push(`${this.name}: ${message}`);
    else if (this.isEnded) this.outcome.failed.push(`${this.name}: asserted after its end: ${message}`);
    this.countOne();
  }

  private countOne(): void {
    this.count++;
    if (this.count === this.planned) this.finish();
  }

  private finish(): void {
    this.isEnded = true;
    if (this.planned !== undefined && this.count !== this.planned) {
      this.outcome.failed.push(`${this.name}: planned ${this.planned} assertions, made ${this.count}`);
    }
    this.end_();
  }
}

async function runOne({ name, run }: Planned, outcome: Outcome): Promise<void> {
  const t = new Assertions(name, outcome);
  const result = run(t);
  const isPromise = typeof (result as { then?: unknown } | undefined)?.then === 'function';
  if (isPromise) {
    try {
      await result;
    } catch (error) {
      t.fail(error instanceof Error ? error.stack : error);
    }
  }
  for (const child of t.children) {
    await runOne(child, outcome);
    t.childEnded();
  }
  t.settle(isPromise || t.children.length > 0);
  await t.ended;
}

/** Collects tests by `test`, and runs them by `run`. */
export function makeTape(): { readonly test: (name: string, run: Run) => void; run(): Promise<Outcome> } {
  const planned: Planned[] = [];
  return {
    test: (name, run) => {
      planned.push({ name, run });
    },
    async run() {
      const outcome: Outcome = { assertions: 0, failed: [] };
      for (const one of planned) await runOne(one, outcome);
      return outcome;
    },
  };
}
