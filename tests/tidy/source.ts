/**
 * Reads the project's sources into what the tidy test asks about: imports, functions, names, the opening comment.
 * It must not judge; the rules stand in `tests/tidy.test.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';

export const root = path.resolve(import.meta.dirname, '..', '..');

const directories = ['src', 'apps', 'tests', 'bench', 'scripts'];

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** The file meant, from the root, if the specifier is relative. */
  readonly target?: string;
  /** Gone after compiling. */
  readonly typeOnly: boolean;
}

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  /** It declares tests, as far as a look can tell: its length is that of their list. */
  readonly declaresTests: boolean;
}

export interface Source {
  /** From the root, with `/`. */
  readonly path: string;
  readonly lines: number;
  /** The block comment that the file begins with, or ''. */
  readonly opening: string;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSpan[];
  /** Every name that the code uses, members as `object.member` too, and `await` and `async`; not what comments and strings say. */
  readonly words: ReadonlySet<string>;
  /** The names that the file declares. */
  readonly declared: ReadonlySet<string>;
  /** Every statement passes on what another file exports. */
  readonly isBarrel: boolean;
}

/** A node of the syntax tree, as far as the walk looks at it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** Calls `visit` for every node, parents first. */
function walk(node: Node, parent: Node | undefined, visit: (node: Node, parent: Node | undefined) => void): void {
  visit(node, parent);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, node, visit);
  }
}

/** `a`, `a.b` for names and members; '' for anything else. */
function dottedName(value: unknown): string {
  if (!isNode(value)) return '';
  if (value.type === 'Identifier') return value.name as string;
  if (value.type !== 'MemberExpression' || value.computed === true) return '';
  const object = dottedName(value.object);
  return object === '' ? '' : `${object}.${dottedName(value.property)}`;
}

const functionTypes = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** `test('...', () => ...)`, and whatever else a suite calls that names a test and gives its body. */
function isTestCall(node: Node): boolean {
  if (node.type !== 'CallExpression') return false;
  const args = node.arguments as Node[];
  const isText = args[0]?.type === 'TemplateLiteral' || typeof args[0]?.value === 'string';
  return isText && args.slice(1).some((argument) => functionTypes.has(argument.type));
}

/** Whether a test is declared in it, in no function further in. */
function declaresTests(body: Node, isInside = false): boolean {
  if (isTestCall(body)) return true;
  if (isInside && functionTypes.has(body.type)) return false;
  return Object.values(body)
    .flat()
    .some((child) => isNode(child) && declaresTests(child, true));
}

function nameOf(node: Node, parent: Node | undefined): string {
  for (const named of [node.id, parent?.id, parent?.key]) {
    if (dottedName(named) !== '') return dottedName(named);
  }
  return 'function';
}

function importsOf(file: string, text: string, parsed: ReturnType<typeof parseSync>): Import[] {
  const found: Array<{ specifier: string; typeOnly: boolean }> = [];
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  for (const { moduleRequest, entries } of staticImports) {
    const typeOnly = entries.length > 0 && entries.every((entry) => entry.isType);
    found.push({ specifier: moduleRequest.value, typeOnly });
  }
  for (const { entries } of staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest !== null) found.push({ specifier: moduleRequest.value, typeOnly: isType });
    }
  }
  for (const { moduleRequest } of dynamicImports) {
    const specifier = text.slice(moduleRequest.start, moduleRequest.end).replace(/^['"`]|['"`]$/g, '');
    found.push({ specifier, typeOnly: false });
  }
  return found.map((each) =>
    each.specifier.startsWith('.')
      ? { ...each, target: path.posix.join(path.posix.dirname(file), each.specifier) }
      : each,
  );
}

const declarations = new Set([
  'FunctionDeclaration',
  'VariableDeclarator',
  'ClassDeclaration',
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
]);

export function readSource(file: string, text: string): Source {
  const parsed = parseSync(file, text);
  if (parsed.errors.length > 0) throw new Error(`${file}: ${parsed.errors[0].message}`);
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length;
  const functions: FunctionSpan[] = [];
  const words = new Set<string>();
  const declared = new Set<string>();
  walk(parsed.program as unknown as Node, undefined, (node, parent) => {
    if (node.type === 'Identifier' || node.type === 'MemberExpression') words.add(dottedName(node));
    if (node.type === 'AwaitExpression' || node.await === true) words.add('await');
    if (node.async === true) words.add('async');
    if (declarations.has(node.type)) declared.add(dottedName(node.id));
    if (functionTypes.has(node.type) && isNode(node.body)) {
      const line = lineOf(node.start);
      const lines = lineOf(node.end) - line + 1;
      functions.push({ name: nameOf(node, parent), line, lines, declaresTests: declaresTests(node.body) });
    }
  });
  const code = text.replace(/^#!.*\n/, '');
  return {
    path: file,
    lines: text.replace(/\n$/, '').split('\n').length,
    opening: /^\/\*\*.*?\*\//s.exec(code)?.[0] ?? '',
    imports: importsOf(file, text, parsed),
    functions,
    words,
    declared,
    isBarrel: parsed.program.body.every(
      (node) => /^Export(All|Named)/.test(node.type) && 'source' in node && node.source,
    ),
  };
}

/** All sources there are, committed or not: a file must be tidy before it is committed. */
export function readSources(): Source[] {
  const files: string[] = [];
  for (const directory of directories) {
    for (const entry of readdirSync(root, { withFileTypes: true })) if (entry.name === directory) list(directory);
  }
  function list(directory: string): void {
    for (const entry of readdirSync(path.join(root, directory), { withFileTypes: true })) {
      const file = `${directory}/${entry.name}`;
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') list(file);
      } else if (/\.(ts|mjs|js)$/.test(entry.name)) files.push(file);
    }
  }
  return files.sort().map((file) => readSource(file, readFileSync(path.join(root, file), 'utf8')));
}
