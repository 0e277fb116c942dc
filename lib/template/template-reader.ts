import { lookup } from '../core/lookup';
import { InputError } from '../core/errors';
import { isObject, type Json } from '../core/parse';
import { plainText } from './plain-text';
import { deployTimeName, isLiteral, withoutDynamicReferences } from './deploy-time-names';
import { fileOf, type NestedStack, type TemplateOutput, type TemplateOutputs } from './template-outputs';
import { stackNameOf, type TemplateDocument } from './template-document';

/** A resource of a template. */
export interface Resource {
  readonly template: string;
  readonly logicalId: string;
  /** Its type; {@link MACRO_RESOURCE} where a macro adds properties. */
  readonly type: string;
  /** The type that the template declares. */
  readonly declaredType: string;
  readonly properties: Json;
  /** Logical ids in `DependsOn`. */
  readonly dependsOn: readonly string[];
  /** Name of the undecided condition on which the resource depends. */
  readonly condition: string | undefined;
  readonly reader: TemplateReader;
}

/** Facts from outside of a template. */
export interface TemplateSurroundings {
  /** Number of the template among those read together: it makes deploy-time names of different templates differ. */
  readonly index: number;
  /** Outputs of all templates read together. */
  readonly outputs: TemplateOutputs<TemplateReader>;
  /** True if parameters are unknown in spite of their defaults. */
  readonly areDefaultsOpen: boolean;
}

/** Type of a resource to which a macro adds properties. They are known only after macros have run, so no rule applies. */
export const MACRO_RESOURCE = 'a resource of a macro';

/** A value that depends on an undecided condition, or on a function that only the deployment evaluates. */
const UNKNOWN = Symbol('unknown');

/** Maximum nesting of expressions: a template that refers to itself is unknown. */
const MAX_DEPTH = 40;

/**
 * Resources of one CloudFormation template, and the values of its expressions as far as they are known before a deployment. A value that
 * only the deployment decides becomes a deploy-time name in angle brackets, the same for the same value; one that depends on an undecided
 * condition is unknown.
 */
export class TemplateReader {
  /** File name, for messages. */
  public readonly name: string;
  public readonly stackName: string;
  /** Region of the stack, where it is known. */
  public readonly region: string | undefined;
  public readonly resources: readonly Resource[];
  /** Loops and macros in place of resources. */
  public readonly macros: readonly (readonly [id: string, body: unknown])[];
  /** Settings that the Serverless Application Model adds to every resource of a kind. */
  public readonly globals: Json;
  public readonly outputs: Json;
  public readonly conditions: Json;
  public readonly parameters: Json;
  /** Stacks that the template deploys from other templates. */
  public readonly nestedStacks: readonly NestedStack[];
  private readonly mappings: Json;
  private stored: ReadonlyMap<string, unknown> | undefined;
  private readonly byId: ReadonlyMap<string, Resource>;
  private readonly isNamed: boolean;
  /** True once the default of a parameter has been asked for. */
  public readsDefaults = false;

