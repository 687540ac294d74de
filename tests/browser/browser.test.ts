/** Pool and files in a real browser, which has nothing of Node: compiled as they are, served, and run in a page. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compiled } from '../compiled.ts';
import { needs } from '../needs.ts';
import { checks } from './checks.ts';
import { chromium, openPage } from './chromium.ts';
import type { Outcome } from './page.ts';

/** The packages that are imported by name, as the page's import map has them. */
const packages: Readonly<Record<string, string>> = {
  '/xxhash-wasm.js': path.resolve('node_modules/xxhash-wasm/esm/xxhash-wasm.js'),
  '/node-diff3.js': path.resolve('node_modules/node-diff3/dist/diff3.mjs'),
};

const page = (script: string) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script>
  const tell = (text) => fetch('/outcomes', { method: 'POST', body: JSON.stringify([{ name: 'the page', problem: text }]) });
  addEventListener('error', (event) => tell(event.message ?? 'a script could not be loaded'), true);
  addEventListener('unhandledrejection', (event) => tell(String(event.reason?.stack ?? event.reason)));
</script>
<script type="importmap">{ "imports": { "xxhash-wasm": "/xxhash-wasm.js", "node-diff3": "/node-diff3.js" } }</script>
<script type="module" src="${script}"></script>`;

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Serves what was compiled on this machine only, until what the page has to say has come. */
async function served(home: string, script: string, visit: (url: string) => Promise<string>): Promise<Outcome[]> {
  let tell: (outcomes: Outcome[]) => void = () => {};
  const told = new Promise<Outcome[]>((resolve) => {
    tell = resolve;
  });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = packages[pathname] ?? path.join(home, path.normalize(pathname));
    if (pathname === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(page(script));
    else if (existsSync(file)) response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(file));
    else {
      response.writeHead(404).end();
      tell([{ name: 'the page', problem: `there is no ${pathname} to import` }]);
    }
  };
  const server = createServer((request, response) => {
    if (request.method !== 'POST') answer(request, response);
    else {
      void textOf(request).then((text) => {
        response.end();
        tell(JSON.parse(text));
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const ended = visit(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const failed = ended.then((said) => [{ name: 'the browser', problem: `it ended: ${said}` }]);
    return await Promise.race([told, failed]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('pools, forks and files work in Chromium', {
  ...needs(chromium !== undefined, 'needs chromium'),
  timeout: 60_000,
}, async ({ onTestFinished }) => {
  const script = fileURLToPath(compiled('tests/browser/page.ts'));
  const home = path.resolve(path.dirname(script), '..', '..');
  const outcomes = await served(home, '/tests/browser/page.js', (url) => {
    const { ended, close } = openPage(chromium!, url);
    onTestFinished(close);
    return ended;
  });
  expect(outcomes).toEqual(Object.keys(checks).map((name) => ({ name })));
});

test('the same holds under Node', async () => {
  // All but one: Node has Buffers.
  for (const [name, check] of Object.entries(checks)) if (!name.startsWith('bytes are plain')) await check();
});
