import { InputError } from '../../core/errors';

/** A node of a template's JSON. */
export interface Json {
  readonly [name: string]: unknown;
}

/** One resource as the template declares it. */
export interface TemplateResource {
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Json;
}

/** What the template itself does not say. */
export interface TemplateOptions {
  /** The file's name, for messages. */
  readonly name: string;
  /** What `AWS::Region` stands for. @default us-east-1 */
  readonly region?: string;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A synthesized CloudFormation template: its resources, and its expressions resolved as far as they can be before a deployment. */
export class Template {
  public readonly name: string;
  public readonly region: string;
  private readonly resources: ReadonlyMap<string, TemplateResource>;
  private readonly parameters: Json;

  /** @throws InputError when the document is no template. */
  public constructor(document: unknown, options: TemplateOptions) {
    this.name = options.name;
    this.region = options.region ?? 'us-east-1';
    if (!isObject(document) || !isObject(document['Resources'])) {
      throw new InputError(
        `${this.name}: the JSON has no Resources, so it is no CloudFormation template; give a file such as cdk.out/STACK.template.json`,
      );
    }
    this.parameters = isObject(document['Parameters']) ? document['Parameters'] : {};
    const resources = new Map<string, TemplateResource>();
    for (const [logicalId, resource] of Object.entries(document['Resources'])) {
      if (!isObject(resource) || typeof resource['Type'] !== 'string') {
        throw new InputError(`${this.name}: resource ${logicalId} has no Type; synthesize the template again`);
      }
      const properties = isObject(resource['Properties']) ? resource['Properties'] : {};
      resources.set(logicalId, { logicalId, type: resource['Type'], properties });
    }
    this.resources = resources;
  }

  public ofType(type: string): TemplateResource[] {
    return [...this.resources.values()].filter((resource) => resource.type === type);
  }

  public resource(logicalId: string): TemplateResource | undefined {
    return this.resources.get(logicalId);
  }

  /** The logical id that a reference (`Ref` or `Fn::GetAtt`) names. */
  public referenceOf(value: unknown): string | undefined {
    if (!isObject(value)) return undefined;
    if (typeof value['Ref'] === 'string') return value['Ref'];
    const attribute = value['Fn::GetAtt'];
    if (Array.isArray(attribute)) return String(attribute[0]);
    return typeof attribute === 'string' ? attribute.split('.')[0] : undefined;
  }

  /**
   * A value as text. A name that only the deployment gives becomes `<LogicalId>`, the same wherever it is used, so that two
   * references to one thing stay equal.
   */
  public text(value: unknown): string {
    if (!isObject(value)) return value === undefined || value === null ? '' : String(value);
    if ('Ref' in value) return this.reference(String(value['Ref']));
    if ('Fn::GetAtt' in value) {
      const attribute = value['Fn::GetAtt'];
      const [logicalId, name] = Array.isArray(attribute) ? attribute.map(String) : String(attribute).split('.');
      return this.attribute(logicalId ?? '', name ?? '');
    }
    if (Array.isArray(value['Fn::Join'])) {
      const [delimiter, parts] = value['Fn::Join'] as [unknown, unknown];
      return Array.isArray(parts) ? parts.map((part) => this.text(part)).join(String(delimiter)) : this.text(parts);
    }
    if ('Fn::Sub' in value) return this.substitute(value['Fn::Sub']);
    if (Array.isArray(value['Fn::Select'])) {
      const [index, list] = value['Fn::Select'] as [unknown, unknown];
      return Array.isArray(list) ? this.text(list[Number(index)]) : `<Select ${String(index)}>`;
    }
    if ('Fn::ImportValue' in value) return `<${this.text(value['Fn::ImportValue'])}>`;
    return `<${Object.keys(value)[0] ?? 'unknown'}>`;
  }

  /** A value as a number; undefined where it is left out. */
  public number(value: unknown, what: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    const text = this.text(value).trim();
    const number = text === '' ? NaN : Number(text);
    if (Number.isFinite(number)) return number;
    throw new InputError(
      `${this.name}: ${what} is '${text}', which is no number that is known before the deployment; give the parameter a default or write the number`,
    );
  }

  private reference(name: string): string {
    switch (name) {
      case 'AWS::Region':
        return this.region;
      case 'AWS::AccountId':
        return '123456789012';
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return this.name.replace(/^.*\//, '').replace(/\.template\.json$/, '');
    }
    const parameter = this.parameters[name];
    if (isObject(parameter) && parameter['Default'] !== undefined) return String(parameter['Default']);
    return `<${name}>`;
  }

  private attribute(logicalId: string, name: string): string {
    const declared = this.resources.get(logicalId)?.properties[name];
    if (declared !== undefined && !isObject(declared) && !Array.isArray(declared)) return String(declared);
    return name.endsWith('Name') ? `<${logicalId}>` : `<${logicalId}.${name}>`;
  }

  private substitute(value: unknown): string {
    const [pattern, variables] = Array.isArray(value) ? [String(value[0]), value[1]] : [String(value), undefined];
    return pattern.replace(/\$\{([^!}][^}]*)\}/g, (_whole, name: string) => {
      if (isObject(variables) && name in variables) return this.text(variables[name]);
      const [logicalId, attribute] = name.split('.');
      return attribute === undefined ? this.reference(name) : this.attribute(logicalId!, attribute);
    });
  }
}