  /** @throws InputError when the document is not a template */
  public constructor(
    template: TemplateDocument,
    private readonly surroundings: TemplateSurroundings,
  ) {
    const { document, name, region } = template;
    if (!isObject(document) || !isObject(document['Resources'])) {
      throw new InputError(
        `${name}: the document has no Resources, so it is not a CloudFormation template; give a file such as cdk.out/STACK.template.json`,
      );
    }
    this.name = name;
    this.stackName = stackNameOf(template);
    this.isNamed = template.stackName !== undefined;
    this.region = region;
    const part = (property: string): Json => (isObject(document[property]) ? document[property] : {});
    this.parameters = part('Parameters');
    this.conditions = part('Conditions');
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
      const declaredType = resource['Type'];
      const type = isMacroResource(resource) ? MACRO_RESOURCE : declaredType;
      const condition = typeof resource['Condition'] === 'string' ? resource['Condition'] : undefined;
      return [{ template: name, logicalId, type, declaredType, properties, dependsOn, condition, reader: this }];
    });
    this.macros = Object.entries(document['Resources']).filter(([id]) => id.startsWith('Fn::'));
    this.nestedStacks = Object.entries(document['Resources']).flatMap(([logicalId, resource]) =>
      nestedStack(logicalId, resource),
    );
    this.byId = new Map(this.resources.map((resource) => [resource.logicalId, resource]));
  }

  /** Resource of a logical id. */
  public resource(logicalId: string): Resource | undefined {
    return this.byId.get(logicalId);
  }

  /** Values of the parameters of the Parameter Store that the template declares, by their literal names. */
  public storedParameters(): ReadonlyMap<string, unknown> {
    this.stored ??= new Map(
      this.resources
        .filter(({ type, properties }) => type === 'AWS::SSM::Parameter' && typeof properties['Name'] === 'string')
        .map(({ properties }) => [properties['Name'] as string, properties['Value']]),
    );
    return this.stored;
  }

  /** Output of another template that `Fn::ImportValue` or `Fn::GetStackOutput` reads. */
  public foreignOutput(expression: Json): TemplateOutput<TemplateReader> | undefined {
    return this.outputOf(expression, 0);
  }

  /** Resource that `Ref` or `Fn::GetAtt` names. */
  public referenced(value: unknown): Resource | undefined {
    if (!isObject(value)) return undefined;
    if (typeof value['Ref'] === 'string') return this.byId.get(value['Ref']);
    const attribute = value['Fn::GetAtt'];
    const id: unknown = Array.isArray(attribute) ? attribute[0] : plainText(attribute).split('.')[0];
    return this.byId.get(plainText(id));
  }

  /** True if CloudFormation creates a resource only after another of the same template. */
  public isCreatedAfter(later: Resource, earlier: Resource): boolean {
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

  /** Resources of the template that refer to another. */
  public usersOf({ logicalId }: Resource): Resource[] {
    return this.resources.filter(({ properties }) => mentionedIds(properties).includes(logicalId));
  }

  /** True for a parameter or pseudo parameter. */
  public isParameter(name: string): boolean {
    return name.startsWith('AWS::') || name in this.parameters;
  }

  /** Parameters and resources to which an expression refers. */
  public namedIn(value: unknown): readonly string[] {
    return mentionedIds(value);
  }

  /** True if a parameter chooses from a list, such as a stage; a version does not. */
  public isChoice(name: string): boolean {
    const parameter = this.parameters[name];
    return isObject(parameter) && Array.isArray(parameter['AllowedValues']);
  }

  /** Text, with deploy-time names; undefined where it is absent or unknown. */
  public text(value: unknown): string | undefined {
    const known = this.evaluate(value, 0);
    return typeof known === 'string' || typeof known === 'number' || typeof known === 'boolean'
      ? String(known)
      : undefined;
  }

  /** Number; undefined where the value is absent, unknown or not a number. */
  public number(value: unknown): number | undefined {
    const text = this.text(value);
    return text === undefined || text.trim() === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
  }

  /** Boolean, false where it is absent; undefined where it is unknown. */
  public flag(value: unknown): boolean | undefined {
    if (value === undefined || value === null) return false;
    const text = this.text(value)?.toLowerCase() ?? '';
    // CloudFormation reads YAML 1.1.
    return /^(true|yes|on)$/.test(text) ? true : /^(false|no|off)$/.test(text) ? false : undefined;
  }

  /** Object, expressions inside it unresolved; undefined where it is absent or unknown. */
  public object(value: unknown): Json | undefined {
    const known = this.evaluate(value, 0);
    return isObject(known) ? known : undefined;
  }

  /** Objects of a list, without those that depend on an undecided condition. */
  public objects(value: unknown): Json[] {
    const known = this.evaluate(value, 0);
    return Array.isArray(known) ? known.map((one) => this.object(one)).filter((one) => one !== undefined) : [];
  }

  /** Texts of a list, or of a single value. */
  public texts(value: unknown): string[] {
    const known = this.evaluate(value, 0);
    if (Array.isArray(known)) return known.map((one) => this.text(one)).filter((one) => one !== undefined);
    return known === UNKNOWN || isObject(known) || known === undefined || known === null ? [] : [String(known)];
  }

  /** True if a property is absent, whatever undecided conditions turn out to be. */
  public isAbsent(value: unknown): boolean {
    return value === undefined || value === null || this.isNoValue(value);
  }

  /** True if no element of a list depends on an undecided condition. */
  public isCertainList(value: unknown): boolean {
    const known = this.evaluate(value, 0);
    if (known === UNKNOWN) return false;
    return !Array.isArray(known) || known.every((one) => this.evaluate(one, 0) !== UNKNOWN);
  }

  private isNoValue(value: unknown): boolean {
    return isObject(value) && value['Ref'] === 'AWS::NoValue';
  }

  private evaluate(value: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH) return UNKNOWN;
    if (typeof value === 'string') return this.resolved(value);
    if (!isObject(value)) return value;
    const [name, ...others] = Object.keys(value);
    if (others.length > 0 || name === undefined || (name !== 'Ref' && !name.startsWith('Fn::'))) return value;
    const argument = value[name];
    const inner = (one: unknown): unknown => this.evaluate(one, depth + 1);
    switch (name) {
      case 'Ref':
        return this.reference(plainText(argument), depth);
      case 'Fn::GetAtt': {
        const [id, ...attribute] = Array.isArray(argument)
          ? argument.map((one) => (typeof one === 'string' ? one : '?'))
          : plainText(argument).split('.');
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
          : this.resolved(texts.join(plainText(delimiter)));
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
        // A known key without a row takes the default of the language extensions.
        const isKnown = [map, first, second].every((one) => typeof one === 'string' && isLiteral(one));
        return isKnown && isObject(otherwise) && 'DefaultValue' in otherwise
          ? inner(otherwise['DefaultValue'])
          : UNKNOWN;
      }
      case 'Fn::ImportValue':
      case 'Fn::GetStackOutput': {
        const output = this.outputOf(value, depth);
        const text = output === undefined ? undefined : this.surroundings.outputs.text(output);
        return text ?? this.foreignName(name, argument, depth);
      }
      default:
        return UNKNOWN;
    }
  }

  private outputOf(expression: Json, depth: number): TemplateOutput<TemplateReader> | undefined {
    const { outputs } = this.surroundings;
    if ('Fn::ImportValue' in expression) {
      const name = this.evaluate(expression['Fn::ImportValue'], depth + 1);
      return typeof name === 'string' ? outputs.exported(name) : undefined;
    }
    const place = expression['Fn::GetStackOutput'];
    if (!isObject(place)) return undefined;
    const [stackName, outputName, region = this.region] = ['StackName', 'OutputName', 'Region'].map((name) =>
      this.evaluate(place[name], depth + 1),
    );
    return typeof stackName === 'string' && typeof outputName === 'string'
      ? outputs.ofStack(stackName, outputName, typeof region === 'string' ? region : undefined)
      : undefined;
  }

  /** Deploy-time name of an output that no template declares. */
  private foreignName(name: string, argument: unknown, depth: number): unknown {
    const inner = (one: unknown): unknown => this.evaluate(one, depth + 1);
    const parts =
      isObject(argument) && name === 'Fn::GetStackOutput'
        ? [inner(argument['StackName']), inner(argument['OutputName'])]
        : [inner(argument)];
    if (!parts.every((part) => typeof part === 'string')) return UNKNOWN;
    return deployTimeName(name === 'Fn::ImportValue' ? `import ${parts[0]}` : `output ${parts.join('.')}`);
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
        return this.isNamed ? this.stackName : `<${this.surroundings.index} ${name}>`;
      case 'AWS::StackId':
      case 'AWS::NotificationARNs':
        return `<${this.surroundings.index} ${name}>`;
    }
    const parameter = this.parameters[name];
    if (isObject(parameter)) {
      const isPlain = isPlainParameter(parameter);
      const given = this.given(name, parameter) ?? parameter['Default'];
      // An empty default stands for a value to be given at the deployment.
      const isDefault = given === parameter['Default'];
      if (isPlain && isDefault && given !== undefined && given !== '') this.readsDefaults = true;
      const isOpen = isDefault && (!isPlain || this.surroundings.areDefaultsOpen);
      if (given === undefined || given === '' || isOpen) return `<${this.surroundings.index} ${name}>`;
      if (!/List/.test(plainText(parameter['Type']))) return given;
      return plainText(given)
        .split(',')
        .map((one) => one.trim());
    }
    const resource = this.byId.get(name);
    const kind = resource === undefined ? undefined : ARN_BY_REF[resource.type];
    if (kind !== undefined && resource !== undefined) {
      const own = this.ownName(resource, kind.nameProperty, depth);
      return own === UNKNOWN
        ? UNKNOWN
        : `arn:aws:sagemaker:<AWS::Region>:<AWS::AccountId>:${kind.resource}/${plainText(own).toLowerCase()}`;
    }
    return `<${this.surroundings.index} ${name}>`;
  }

  /** Value that another template gives a parameter: the stack around this one, or the Parameter Store. */
  private given(name: string, parameter: Json): string | undefined {
    const { outputs } = this.surroundings;
    const passed = outputs.givenParameter(this, name);
    const value = passed === undefined ? undefined : outputs.text(passed);
    if (isPlainParameter(parameter)) return value;
    const stored = /^AWS::SSM::Parameter::Value</.test(plainText(parameter['Type']))
      ? outputs.stored(value ?? plainText(parameter['Default']))
      : undefined;
    return stored === undefined ? undefined : outputs.text(stored);
  }

  /** Text with its dynamic references resolved as far as a template declares their values. */
  private resolved(text: string): string {
    if (!text.includes('{{resolve:')) return text;
    const { outputs } = this.surroundings;
    return withoutDynamicReferences(
      text.replace(/\{\{resolve:ssm:([^{}:]+)(:\d+)?\}\}/g, (whole: string, name: string) => {
        const stored = outputs.stored(name);
        return (stored === undefined ? undefined : outputs.text(stored)) ?? whole;
      }),
    );
  }

  private attribute(id: string, attribute: string, depth: number): unknown {
    const resource = this.byId.get(id);
    if (resource === undefined) return `<${this.surroundings.index} ${id}.${attribute}>`;
    const { outputs } = this.surroundings;
    const nested = attribute.startsWith('Outputs.') ? outputs.ofNested(this, id, attribute.slice(8)) : undefined;
    const text = nested === undefined ? undefined : outputs.text(nested);
    if (text !== undefined) return text;
    const kind = ARN_BY_REF[resource.type];
    if (kind !== undefined && attribute === kind.nameProperty) return this.ownName(resource, attribute, depth);
    if (kind !== undefined && /Arn$/.test(attribute)) return this.reference(id, depth);
    return `<${this.surroundings.index} ${id}.${attribute}>`;
  }

  /** Declared name of a resource, or the deploy-time name of the generated one. */
  private ownName(resource: Resource, property: string, depth: number): unknown {
    const declared = resource.properties[property];
    if (this.isAbsent(declared)) return `<${this.surroundings.index} ${resource.logicalId}>`;
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
      return plainText(value);
    });
    return isKnown ? this.resolved(text) : UNKNOWN;
  }
}

