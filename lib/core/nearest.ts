/** Characters of a mistyped word that are compared. */
const MAX_WORD_LENGTH = 100;

/** Returns the Levenshtein distance between two words, in single-character edits. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** Returns the known names closest to a mistyped one, nearest first, for suggestions in error messages. */
export function nearestNames(wrong: string, known: Iterable<string>, count = 3): string[] {
  // The time grows with the length, and what is far longer than every name is like none of them.
  const given = wrong.slice(0, MAX_WORD_LENGTH).toLowerCase();
  return [...known]
    .map((name) => ({ name, distance: editDistance(given, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, count)
    .map(({ name }) => name);
}
