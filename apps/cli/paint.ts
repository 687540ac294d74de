/**
 * Colours, where they are wanted: on a terminal, unless NO_COLOR says no.
 * Nothing may be told by colour alone.
 */
import type { Session } from './session.ts';

const codes = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, bold: 1, dim: 2 } as const;

export type Colour = keyof typeof codes;
export type Paint = (text: string, colour: Colour | undefined) => string;

export function painter({ columns, environment }: Pick<Session, 'columns' | 'environment'>): Paint {
  const { NO_COLOR, TERM } = environment;
  if (columns === undefined || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb') return (text) => text;
  return (text, colour) => (colour === undefined || text === '' ? text : `\x1b[${codes[colour]}m${text}\x1b[0m`);
}
