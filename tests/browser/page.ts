/**
 * The page's script: runs every check and sends what came of it to where the page came from.
 * It must send something in any case that can be thought of, since the test waits for it.
 */
import { checks } from './checks.ts';

/** What the page sends, for each check. */
export interface Outcome {
  readonly name: string;
  /** Undefined if all is well. */
  readonly problem?: string;
}

interface Browser {
  fetch(path: string, options: { method: string; body: string }): Promise<unknown>;
  readonly process?: unknown;
  readonly Buffer?: unknown;
}

const browser = globalThis as unknown as Browser;

const textOf = (error: unknown) => (error instanceof Error ? `${error.message}\n${error.stack}` : String(error));

async function outcomes(): Promise<Outcome[]> {
  const isBare = browser.process === undefined && browser.Buffer === undefined;
  const found: Outcome[] = isBare ? [] : [{ name: 'the page', problem: 'something of Node is there' }];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      found.push({ name });
    } catch (error) {
      found.push({ name, problem: textOf(error) });
    }
  }
  return found;
}

await browser.fetch('/outcomes', { method: 'POST', body: JSON.stringify(await outcomes()) });
