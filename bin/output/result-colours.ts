import { coloured, type Colours } from './colours';

/** Colours the text of a rehearsal. */
export function colouredRehearsal(text: string, colours: Colours): string {
  return coloured(text, [
    [/^\S.* {2}\(.*\)$/, colours.bold],
    [/^ {2}served well +(\S.*)$/, (part) => (keepsObjective(part) ? colours.green(part) : colours.red(part))],
    [/^ {2}drops +(0 .*)$/, colours.green],
    [/^ {2}drops +(\S.*)$/, colours.red],
    [/^ {2}(?:scaling actions|recommended changes)$/, colours.bold],
    [/^ {4}\S.* (\d+ -> \d+) /, (part) => (isOut(part) ? colours.green(part) : colours.magenta(part))],
    [/^ {2}\w+(?: \w+)*(?= {2}|$)/, colours.dim],
  ]);
}

/** True for `2 -> 3`, false for `3 -> 2`. */
function isOut(action: string): boolean {
  const [from, to] = action.split(' -> ').map(Number);
  return to! > from!;
}

/** True if the percentage at the start of the line reaches the objective at its end. */
function keepsObjective(line: string): boolean {
  const [, served, objective] = /^([\d.]+) %.*\(objective ([\d.]+) %\)/.exec(line) ?? [];
  return Number(served) >= Number(objective);
}

/** Colours the text of a tuning. */
export function colouredTuning(text: string, colours: Colours): string {
  return coloured(text, [
    [/^(?:endpoint|inference-component)\/.*$/, colours.bold],
    [/^ +today +best found$/, colours.bold],
    [/^saves .*$/, colours.green],
    [/^note: /, colours.yellow],
    [/^(?:traffic|objective|search|today|best found)(?= {2})/, colours.dim],
  ]);
}

/** Colours the table of a comparison. */
export function colouredComparison(text: string, colours: Colours): string {
  return coloured(text, [
    [/^policy .*$/, colours.bold],
    [/^tidegate-\S+/, colours.cyan],
    [/^clairvoyant: .*$/, colours.dim],
    [/ (100\.00 %) /, colours.green],
  ]);
}

/** Colours the text of an agreement. */
export function colouredAgreement(text: string, colours: Colours): string {
  return coloured(text, [
    [/^(?:endpoint|inference-component)\/.*$/, colours.bold],
    [/^ {2}agrees: .*$/, colours.green],
    [/^ {2}does not agree: .*$/, colours.red],
    [/^ {2}figure .*$/, colours.bold],
    [/^ {2}(?:compared|within one|profile)(?= {2})/, colours.dim],
  ]);
}

/** Colours the summary of an inspection. */
export function colouredInspection(text: string, colours: Colours): string {
  return coloured(text, [
    [/^endpoint (\S+)/, colours.bold],
    [/, (scaling unknown),/, colours.yellow],
    [/, (no service times measured)$/, colours.yellow],
    [/^ {2}(\S+): (?=real-time|async|serverless|inference)/, colours.bold],
    [/^ {2}(npx tidegate .*)$/, colours.cyan],
    [/^next:$/, colours.bold],
  ]);
}
