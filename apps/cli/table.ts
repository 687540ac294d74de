/**
 * Every command by name, in the order of the help, each imported when it is called.
 * Nothing else may list commands; a name here is the name in the command's own file.
 */
import type { Command } from './command.ts';

export interface Entry {
  readonly name: string;
  readonly load: () => Promise<Command>;
}

export interface Group {
  readonly title: string;
  readonly commands: readonly Entry[];
}

export const groups: readonly Group[] = [
  {
    title: 'Real directories',
    commands: [
      { name: 'import', load: async () => (await import('./commands/import.ts')).importCommand },
      { name: 'export', load: async () => (await import('./commands/export.ts')).exportCommand },
    ],
  },
  {
    title: 'Pools',
    commands: [{ name: 'init', load: async () => (await import('./commands/init.ts')).init }],
  },
  {
    title: 'Files',
    commands: [
      { name: 'ls', load: async () => (await import('./commands/ls.ts')).ls },
      { name: 'cat', load: async () => (await import('./commands/cat.ts')).cat },
      { name: 'stat', load: async () => (await import('./commands/stat.ts')).stat },
    ],
  },
  {
    title: 'Branches',
    commands: [{ name: 'branches', load: async () => (await import('./commands/branches.ts')).branches }],
  },
];

export const entries: readonly Entry[] = groups.flatMap(({ commands }) => commands);
