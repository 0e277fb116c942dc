import { InputError } from '../core/errors';
import { isObject, type Json } from '../core/parse';
import { plainText } from './plain-text';

/** A CloudFormation template and the facts about its stack that it does not contain. */
export interface TemplateDocument {
  /** File name, for messages. */
  readonly name: string;
  readonly document: unknown;
  /** Region of the stack. @default - unknown */
  readonly region?: string;
  /** Name of the stack. @default - unknown; `Fn::GetStackOutput` finds the template by its file name */
  readonly stackName?: string;
}

/** Maximum nesting of a document; no template that CloudFormation takes is nested deeper. */
const MAX_NESTING = 500;

/** @throws InputError when a document is nested so deeply that reading it by recursion would fail */
export function checkNesting(templates: readonly TemplateDocument[]): void {
  for (const { name, document } of templates) {
    let level: unknown[] = [document];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > MAX_NESTING) {
        throw new InputError(`${name}: the document is nested deeper than ${MAX_NESTING} levels; it is not a template`);
      }
      level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    }
  }
}

/** A file of a synthesized stack, with the region if the app states it. */
export interface SynthesizedStack {
  readonly templatePath: string;
  readonly region?: string | undefined;
}

/**
 * Templates of synthesized stacks, with region and stack name from the manifest of their cloud assembly. Stacks without resources are left
 * out.
 *
 * @param readJson returns the content of a file, undefined where there is none
 */
export function synthesizedTemplates(
  stacks: readonly SynthesizedStack[],
  readJson: (file: string) => unknown,
): TemplateDocument[] {
  return stacks.flatMap(({ templatePath, region }): TemplateDocument[] => {
    const document = readJson(templatePath);
    if (!isObject(document) || !isObject(document['Resources'])) return [];
    const [, folder = '', file = ''] = /^(.*[\\/])?([^\\/]*)$/.exec(templatePath) ?? [];
    const stack = stackOfManifest(readJson(`${folder}manifest.json`), file);
    const isKnown = region !== undefined && !/\$\{|unknown/.test(region);
    return [{ name: templatePath, document, ...stack, ...(isKnown && { region }) }];
  });
}

/** Region and name of a stack, from the manifest of its cloud assembly. */
export function stackOfManifest(
  manifest: unknown,
  templateFile: string,
): Pick<TemplateDocument, 'region' | 'stackName'> {
  const artifacts = isObject(manifest) && isObject(manifest['artifacts']) ? manifest['artifacts'] : {};
  for (const [id, artifact] of Object.entries(artifacts)) {
    const properties = isObject(artifact) && isObject(artifact['properties']) ? artifact['properties'] : {};
    if (!isObject(artifact) || properties['templateFile'] !== templateFile) continue;
    const region = /^aws:\/\/[^/]+\/(.+)$/.exec(plainText(artifact['environment']))?.[1];
    return {
      stackName: plainText(properties['stackName']) || id,
      ...(region !== undefined && region !== 'unknown-region' && { region }),
    };
  }
  return {};
}

/** Name of the stack, or the file name without its folder and extension. */
export function stackNameOf({ name, stackName }: TemplateDocument): string {
  return stackName ?? name.replace(/^.*[\\/]/, '').replace(/(\.template)?\.(json|ya?ml|template)$/i, '');
}

/** Values of parameters by name; they take the place of the defaults. */
export interface ParameterValues {
  readonly [name: string]: string;
}

/**
 * Templates whose parameters have the given values.
 *
 * @throws InputError when no template has a parameter of a name, or does not allow its value
 */
export function withParameters(templates: readonly TemplateDocument[], values: ParameterValues): TemplateDocument[] {
  const declared = new Set(templates.flatMap(({ document }) => Object.keys(parametersOf(document))));
  const unknown = Object.keys(values).filter((name) => !declared.has(name));
  if (unknown.length > 0) {
    const known = declared.size === 0 ? 'they have none' : `they have ${[...declared].join(', ')}`;
    throw new InputError(`no template has a parameter ${unknown.join(' or ')}; ${known}`);
  }
  return templates.map((template) => {
    const given = Object.entries(parametersOf(template.document)).flatMap(([name, parameter]): [string, Json][] => {
      const value = values[name];
      return value === undefined || !isObject(parameter) ? [] : [[name, withValue(template, name, parameter, value)]];
    });
    if (given.length === 0) return template;
    const document = template.document as Json;
    const Parameters = { ...parametersOf(document), ...Object.fromEntries(given) };
    return { ...template, document: { ...document, Parameters } };
  });
}

function withValue({ name: template }: TemplateDocument, name: string, parameter: Json, value: string): Json {
  const allowed: unknown = parameter['AllowedValues'];
  if (Array.isArray(allowed) && !allowed.some((one) => plainText(one) === value)) {
    throw new InputError(
      `${template}: parameter ${name} does not allow '${value}'; it allows ${allowed.map(plainText).join(', ')}`,
    );
  }
  // A value stands for itself, not for a name to look up in the Parameter Store.
  return {
    ...parameter,
    Type: /List/.test(plainText(parameter['Type'])) ? 'CommaDelimitedList' : 'String',
    Default: value,
  };
}

function parametersOf(document: unknown): Json {
  return isObject(document) && isObject(document['Parameters']) ? document['Parameters'] : {};
}
