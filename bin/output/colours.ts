import pc from 'picocolors';

/** Functions that colour text, or return it as it is. */
export type Colours = ReturnType<typeof pc.createColors>;

export const NO_COLOURS: Colours = pc.createColors(false);

/** Flag that every command takes. */
export const NO_COLOUR_FLAG = '--no-color';

/** Everything that decides about colours. */
export interface ColourFacts {
  readonly stream: { readonly isTTY?: boolean };
  readonly environment: { readonly [name: string]: string | undefined };
  readonly args: readonly string[];
}

/**
 * Colours for a stream: on a terminal that has them, unless `--no-color` or NO_COLOR forbids them; elsewhere only if FORCE_COLOR asks for
 * them. Sources: no-color.org, force-color.org.
 */
export function coloursFor({ stream, environment, args }: ColourFacts): Colours {
  const end = args.indexOf('--');
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = environment;
  if (args.slice(0, end < 0 ? args.length : end).includes(NO_COLOUR_FLAG) || NO_COLOR !== '') return NO_COLOURS;
  if (FORCE_COLOR !== '') return pc.createColors(!['0', 'false'].includes(FORCE_COLOR));
  return pc.createColors(stream.isTTY === true && TERM !== 'dumb');
}

/** Text of a pattern, and the colour of its first group, or of all of it without a group. */
export type ColourRule = readonly [pattern: RegExp, colour: (text: string) => string];

/** Colours each line by the first rule that matches it; the text without its colours stays the same. */
export function coloured(text: string, rules: readonly ColourRule[]): string {
  return text
    .split('\n')
    .map((line) => {
      for (const [pattern, colour] of rules) {
        const match = pattern.exec(line);
        if (match === null) continue;
        const part = match[1] ?? match[0];
        const start = match.index + match[0].indexOf(part);
        return `${line.slice(0, start)}${colour(part)}${line.slice(start + part.length)}`;
      }
      return line;
    })
    .join('\n');
}
