import { isObject, type Json } from '../core/parse';

/** A stack that a template deploys from another template. */
export interface NestedStack {
  readonly logicalId: string;
  /** File name of its template, without folders. */
  readonly file: string;
  readonly parameters: Json;
}

/** A template as far as others read its outputs. */
interface OutputReader {
  readonly name: string;
  readonly stackName: string;
  readonly nestedStacks: readonly NestedStack[];
  /** Values of parameters of the Parameter Store that it declares, by their names. */
  storedParameters(): ReadonlyMap<string, unknown>;
  readonly region: string | undefined;
  readonly outputs: Json;
  text(value: unknown): string | undefined;
}

/** An output of a template. */
export interface TemplateOutput<Reader> {
  readonly reader: Reader;
  readonly name: string;
  readonly value: unknown;
}

/** A place at which a template deploys another one. */
interface NestedPlace<Reader> {
  readonly reader: Reader;
  readonly nested: NestedStack;
}

/** Outputs of all templates, which other templates read by export name or by stack. */
export class TemplateOutputs<Reader extends OutputReader> {
  private places: Map<string, NestedPlace<Reader>[]> | undefined;
  private byExport: Map<string, TemplateOutput<Reader>> | undefined;
  private readonly texts = new Map<Reader, Map<string, string | undefined>>();

  /** @param readers of all templates; the list may still grow until the first output is read */
  public constructor(private readonly readers: readonly Reader[]) {}

  /** Output that a template exports under a name. */
  public exported(name: string): TemplateOutput<Reader> | undefined {
    if (this.byExport === undefined) {
      this.byExport = new Map();
      this.collectExports(this.byExport);
    }
    return this.byExport.get(name);
  }

  /** Output of a stack; undefined where no template declares it, or more than one. */
  public ofStack(
    stackName: string,
    outputName: string,
    region: string | undefined,
  ): TemplateOutput<Reader> | undefined {
    const found = this.readers.flatMap((reader): TemplateOutput<Reader>[] => {
      const isElsewhere = region !== undefined && reader.region !== undefined && reader.region !== region;
      const output = reader.stackName === stackName && !isElsewhere ? reader.outputs[outputName] : undefined;
      return isObject(output) ? [{ reader, name: outputName, value: output['Value'] }] : [];
    });
    return found.length === 1 ? found[0] : undefined;
  }

  /** Value that the stack around a nested one gives a parameter; undefined where no template or more than one place deploys it. */
  public givenParameter(child: Reader, parameter: string): TemplateOutput<Reader> | undefined {
    this.places ??= this.placesByFile();
    const file = fileOf(child.name);
    const [only, ...others] = this.places.get(file) ?? [];
    if (only === undefined || others.length > 0 || this.withFile(file).length !== 1) return undefined;
    const value = only.nested.parameters[parameter];
    // The name is apart from those of outputs, and differs between the templates that one template deploys.
    return value === undefined ? undefined : { reader: only.reader, name: `${file}: ${parameter}`, value };
  }

  /** Output of a stack that a template deploys from another one. */
  public ofNested(parent: Reader, logicalId: string, outputName: string): TemplateOutput<Reader> | undefined {
    const nested = parent.nestedStacks.find((one) => one.logicalId === logicalId);
    const children = nested === undefined ? [] : this.withFile(nested.file);
    const output = children.length === 1 ? children[0]!.outputs[outputName] : undefined;
    return isObject(output) ? { reader: children[0]!, name: outputName, value: output['Value'] } : undefined;
  }

  /** Value of a parameter of the Parameter Store that exactly one template declares. */
  public stored(name: string): TemplateOutput<Reader> | undefined {
    const found = this.readers.filter((reader) => reader.storedParameters().has(name));
    return found.length === 1
      ? { reader: found[0]!, name: `stored: ${name}`, value: found[0]!.storedParameters().get(name) }
      : undefined;
  }

  /** Text of an output; undefined where it is unknown or refers to itself. */
  public text({ reader, name, value }: TemplateOutput<Reader>): string | undefined {
    const texts = this.texts.get(reader) ?? new Map<string, string | undefined>();
    this.texts.set(reader, texts);
    if (!texts.has(name)) {
      texts.set(name, undefined);
      texts.set(name, reader.text(value));
    }
    return texts.get(name);
  }

  private withFile(file: string): Reader[] {
    return this.readers.filter((reader) => fileOf(reader.name) === file);
  }

  private placesByFile(): Map<string, NestedPlace<Reader>[]> {
    const places = new Map<string, NestedPlace<Reader>[]>();
    for (const reader of this.readers) {
      for (const nested of reader.nestedStacks)
        places.set(nested.file, [...(places.get(nested.file) ?? []), { reader, nested }]);
    }
    return places;
  }

  private collectExports(exports: Map<string, TemplateOutput<Reader>>): void {
    for (const reader of this.readers) {
      for (const [name, output] of Object.entries(reader.outputs)) {
        if (!isObject(output) || !isObject(output['Export'])) continue;
        const exportName = reader.text(output['Export']['Name']);
        if (exportName !== undefined) exports.set(exportName, { reader, name, value: output['Value'] });
      }
    }
  }
}

/** Name of a file without its folders. */
export function fileOf(path: string): string {
  return path.replace(/^.*[\\/]/, '');
}
