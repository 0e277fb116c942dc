import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';

/** A resource of a synthesized template. */
export interface TemplateResource {
  readonly Type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly Properties?: any;
}

export interface SynthesizedTemplate {
  readonly Resources: { readonly [logicalId: string]: TemplateResource };
}

/** A statement with every reference resolved. */
export interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: string | string[] } };
}

/** Members of a statement that a template writes as a list or, with one item, as the item. */
interface Listed {
  readonly Action: string | string[];
  readonly Resource: string | string[];
}

const PSEUDO_PARAMETERS: { readonly [name: string]: string } = {
  'AWS::AccountId': LOCAL_ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::Region': LOCAL_REGION,
  'AWS::URLSuffix': 'amazonaws.com',
};

/** Resource part of an ARN by type; other types have `<kind>/<name>`. */
const ARN_RESOURCES: { readonly [type: string]: string } = {
  'AWS::EMRServerless::Application': '/applications/',
  'AWS::IAM::Role': 'role/',
  'AWS::KMS::Key': 'key/',
  'AWS::Lambda::Function': 'function:',
  'AWS::Logs::LogGroup': 'log-group:',
  'AWS::SNS::Topic': '',
  'AWS::SQS::Queue': '',
  'AWS::StepFunctions::StateMachine': 'stateMachine:',
  'AWS::SageMaker::EndpointConfig': 'endpoint-config/',
  'AWS::SageMaker::InferenceComponent': 'inference-component/',
};
const SERVICES: { readonly [name: string]: string } = { EMRServerless: 'emr-serverless', StepFunctions: 'states' };
/** Types whose `Ref` is the ARN. */
const REF_IS_ARN = /^AWS::(SNS::Topic|StepFunctions::StateMachine|SageMaker::(Endpoint|EndpointConfig|Model))$/;

/** Resolves the references of a template as a deployment would, with logical ids in lower case as names. */
export class ResolvedTemplate {
  public constructor(private readonly template: SynthesizedTemplate) {}

  public resources(type: string): [logicalId: string, resource: TemplateResource][] {
    return Object.entries(this.template.Resources).filter(([, { Type }]) => Type === type);
  }

  public resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [name, argument] = entries[0] ?? [];
    if (entries.length === 1 && name === 'Ref') return this.reference(argument as string);
    if (entries.length === 1 && name === 'Fn::GetAtt') return this.attribute(...(argument as [string, string]));
    if (entries.length === 1 && name === 'Fn::Join') {
      const [delimiter, parts] = argument as [string, unknown[]];
      return parts.map((part) => String(this.resolve(part))).join(delimiter);
    }
    if (entries.length === 1 && name === 'Fn::Sub') {
      const [text, given] = (typeof argument === 'string' ? [argument, {}] : argument) as [
        string,
        { [id: string]: unknown },
      ];
      return text.replace(/\$\{([\w:]+)\}/g, (_, id: string) =>
        id in given ? String(this.resolve(given[id])) : this.reference(id),
      );
    }
    if (entries.length === 1 && name?.startsWith('Fn::') === true) throw new Error(`${name} is not resolved here`);
    return Object.fromEntries(entries.map(([key, item]) => [key, this.resolve(item)]));
  }

  /** Statements of every policy of a role, by the role's logical id. */
  public statementsOfRole(roleId: string): Statement[] {
    const roleName = this.reference(roleId);
    return this.resources('AWS::IAM::Policy').flatMap(([, { Properties }]) => {
      const { Roles, PolicyDocument } = this.resolve(Properties) as {
        Roles: string[];
        PolicyDocument: { Statement: (Omit<Statement, 'Action' | 'Resource'> & Listed)[] };
      };
      if (!Roles.includes(roleName)) return [];
      return PolicyDocument.Statement.map(({ Action, Resource, ...statement }) => ({
        ...statement,
        Action: [Action].flat(),
        Resource: [Resource].flat(),
      }));
    });
  }

  private reference(id: string): string {
    if (PSEUDO_PARAMETERS[id] !== undefined) return PSEUDO_PARAMETERS[id];
    const type = this.template.Resources[id]?.Type ?? '';
    return REF_IS_ARN.test(type) ? this.arn(id) : this.name(id);
  }

  private attribute(id: string, attribute: string): string {
    return /Arn$/.test(attribute) || attribute === 'Id' ? this.arn(id) : this.name(id);
  }

  private name(id: string): string {
    const { Type, Properties } = this.template.Resources[id] ?? {};
    if (Type === 'AWS::SSM::Parameter') return String(this.resolve(Properties?.Name));
    return id.toLowerCase();
  }

  private arn(id: string): string {
    const type = this.template.Resources[id]!.Type;
    const [, service, kind] = type.split('::') as [string, string, string];
    if (type === 'AWS::S3::Bucket') return `arn:aws:s3:::${this.name(id)}`;
    const prefix = SERVICES[service] ?? service.toLowerCase();
    const region = service === 'IAM' ? '' : LOCAL_REGION;
    const resource = ARN_RESOURCES[type] ?? `${kind.toLowerCase()}/`;
    return `arn:aws:${prefix}:${region}:${LOCAL_ACCOUNT}:${resource}${this.name(id)}`;
  }
}
