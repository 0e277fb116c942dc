import { InputError } from '../core/errors';

/** A node of a template's JSON. */
export interface Json {
  readonly [name: string]: unknown;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is written in a place for text: objects, which may not even turn into text, are no text. */
export function writtenText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** A resource of a template. */
export interface Resource {
  readonly template: string;
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Json;
  /** The logical ids it names in `DependsOn`. */
  readonly dependsOn: readonly string[];
  /** Whether a condition that is not decided may leave it out. */
  readonly isOptional: boolean;
  readonly reader: TemplateReader;
}

/** What a template does not say itself. */
export interface TemplateSurroundings {
  /** What an export of any template comes to. */
  readonly exportedValue: (name: string) => string | undefined;
  /** The region it is deployed to, where it is known. */
  readonly region: string | undefined;
  /** Whether parameters are unknown in spite of their defaults. */
  readonly areDefaultsOpen: boolean;
}

/** The type of a resource that a macro writes on: what it will be only the deployment tells, so no rule looks at it. */
export const WRITTEN_BY_MACRO = 'a resource that a macro writes on';

/** A value that depends on a condition, or that only the deployment gives. */
const UNKNOWN = Symbol('unknown');

/** How deep expressions may nest before they count as unknown: templates that refer to themselves end here. */
const DEEPEST = 40;

/**
 * The resources of one CloudFormation template, and what its expressions come to before a deployment. What only the deployment gives
 * becomes a place holder in angle brackets, the same wherever the same thing is meant; what depends on a condition is unknown.
 */
export class TemplateReader {
  public readonly resources: readonly Resource[];
  private readonly byId: ReadonlyMap<string, Resource>;
  private readonly parameters: Json;
  private readonly mappings: Json;
  private readonly outputs: Json;
  /** What the Serverless Application Model adds to every resource of a kind. */
  public readonly globals: Json;

  /**
   * @param document the template's JSON
   * @param name the file's name, for messages
   * @param key makes the place holders of this template differ from those of others
   */
  public constructor(
    document: unknown,
    public readonly name: string,
    private readonly key: string,
    private readonly surroundings: TemplateSurroundings,
  ) {
    if (!isObject(document) || !isObject(document['Resources'])) {
      throw new InputError(
        `${name}: the document has no Resources, so it is no CloudFormation template; give a file such as cdk.out/STACK.template.json`,
      );
    }
    const part = (property: string): Json => (isObject(document[property]) ? document[property] : {});
    this.parameters = part('Parameters');
    this.mappings = part('Mappings');
    this.outputs = part('Outputs');
    this.globals = part('Globals');
    this.resources = Object.entries(document['Resources']).flatMap(([logicalId, resource]): Resource[] => {
      if (logicalId.startsWith('Fn::')) return [];
      if (!isObject(resource) || typeof resource['Type'] !== 'string') {
        throw new InputError(
          `${name}: resource ${logicalId} has no Type; give the template as CloudFormation takes it`,
        );
      }
      const properties = isObject(resource['Properties']) ? resource['Properties'] : {};
      const named: unknown = resource['DependsOn'];
      const dependsOn = (Array.isArray(named) ? named : [named]).filter((one) => typeof one === 'string');
      const type = isWrittenOn(resource) ? WRITTEN_BY_MACRO : resource['Type'];
      const isOptional = typeof resource['Condition'] === 'string';
      return [{ template: name, logicalId, type, properties, dependsOn, isOptional, reader: this }];
    });
    this.byId = new Map(this.resources.map((resource) => [resource.logicalId, resource]));
  }

  /** The region it is deployed to, where it is known. */
  public get region(): string | undefined {
    return this.surroundings.region;
  }

  /** The exports: name and value. */
  public exports(): [string, string][] {
    return Object.values(this.outputs).flatMap((output): [string, string][] => {
      if (!isObject(output) || !isObject(output['Export'])) return [];
      const name = this.text(output['Export']['Name']);
      const value = this.text(output['Value']);
      return name === undefined || value === undefined ? [] : [[name, value]];
    });
  }

  /** The resource that `Ref` or `Fn::GetAtt` names. */
  public referenced(value: unknown): Resource | undefined {
    if (!isObject(value)) return undefined;
    if (typeof value['Ref'] === 'string') return this.byId.get(value['Ref']);
    const attribute = value['Fn::GetAtt'];
    const id: unknown = Array.isArray(attribute) ? attribute[0] : writtenText(attribute).split('.')[0];
    return this.byId.get(writtenText(id));
  }

