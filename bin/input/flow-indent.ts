/** Place in a text of YAML: inside brackets, a quoted text, or a block of text. */
interface Place {
  depth: number;
  quote: '"' | "'" | undefined;
  /** Indent that the lines of a block of text exceed; undefined outside of one. */
  block: number | undefined;
}

/** Indent of lines inside of brackets and quoted texts: deeper than any template. */
const DEEP = ' '.repeat(80);

/** Characters before a bracket or quote that tell what it is: a tag with a space, or the end of a key. */
const MAX_BEFORE = 100;

/** Header of a block of text at the end of a line. */
const BLOCK_HEADER = /(?:^|[\s:-])[|>][+-]?\d?[+-]?\s*(?:#.*)?$/;

/**
 * Returns a text of YAML in which the lines inside of brackets and quoted texts are indented deeply, as the strict grammar asks. White space
 * there has no meaning, so the values stay the same, and so do the numbers of the lines.
 */
export function indentFlows(text: string): string {
  const place: Place = { depth: 0, quote: undefined, block: undefined };
  return text
    .split('\n')
    .map((line) => {
      const isInside = place.depth > 0 || place.quote !== undefined;
      if (!isInside) {
        if (line.trim() === '') return line;
        const indent = line.length - line.trimStart().length;
        if (place.block !== undefined && indent > place.block) return line;
        place.block = undefined;
      }
      follow(line, place);
      if (place.depth === 0 && place.quote === undefined && BLOCK_HEADER.test(line)) {
        place.block = /:\s*(?:!\S+\s*)?[|>]/.test(line) ? afterMarks(line) : line.length - line.trimStart().length;
      }
      return isInside && line.trim() !== '' ? DEEP + line.trimStart() : line;
    })
    .join('\n');
}

/** Indent of the first key of a line, after the marks of list items. */
function afterMarks(line: string): number {
  let at = line.length - line.trimStart().length;
  while (line[at] === '-' && line[at + 1] === ' ') {
    at += 2;
    while (line[at] === ' ') at++;
  }
  return at;
}

/** Follows brackets and quotes to the end of a line. */
function follow(line: string, place: Place): void {
  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!;
    if (place.quote !== undefined) {
      if (letter === '\\' && place.quote === '"') at++;
      else if (letter === place.quote) {
        if (place.quote === "'" && line[at + 1] === "'") at++;
        else place.quote = undefined;
      }
      continue;
    }
    if (letter === '#' && (at === 0 || /\s/.test(line[at - 1]!))) return;
    const isBracket = letter === '[' || letter === '{';
    if (isBracket && place.depth > 0) place.depth++;
    else if (isBracket || letter === '"' || letter === "'") {
      if (!beginsValue(line.slice(Math.max(0, at - MAX_BEFORE), at), place.depth > 0)) continue;
      if (isBracket) place.depth++;
      else place.quote = letter;
    } else if ((letter === ']' || letter === '}') && place.depth > 0) place.depth--;
  }
}

/** True if a value begins after a text: at the start of a line, after a key, an item, a tag, or inside of brackets. */
function beginsValue(before: string, isInFlow: boolean): boolean {
  const text = before.trimEnd();
  if (text === '' || /(^|\s)-$/.test(text) || /(^|[\s[{,:])!\S*$/.test(text) || /(^|\s)&\S+$/.test(text)) return true;
  return /:$/.test(text) || (isInFlow && /[[{,]$/.test(text));
}
