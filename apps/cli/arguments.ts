/**
 * From the words of a command line to options and positionals.
 * Nothing is run or looked up here; what cannot be understood is a usage failure that says what could have been meant.
 */
import { parseArgs } from 'node:util';
import { type Command, commonOptions, type OptionSpecs } from './command.ts';
import { usage, type Values } from './session.ts';
import { didYouMean } from './suggest.ts';

export interface Parsed {
  readonly values: Values;
  readonly positionals: readonly string[];
  readonly rest: readonly string[];
}

export function optionsOf(command: Command): OptionSpecs {
  return { ...command.options, ...commonOptions };
}

function configOf(specs: OptionSpecs) {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  );
}

/** Where the options end: at `--`, or at the first other word for a command that takes a command line. */
function splitRest(command: Command, args: readonly string[]): [own: string[], rest: string[]] {
  const options = configOf(optionsOf(command));
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const end = tokens.find(
    ({ kind }) => kind === 'option-terminator' || (kind === 'positional' && command.takesCommand === true),
  );
  if (end === undefined) return [[...args], []];
  return [args.slice(0, end.index), args.slice(end.kind === 'positional' ? end.index : end.index + 1)];
}

export function parseArguments(command: Command, args: readonly string[]): Parsed {
  const specs = optionsOf(command);
  const [own, rest] = splitRest(command, args);
  try {
    const { values, positionals } = parseArgs({ args: own, options: configOf(specs), allowPositionals: true });
    if (command.takesCommand === true) return { values: values as Values, positionals, rest };
    return { values: values as Values, positionals: [...positionals, ...rest], rest: [] };
  } catch (error) {
    throw usage(explain(command, specs, error as Error & { code?: string }));
  }
}

function explain(command: Command, specs: OptionSpecs, error: Error & { code?: string }): string {
  const { code, message } = error;
  const option = /'(-[^' ,]*)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const known = Object.entries(specs).flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])]);
    // A single letter is near any other.
    if (/^-[^-]$/u.test(option)) {
      return `byre ${command.name} has no option ${option}: put -- before a name that begins with -, and options before that`;
    }
    return `byre ${command.name} has no option ${option}${didYouMean(option, known)}`;
  }
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
    const name = /--([\w-]+)/.exec(message)?.[1] ?? '';
    if (/does not take an argument/.test(message)) return `--${name} takes no value`;
    return `--${name} needs a value: --${name}=${specs[name]?.value ?? 'VALUE'}`;
  }
  return message;
}

/** The positionals, if there are as many as there must be. */
export function takePositionals(
  session: { readonly positionals: readonly string[] },
  names: readonly string[],
  optional = 0,
): string[] {
  const { positionals } = session;
  if (positionals.length > names.length) throw usage(`what is '${positionals[names.length]}' for?`);
  const missing = names.slice(0, names.length - optional)[positionals.length];
  if (missing !== undefined) throw usage(`${missing} is missing`);
  return [...positionals];
}
