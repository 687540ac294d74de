/**
 * Every command by name, in the order of the help, each imported when it is called.
 * Commands must not be listed anywhere else; a name here is the name in the command's own file.
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
    title: 'Trying things out',
    commands: [
      { name: 'try', load: async () => (await import('./commands/try.ts')).tryCommand },
      { name: 'apply', load: async () => (await import('./commands/apply.ts')).applyCommand },
      { name: 'demo', load: async () => (await import('./commands/demo.ts')).demo },
    ],
  },
  {
    title: 'Real directories and files',
    commands: [
      { name: 'import', load: async () => (await import('./commands/import.ts')).importCommand },
      { name: 'export', load: async () => (await import('./commands/export.ts')).exportCommand },
    ],
  },
  {
    title: 'Tables',
    commands: [
      { name: 'tables', load: async () => (await import('./commands/tables.ts')).tables },
      { name: 'get', load: async () => (await import('./commands/get.ts')).get },
      { name: 'set', load: async () => (await import('./commands/set.ts')).set },
      { name: 'del', load: async () => (await import('./commands/del.ts')).del },
      { name: 'scan', load: async () => (await import('./commands/scan.ts')).scan },
    ],
  },
  {
    title: 'Branches',
    commands: [
      { name: 'branches', load: async () => (await import('./commands/branches.ts')).branches },
      { name: 'fork', load: async () => (await import('./commands/fork.ts')).fork },
      { name: 'snapshot', load: async () => (await import('./commands/fork.ts')).snapshot },
      { name: 'diff', load: async () => (await import('./commands/diff.ts')).diff },
      { name: 'merge', load: async () => (await import('./commands/merge.ts')).merge },
      { name: 'rollback', load: async () => (await import('./commands/rollback.ts')).rollback },
      { name: 'rename', load: async () => (await import('./commands/rename.ts')).rename },
      { name: 'drop', load: async () => (await import('./commands/drop.ts')).drop },
    ],
  },
  {
    title: 'Files',
    commands: [
      { name: 'ls', load: async () => (await import('./commands/ls.ts')).ls },
      { name: 'cat', load: async () => (await import('./commands/cat.ts')).cat },
      { name: 'put', load: async () => (await import('./commands/put.ts')).putCommand },
      { name: 'rm', load: async () => (await import('./commands/rm.ts')).rm },
      { name: 'stat', load: async () => (await import('./commands/stat.ts')).stat },
    ],
  },
  {
    title: 'Mounting',
    commands: [
      { name: 'mount', load: async () => (await import('./commands/mount.ts')).mount },
      { name: 'umount', load: async () => (await import('./commands/mount.ts')).umount },
    ],
  },
  {
    title: 'Pools',
    commands: [
      { name: 'init', load: async () => (await import('./commands/init.ts')).init },
      { name: 'df', load: async () => (await import('./commands/df.ts')).df },
      { name: 'limit', load: async () => (await import('./commands/limit.ts')).limit },
      { name: 'check', load: async () => (await import('./commands/check.ts')).check },
      { name: 'scrub', load: async () => (await import('./commands/check.ts')).scrub },
      { name: 'compact', load: async () => (await import('./commands/compact.ts')).compact },
    ],
  },
];

export const entries: readonly Entry[] = groups.flatMap(({ commands }) => commands);
