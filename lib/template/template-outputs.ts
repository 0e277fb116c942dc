import { isObject, type Json } from '../core/parse';

/** A template as far as others read its outputs. */
interface OutputReader {
  readonly stackName: string;
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

/** Outputs of all templates, which other templates read by export name or by stack. */
export class TemplateOutputs<Reader extends OutputReader> {
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
