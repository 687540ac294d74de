/**
 * The texts of `byre help`, for terminals and for docs/cli.md alike.
 * Only words from the commands themselves and from here: nothing else may describe a command.
 */
import { type Command, commonOptions, type OptionSpecs } from './command.ts';

export interface LoadedGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** Lines of pairs, the second part aligned. */
function pairs(list: readonly (readonly [string, string])[], indent: string): string {
  const width = Math.min(30, Math.max(0, ...list.map(([left]) => left.length)));
  return list
    .map(([left, right]) => {
      if (left.length > width) return `${indent}${left}\n${indent}${' '.repeat(width + 2)}${right}`;
      return `${indent}${left.padEnd(width)}  ${right}`;
    })
    .join('\n');
}

function optionLines(specs: OptionSpecs): [string, string][] {
  return Object.entries(specs).map(([name, { short, value, text }]) => {
    const long = value === undefined ? `--${name}` : `--${name}=${value}`;
    return [short === undefined ? `    ${long}` : `-${short}, ${long}`, text];
  });
}

export function usageLines(command: Command): string[] {
  return command.usage.map((each) => `byre ${command.name}${each === '' ? '' : ` ${each}`}`);
}

export function commandHelp(command: Command): string {
  const [first, ...more] = usageLines(command);
  const parts = [
    `${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`,
    [`usage: ${first}`, ...more.map((each) => `       ${each}`)].join('\n'),
  ];
  if (command.details !== undefined) parts.push(command.details);
  parts.push(`options:\n${pairs(optionLines({ ...command.options, ...commonOptions }), '  ')}`);
  const examples = command.examples.map(([line, does]) => `  ${line}\n      ${does}`).join('\n');
  parts.push(`${command.examples.length === 1 ? 'example' : 'examples'}:\n${examples}`);
  return `${parts.join('\n\n')}\n`;
}

/** How targets are written: here, and in docs/cli.md. */
export const targetHelp = `A branch is named by its name, and what is in it by BRANCH:/PATH; without BRANCH it is main:
  main   main:/src/a.ts   :/src/a.ts
The pool is given by --pool, or by $BYRE_POOL, or is the nearest file '.byre' from here upwards. It can
also stand before the branch, if it begins with / ./ ../ or ~/, or ends in .byre:
  work.byre:main   ./pool:main:/src   ../p.byre::/src
Where a command takes a POOL, as 'byre check' does, the whole word is the path of its file or directory.`;

/** What exit statuses mean: here, and in docs/cli.md. */
export const statusHelp = `0    done; for a question: no difference, nothing wrong
1    there are differences, conflicts or problems, and they were told
2    the command line was not understood
3    what was named is not there: a pool, a branch, a file, a table
4    refused: locked, read-only, in the way, full, or not allowed
5    broken: the pool is damaged, the device failed, or byre has a bug
125  'byre try' failed; its other statuses are the command's
130  interrupted; 141: whoever read the output has gone`;

export function overview(groups: readonly LoadedGroup[]): string {
  const lists = groups
    .filter(({ commands }) => commands.length > 0)
    .map(
      ({ title, commands }) =>
        `${title}:\n${pairs(
          commands.map((each) => [each.name, each.summary] as const),
          '  ',
        )}`,
    );
  return `${[
    'usage: byre COMMAND [OPTIONS] ...',
    ...lists,
    targetHelp,
    `Exit status:\n${statusHelp.replace(/^/gm, '  ')}`,
    "'byre help COMMAND' tells more, with examples. 'byre --version' tells the version.",
  ].join('\n\n')}\n`;
}
