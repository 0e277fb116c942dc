/** A template as lines to review: a resource a block, a property a line, the statements of a policy a line each. */
export function templateText(template: string): string {
  // Asset hashes change with every line of a handler; what is deployed around them should not.
  const document = JSON.parse(template.replace(/\b[0-9a-f]{64}\b/g, '<hash>')) as Json;
  return Object.keys(document)
    .sort()
    .flatMap((section) => [`# ${section}`, ...sectionLines(section, document[section])])
    .join('\n');
}

/** Lines of one text that are not in another, in order, marked as in a patch; what both have is left out. */
export function differingLines(before: string, after: string): string {
  const [left, right] = [blocksOf(before), blocksOf(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names
    .flatMap((name) => {
      const [removed, added] = [without(left.get(name), right.get(name)), without(right.get(name), left.get(name))];
      if (removed.length + added.length === 0) return [];
      return [name, ...removed.map((line) => `-${line}`), ...added.map((line) => `+${line}`)];
    })
    .join('\n');
}

interface Json {
  readonly [key: string]: unknown;
}

function sectionLines(section: string, entries: unknown): string[] {
  if (!isObject(entries)) return [`  ${JSON.stringify(entries)}`];
  return Object.keys(entries)
    .sort()
    .flatMap((name) => {
      const entry = entries[name];
      if (section !== 'Resources' || !isObject(entry)) return [`${name}: ${JSON.stringify(entry)}`];
      const { Type, Properties, ...rest } = entry;
      return [`${name} ${String(Type)}`, ...propertyLines(Properties), ...propertyLines(rest, '@')];
    });
}

function propertyLines(properties: unknown, mark = ''): string[] {
  if (!isObject(properties)) return [];
  return Object.keys(properties)
    .filter((name) => name !== 'Metadata')
    .sort()
    .flatMap((name) => {
      const value = properties[name];
      const statements = isObject(value) ? value['Statement'] : undefined;
      if (!Array.isArray(statements)) return [`  ${mark}${name}: ${JSON.stringify(value)}`];
      return [`  ${name}:`, ...statements.map((statement) => `    ${JSON.stringify(statement)}`)];
    });
}

function blocksOf(text: string): Map<string, string[]> {
  const blocks = new Map<string, string[]>();
  let block: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(' ')) blocks.set(line.replace(/:.*/, ''), (block = /:/.test(line) ? [line] : []));
    else block.push(line);
  }
  return blocks;
}

function without(lines: readonly string[] = [], others: readonly string[] = []): string[] {
  return lines.filter((line) => !others.includes(line));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
