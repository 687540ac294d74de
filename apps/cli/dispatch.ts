/**
 * Runs one command line: finds the command, parses, runs, tells failures, returns the exit status.
 * Callers must give a world for it; nothing here may touch the process, since the command may be another process's.
 */
import { type Parsed, parseArguments, takePositionals } from './arguments.ts';
import type { Command } from './command.ts';
import { type Failure, failureOf, HandedOver } from './failure.ts';
import { type Session, Status, usage } from './session.ts';
import { didYouMean } from './suggest.ts';
import { entries, groups } from './table.ts';

/** A session but for what the command line says. */
export type World = Omit<Session, 'values' | 'positionals' | 'rest' | 'json' | 'wrote'>;

/** Makes the world for a command, once it is known which one it is. */
export type MakeWorld = (command: Command | undefined, json: boolean) => World;

const INTERRUPTED = 130;

async function load(name: string): Promise<Command> {
  const entry = entries.find((each) => each.name === name);
  if (entry !== undefined) return await entry.load();
  if (name.startsWith('-')) throw usage(`options stand behind the command, as in 'byre ls ${name}'`);
  const names = [...entries.map((each) => each.name), 'help', 'version'];
  const near = didYouMean(name, names).replace(/\bversion\b/, '--version');
  throw usage(`there is no command '${name}'${near === '' ? ": 'byre help' lists them" : near}`);
}

async function help(world: World, words: readonly string[]): Promise<number> {
  const { commandHelp, overview } = await import('./help.ts');
  const positionals = words.filter((each) => !each.startsWith('-'));
  const [name] = takePositionals({ positionals }, ['COMMAND'], 1);
  if (name !== undefined) {
    world.write(commandHelp(await load(name)));
    return Status.ok;
  }
  const loaded = groups.map(async ({ title, commands }) => ({
    title,
    commands: await Promise.all(commands.map((each) => each.load())),
  }));
  world.write(overview(await Promise.all(loaded)));
  return Status.ok;
}

/** Tells of a failure on standard error, as an object a line where JSON is wanted. */
function tell(
  world: World,
  { message, code, status: kind, details }: Failure,
  status: number,
  json: boolean,
  name: string | undefined,
): void {
  if (json) world.say(JSON.stringify({ error: { code, message, status, details } }));
  else {
    world.say(`byre: ${message}`);
    if (kind === Status.usage && name !== undefined) world.say(`'byre help ${name}' tells how it is used`);
  }
}

/** Whether JSON is wanted, before it is known whether the command line makes sense. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

/** A world's getters stay what they are: some have effects. */
function sessionOf(world: World, parsed: Parsed, json: boolean): Session {
  let wrote = false;
  const session = {
    ...parsed,
    json,
    get wrote() {
      return wrote;
    },
    write(bytes: string | Uint8Array) {
      wrote = true;
      world.write(bytes);
    },
  };
  const descriptors = { ...Object.getOwnPropertyDescriptors(world), ...Object.getOwnPropertyDescriptors(session) };
  return Object.defineProperties({}, descriptors) as Session;
}

export async function runLine(args: readonly string[], makeWorld: MakeWorld): Promise<number> {
  const [name, ...others] = args;
  let json = wantsJson(args);
  let world = makeWorld(undefined, json);
  let command: Command | undefined;
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      return await help(world, others);
    }
    command = await load(name);
    // A command line that is to be run may have a --help of its own, which is not ours.
    const parsed = parseArguments(command, others);
    if (parsed.values.help === true) return await help(world, [command.name]);
    json = parsed.values.json === true;
    world = makeWorld(command, json);
    return (await command.run(sessionOf(world, parsed, json))) ?? Status.ok;
  } catch (error) {
    if (error instanceof HandedOver) return error.status;
    world.progress(undefined);
    if (world.isInterrupted) return INTERRUPTED;
    const failure = failureOf(error);
    const status = command?.failureStatus ?? failure.status;
    tell(world, failure, status, json, command?.name);
    return status;
  }
}