  /** Whether CloudFormation makes a resource only after another of the same template. */
  public isMadeAfter(later: Resource, earlier: Resource): boolean {
    const seen = new Set<string>();
    const open = [later.logicalId];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (id === earlier.logicalId) return true;
      const resource = seen.has(id) ? undefined : this.byId.get(id);
      seen.add(id);
      if (resource !== undefined) open.push(...resource.dependsOn, ...mentionedIds(resource.properties));
    }
    return false;
  }

  /** The resources of the template that name another. */
  public usersOf({ logicalId }: Resource): Resource[] {
    return this.resources.filter(({ properties }) => mentionedIds(properties).includes(logicalId));
  }

  /** Whether a name is one of a parameter or of AWS, which only the deployment gives. */
  public isGiven(name: string): boolean {
    return name.startsWith('AWS::') || name in this.parameters;
  }

  /** The parameters and resources that an expression names. */
  public namedIn(value: unknown): string[] {
    return mentionedIds(value);
  }

  /** Whether a parameter chooses from a list, such as a stage: a version is no choice. */
  public isChoice(name: string): boolean {
    const parameter = this.parameters[name];
    return isObject(parameter) && Array.isArray(parameter['AllowedValues']);
  }

  /** Text; undefined where it is left out or unknown. */
  public text(value: unknown): string | undefined {
    const known = this.evaluate(value, 0);
    return typeof known === 'string' || typeof known === 'number' || typeof known === 'boolean'
      ? String(known)
      : undefined;
  }

  /** A number; undefined where it is left out, unknown or none. */
  public number(value: unknown): number | undefined {
    const text = this.text(value);
    return text === undefined || text.trim() === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
  }

  /** True or false; undefined where it is unknown; false where it is left out. */
  public flag(value: unknown): boolean | undefined {
    if (value === undefined || value === null) return false;
    const text = this.text(value)?.toLowerCase() ?? '';
    // CloudFormation reads YAML 1.1.
    return /^(true|yes|on)$/.test(text) ? true : /^(false|no|off)$/.test(text) ? false : undefined;
  }

  /** An object, conditions inside it still unresolved; undefined where it is left out or unknown. */
  public object(value: unknown): Json | undefined {
    const known = this.evaluate(value, 0);
    return isObject(known) ? known : undefined;
  }

  /** The objects of a list that are certain to be there. */
  public objects(value: unknown): Json[] {
    const known = this.evaluate(value, 0);
    return Array.isArray(known) ? known.map((one) => this.object(one)).filter((one) => one !== undefined) : [];
  }

  /** The texts of a list, or of the one value in its place. */
  public texts(value: unknown): string[] {
    const known = this.evaluate(value, 0);
    if (Array.isArray(known)) return known.map((one) => this.text(one)).filter((one) => one !== undefined);
    return known === UNKNOWN || isObject(known) || known === undefined || known === null ? [] : [String(known)];
  }

  /** Whether a property is there at all, on every branch. */
  public isAbsent(value: unknown): boolean {
    return value === undefined || value === null || this.isNoValue(value);
  }

  /** Whether every part of a list is known to be there or not. */
  public isCertainList(value: unknown): boolean {
    const known = this.evaluate(value, 0);
    if (known === UNKNOWN) return false;
    return !Array.isArray(known) || known.every((one) => this.evaluate(one, 0) !== UNKNOWN);
  }

  private isNoValue(value: unknown): boolean {
    return isObject(value) && value['Ref'] === 'AWS::NoValue';
  }