/** Stack that a resource deploys from a template given as a file; none for other resources and for templates elsewhere. */
export function nestedStack(logicalId: string, resource: unknown): NestedStack[] {
  if (!isObject(resource) || !isObject(resource['Properties'])) return [];
  const { Type, Properties, Metadata } = resource;
  const url = Type === 'AWS::CloudFormation::Stack' ? Properties['TemplateURL'] : undefined;
  const location = Type === 'AWS::Serverless::Application' ? Properties['Location'] : undefined;
  // The path of the template in a cloud assembly. Source: cx-api, ASSET_RESOURCE_METADATA_PATH_KEY.
  const asset = isObject(Metadata) ? Metadata['aws:asset:path'] : undefined;
  const [path] = [asset, url, location].filter((one) => typeof one === 'string');
  if ((url === undefined && location === undefined) || path === undefined) return [];
  return [
    { logicalId, file: fileOf(path), parameters: isObject(Properties['Parameters']) ? Properties['Parameters'] : {} },
  ];
}

/** True if a macro or a loop adds properties. */
function isMacroResource(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const known = macros.get(value);
  if (known !== undefined) return known;
  const isWritten =
    !Array.isArray(value) &&
    Object.keys(value).some((name) => name === 'Fn::Transform' || name.startsWith('Fn::ForEach::'));
  const found = isWritten || Object.values(value).some(isMacroResource);
  macros.set(value, found);
  return found;
}

