/**
 * docs/cli.md, from the help of the commands. `npx vitest run apps/cli/help.test.ts -u` writes it.
 * Nothing may be told of a command here: it belongs into its help.
 */
import { commandHelp, type LoadedGroup, statusHelp, targetHelp } from '../../apps/cli/help.ts';

const introduction = `# The command line

<!-- Made of the commands' own help; a test compares. To change it, change the command, then: npx vitest run apps/cli/help.test.ts -u -->

\`./byre\` in a checkout, \`byre\` where the package is installed. \`byre help COMMAND\` shows what stands here.

## Pools, branches, paths

`;

const conventions = `A pool can also be a directory with \`.byre\` or \`pool.byre\` in it. Where there is no pool from here upwards, it is the one that \`byre try\` keeps for
the directory, so that \`byre branches\`, \`diff\` and others work on what was tried here. A path in a branch always begins at its root.

## Output

People get text, with colours on terminals (not if \`NO_COLOR\` is set); control characters in names are escaped there. Progress and
questions are on standard error, and only where that is a terminal; without a terminal nothing is ever asked, and what would need an
answer is refused, unless \`--yes\` says it.

With \`--json\` standard output is one JSON document, with exact numbers: bytes, nanoseconds as text, modes as octal text. Paths in
branches begin with a slash; what there is none of is null. A name that is not UTF-8 has its exact bytes in a second field, whose name ends
in \`Base64\`. Errors and warnings are JSON objects, one a line, on standard error:
\`{"error": {"code", "message", "status", "details"}}\`. Lists of names can be had with \`-z\`: ended by zero bytes.
Rows of \`scan\` and of \`export\` to \`-\` are always JSON documents, one a line, or CSV.

## Exit status

`;

const concurrency = `\`try\` has its own: that of the command it ran.

## Several at once

Commands that only read see the last commit, beside whoever writes. Commands that write wait up to ten seconds for another to end
(\`--wait\`), then say who it is. A pool that is mounted by \`byre mount\` is no hindrance: the command is run by the process that has
it mounted, as if it were run here ([mount.md](mount.md)). A command that is killed leaves the pool as it was at its last commit.

If the newest commit of a pool is damaged, the one before it is used, and every command says so on standard error.
`;

export function referenceText(groups: readonly LoadedGroup[]): string {
  const commands = groups.flatMap(({ title, commands }) => [
    `## ${title}\n`,
    ...commands.map((command) => `### ${command.name}\n\n\`\`\`\n${commandHelp(command)}\`\`\`\n`),
  ]);
  const fenced = (text: string): string => `\`\`\`\n${text}\n\`\`\`\n`;
  return [
    `${introduction}${fenced(targetHelp)}\n${conventions}${fenced(statusHelp)}\n${concurrency}`,
    ...commands,
  ].join('\n');
}