  private evaluate(value: unknown, depth: number): unknown {
    if (depth > DEEPEST) return UNKNOWN;
    if (typeof value === 'string') return resolvedLater(value);
    if (!isObject(value)) return value;
    const [name, ...others] = Object.keys(value);
    if (others.length > 0 || name === undefined || (name !== 'Ref' && !name.startsWith('Fn::'))) return value;
    const argument = value[name];
    const inner = (one: unknown): unknown => this.evaluate(one, depth + 1);
    switch (name) {
      case 'Ref':
        return this.reference(writtenText(argument), depth);
      case 'Fn::GetAtt': {
        const [id, ...attribute] = Array.isArray(argument)
          ? argument.map((one) => (typeof one === 'string' ? one : '?'))
          : writtenText(argument).split('.');
        return this.attribute(id ?? '', attribute.join('.'), depth);
      }
      case 'Fn::If': {
        const [, yes, no] = Array.isArray(argument) ? (argument as unknown[]) : [];
        const [one, other] = [inner(yes), inner(no)];
        if (one === UNKNOWN || other === UNKNOWN) return UNKNOWN;
        return JSON.stringify(one) === JSON.stringify(other) ? one : UNKNOWN;
      }
      case 'Fn::Join': {
        const [delimiter, parts] = Array.isArray(argument) ? (argument as unknown[]) : [];
        const list = inner(parts);
        if (!Array.isArray(list)) return UNKNOWN;
        const texts = list.map((part) => inner(part));
        return texts.some((text) => text === UNKNOWN || typeof text === 'object')
          ? UNKNOWN
          : resolvedLater(texts.join(writtenText(delimiter)));
      }
      case 'Fn::Sub':
        return this.substitute(argument, depth);
      case 'Fn::Split': {
        const [delimiter, text] = Array.isArray(argument) ? (argument as unknown[]) : [];
        const known = inner(text);
        return typeof known === 'string' && typeof delimiter === 'string' && delimiter !== ''
          ? known.split(delimiter)
          : UNKNOWN;
      }
      case 'Fn::Select': {
        const [index, list] = Array.isArray(argument) ? (argument as unknown[]) : [];
        const known = inner(list);
        const chosen = Array.isArray(known) ? (known as unknown[])[Number(inner(index))] : undefined;
        return chosen === undefined ? UNKNOWN : inner(chosen);
      }
      case 'Fn::FindInMap': {
        const [map, first, second, otherwise] = Array.isArray(argument) ? argument.map(inner) : [];
        const table = isObject(this.mappings[String(map)]) ? (this.mappings[String(map)] as Json) : {};
        const row = typeof first === 'string' && isObject(table[first]) ? table[first] : undefined;
        const found = typeof second === 'string' && row !== undefined ? row[second] : undefined;
        if (found !== undefined) return inner(found);
        // Without a row for what is known, the default of the language extensions stands.
        const isKnown = [map, first, second].every((one) => typeof one === 'string' && isLiteral(one));
        return isKnown && isObject(otherwise) && 'DefaultValue' in otherwise
          ? inner(otherwise['DefaultValue'])
          : UNKNOWN;
      }
      case 'Fn::ImportValue': {
        const exported = inner(argument);
        return typeof exported === 'string'
          ? (this.surroundings.exportedValue(exported) ?? placeHolder(`import ${exported}`))
          : UNKNOWN;
      }
      default:
        return UNKNOWN;
    }
  }

  private reference(name: string, depth: number): unknown {
    switch (name) {
      case 'AWS::NoValue':
        return undefined;
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::Region':
        return this.region ?? `<${name}>`;
      case 'AWS::AccountId':
        return `<${name}>`;
      case 'AWS::StackName':
      case 'AWS::StackId':
      case 'AWS::NotificationARNs':
        return `<${this.key} ${name}>`;
    }
    const parameter = this.parameters[name];
    if (isObject(parameter)) {
      const isPlain = /^(String|Number|CommaDelimitedList|List<Number>)$/.test(writtenText(parameter['Type']));
      const given = parameter['Default'];
      // Nobody deploys with an empty default where a name is needed.
      if (!isPlain || given === undefined || given === '' || this.surroundings.areDefaultsOpen)
        return `<${this.key} ${name}>`;
      if (!/List/.test(writtenText(parameter['Type']))) return given;
      return writtenText(given)
        .split(',')
        .map((one) => one.trim());
    }
    const resource = this.byId.get(name);
    const kind = resource === undefined ? undefined : ARN_BY_REF[resource.type];
    // The `Ref` of these is an ARN, not a name.
    if (kind !== undefined && resource !== undefined) {
      const own = this.ownName(resource, kind.nameProperty, depth);
      return own === UNKNOWN
        ? UNKNOWN
        : `arn:aws:sagemaker:<AWS::Region>:<AWS::AccountId>:${kind.resource}/${writtenText(own).toLowerCase()}`;
    }
    return `<${this.key} ${name}>`;
  }

