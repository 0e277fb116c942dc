import { isCollection, isMap, LineCounter, parseDocument, type Node, type Pair } from 'yaml';
import { readText } from '../../lib/files/read-text';

/** A place in a template. */
interface TemplatePlace {
  /** File of the template. */
  readonly template: string;
  readonly logicalId: string;
  /** Path below `Properties`, its parts separated by dots. */
  readonly property: string;
}

/** Lines of resources and properties in template files, each of which is parsed once, when the first line in it is asked for. */
export class TemplateLines {
  private readonly documents = new Map<string, ParsedTemplate | undefined>();

  /** Line of the property, or of the nearest thing around it; undefined without the resource, or without a file. */
  public lineOf({ template, logicalId, property }: TemplatePlace): number | undefined {
    if (!this.documents.has(template)) this.documents.set(template, parsedTemplate(template));
    return this.documents.get(template)?.lineOf(logicalId, property);
  }
}

class ParsedTemplate {
  private readonly lines = new LineCounter();
  private readonly root: unknown;

  public constructor(text: string) {
    // JSON is YAML, and this parser knows where everything stands.
    this.root = parseDocument(text, { lineCounter: this.lines, logLevel: 'silent', prettyErrors: false }).contents;
  }

  public lineOf(logicalId: string, property: string): number | undefined {
    const resource = pairOf(pairOf({ value: this.root }, 'Resources'), logicalId);
    if (resource === undefined) return undefined;
    let found: Place = resource;
    for (const name of property === '' ? [] : ['Properties', ...property.split('.')]) {
      const next = pairOf(found, name);
      if (next === undefined) break;
      found = next;
    }
    const node = (found.key ?? found.value) as Node | undefined;
    return node?.range == null ? undefined : this.lines.linePos(node.range[0]).line;
  }
}

/** A key with its value, or an item of a list. */
interface Place {
  readonly key?: unknown;
  readonly value?: unknown;
}

function pairOf(place: Place | undefined, name: string): Place | undefined {
  const node = place?.value;
  if (isMap(node)) return (node.items as Pair[]).find(({ key }) => String(key) === name);
  if (isCollection(node) && /^\d+$/.test(name)) {
    const value: unknown = node.items[Number(name)];
    return value === undefined ? undefined : { value };
  }
  return undefined;
}

function parsedTemplate(file: string): ParsedTemplate | undefined {
  try {
    return new ParsedTemplate(readText(file));
  } catch {
    // Standard input has no lines to point at.
    return undefined;
  }
}