/** Results for the objects of documents, which never change: readers of the same template under many choices share them. */
const macros = new WeakMap<object, boolean>();
const mentioned = new WeakMap<object, readonly string[]>();

/** Resources of SageMaker whose `Ref` is an ARN. Source: CloudFormation template reference, return values. */
const ARN_BY_REF: { readonly [type: string]: { readonly nameProperty: string; readonly resource: string } } = lookup({
  'AWS::SageMaker::Endpoint': { nameProperty: 'EndpointName', resource: 'endpoint' },
  'AWS::SageMaker::EndpointConfig': { nameProperty: 'EndpointConfigName', resource: 'endpoint-config' },
  'AWS::SageMaker::Model': { nameProperty: 'ModelName', resource: 'model' },
  'AWS::SageMaker::InferenceComponent': { nameProperty: 'InferenceComponentName', resource: 'inference-component' },
});

/** Logical ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` name anywhere inside a value. */
function mentionedIds(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const known = mentioned.get(value);
  if (known !== undefined) return known;
  const found = Array.isArray(value) ? value.flatMap(mentionedIds) : mentionedIn(value as Json);
  mentioned.set(value, found);
  return found;
}

function mentionedIn(value: Json): readonly string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name === 'Ref' && typeof inner === 'string') return [inner];
    if (name === 'Fn::GetAtt') return [plainText(Array.isArray(inner) ? inner[0] : inner).split('.')[0]!];
    const pattern: unknown = name === 'Fn::Sub' && Array.isArray(inner) ? inner[0] : inner;
    const inPattern =
      name === 'Fn::Sub' && typeof pattern === 'string'
        ? [...pattern.matchAll(/\$\{\s*([A-Za-z0-9]+(?:::[A-Za-z]+)?)/g)].map(([, id]) => id!)
        : [];
    return [...inPattern, ...mentionedIds(inner)];
  });
}

/** True if the value of a parameter is its text, not a name to look up. */
export function isPlainParameter(parameter: Json): boolean {
  return /^(String|Number|CommaDelimitedList|List<Number>)$/.test(plainText(parameter['Type'] ?? 'String'));
}