  private attribute(id: string, attribute: string, depth: number): unknown {
    const resource = this.byId.get(id);
    if (resource === undefined) return `<${this.key} ${id}.${attribute}>`;
    const kind = ARN_BY_REF[resource.type];
    if (kind !== undefined && attribute === kind.nameProperty) return this.ownName(resource, attribute, depth);
    if (kind !== undefined && /Arn$/.test(attribute)) return this.reference(id, depth);
    return `<${this.key} ${id}.${attribute}>`;
  }

  /** The name a resource is declared with; where it is left out, the place holder of the one that it will be given. */
  private ownName(resource: Resource, property: string, depth: number): unknown {
    const declared = resource.properties[property];
    if (this.isAbsent(declared)) return `<${this.key} ${resource.logicalId}>`;
    return this.evaluate(declared, depth + 1);
  }

  private substitute(argument: unknown, depth: number): unknown {
    const [pattern, variables] = Array.isArray(argument) ? (argument as unknown[]) : [argument, undefined];
    if (typeof pattern !== 'string') return UNKNOWN;
    let isKnown = true;
    const text = pattern.replace(/\$\{(!?)([^}]*)\}/g, (_whole, escaped: string, name: string) => {
      if (escaped === '!') return `\${${name}}`;
      const trimmed = name.trim();
      const [id, ...attribute] = trimmed.split('.');
      const value =
        isObject(variables) && trimmed in variables
          ? this.evaluate(variables[trimmed], depth + 1)
          : attribute.length > 0
            ? this.attribute(id ?? '', attribute.join('.'), depth + 1)
            : this.reference(trimmed, depth + 1);
      if (value === UNKNOWN || value === undefined || typeof value === 'object') isKnown = false;
      return writtenText(value);
    });
    return isKnown ? resolvedLater(text) : UNKNOWN;
  }
}

/** The place holder of what only the deployment gives. A slash in it would read as part of a resource id. */
function placeHolder(what: string): string {
  return `<${what.replaceAll('/', ':').replace(/[<>]/g, '')}>`;
}

/** Text whose dynamic references (`{{resolve:ssm:name}}`) are place holders: CloudFormation looks them up at the deployment. */
function resolvedLater(text: string): string {
  return text.replace(/\{\{(resolve:[^{}]*)\}\}/g, (_whole, reference: string) => placeHolder(reference));
}

/** Whether a macro or a loop writes further properties than those that are there. */
function isWrittenOn(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isWrittenOn);
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  const isWritten = names.some((name) => name === 'Fn::Transform' || name.startsWith('Fn::ForEach::'));
  return isWritten || Object.values(value).some(isWrittenOn);
}

/** Resources of SageMaker whose `Ref` is an ARN (CloudFormation reference, return values). */
const ARN_BY_REF: { readonly [type: string]: { readonly nameProperty: string; readonly resource: string } } = {
  'AWS::SageMaker::Endpoint': { nameProperty: 'EndpointName', resource: 'endpoint' },
  'AWS::SageMaker::EndpointConfig': { nameProperty: 'EndpointConfigName', resource: 'endpoint-config' },
  'AWS::SageMaker::Model': { nameProperty: 'ModelName', resource: 'model' },
  'AWS::SageMaker::InferenceComponent': { nameProperty: 'InferenceComponentName', resource: 'inference-component' },
};

/** The logical ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` name anywhere inside. */
function mentionedIds(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(mentionedIds);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name === 'Ref' && typeof inner === 'string') return [inner];
    if (name === 'Fn::GetAtt') return [writtenText(Array.isArray(inner) ? inner[0] : inner).split('.')[0]!];
    const pattern: unknown = name === 'Fn::Sub' && Array.isArray(inner) ? inner[0] : inner;
    const inPattern =
      name === 'Fn::Sub' && typeof pattern === 'string'
        ? [...pattern.matchAll(/\$\{\s*([A-Za-z0-9]+(?:::[A-Za-z]+)?)/g)].map(([, id]) => id!)
        : [];
    return [...inPattern, ...mentionedIds(inner)];
  });
}

/** Whether a text is known to the last letter, without place holders. */
export function isLiteral(text: string): boolean {
  return !/<[^<>]+>/.test(text);
}
