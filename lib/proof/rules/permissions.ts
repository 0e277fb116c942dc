import type { Accusation } from '../finding';
import type { Endpoint, ProofModel } from '../model';
import type { Json, Resource } from '../template-reader';
import type { ProofRule } from './rule';

/** A statement of a policy document in a template. */
interface Statement {
  readonly at: Resource;
  readonly property: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** The document it stands in: grants of one document complete each other. */
  readonly document: Json;
}

function documentsOf(model: ProofModel): { at: Resource; property: string; document: Json }[] {
  const documents: { at: Resource; property: string; document: Json }[] = [];
  const add = (at: Resource, property: string, value: unknown): void => {
    const document = at.reader.object(value);
    if (document !== undefined) documents.push({ at, property, document });
  };
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::RolePolicy', 'AWS::IAM::UserPolicy']) {
    for (const at of model.ofType(type)) add(at, 'PolicyDocument', at.properties['PolicyDocument']);
  }
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::User', 'AWS::IAM::Group']) {
    for (const at of model.ofType(type)) {
      at.reader
        .objects(at.properties['Policies'])
        .forEach((policy, index) => add(at, `Policies.${index}.PolicyDocument`, policy['PolicyDocument']));
    }
  }
  // Before their transform, functions of the Serverless Application Model carry policies of their own.
  for (const at of model.ofType('AWS::Serverless::Function')) {
    at.reader.objects(at.properties['Policies']).forEach((one, index) => {
      if (one['Statement'] !== undefined) add(at, `Policies.${index}`, one);
    });
  }
  return documents;
}

function* allowed(model: ProofModel): Iterable<Statement> {
  for (const { at, property, document } of documentsOf(model)) {
    const { reader } = at;
    const written = document['Statement'];
    const statements = Array.isArray(written) ? reader.objects(written) : [reader.object(written) ?? {}];
    for (const [index, statement] of statements.entries()) {
      if (reader.text(statement['Effect']) !== 'Allow') continue;
      yield {
        at,
        property: `${property}.Statement.${index}`,
        actions: reader.texts(statement['Action']).map((action) => action.toLowerCase()),
        resources: reader.texts(statement['Resource']),
        document,
      };
    }
  }
}

/** Where managed policies are attached. */
const ATTACHED: readonly (readonly [type: string, property: string])[] = [
  ['AWS::IAM::Role', 'ManagedPolicyArns'],
  ['AWS::IAM::User', 'ManagedPolicyArns'],
  ['AWS::IAM::Group', 'ManagedPolicyArns'],
  ['AWS::Serverless::Function', 'Policies'],
];

const FULL_ACCESS = /(^|\/)AmazonSageMakerFullAccess$/;

function* fullAccess(model: ProofModel): Iterable<Accusation> {
  for (const [type, property] of ATTACHED) {
    for (const at of model.ofType(type)) {
      for (const arn of at.reader.texts(at.properties[property])) {
        if (!FULL_ACCESS.test(arn)) continue;
        yield {
          at,
          property,
          message: 'AmazonSageMakerFullAccess may read buckets, pass roles and change every endpoint of the account',
        };
      }
    }
  }
  for (const { at, property, actions, resources } of allowed(model)) {
    if (!actions.includes('sagemaker:*') || !resources.includes('*')) continue;
    yield {
      at,
      property,
      message: 'sagemaker:* on * may change and delete every endpoint of the account',
    };
  }
}

const INVOKE = 'sagemaker:invokeendpoint';
const ASYNC = 'sagemaker:invokeendpointasync';
const STREAM = 'sagemaker:invokeendpointwithresponsestream';

function grants(statement: Statement, action: string): boolean {
  return statement.actions.some((one) => matches(one, action));
}

function matches(pattern: string, action: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`).test(action);
}

function* invokeIncomplete(model: ProofModel): Iterable<Accusation> {
  const statements = [...allowed(model)];
  for (const statement of statements) {
    if (!grants(statement, INVOKE)) continue;
    const together = statements.filter(
      ({ document, resources }) =>
        document === statement.document && resources.some((one) => statement.resources.includes(one)),
    );
    const may = (action: string): boolean => together.some((one) => grants(one, action));
    const endpoints = endpointsOf(model, statement.resources);
    const { at, property } = statement;
    if (endpoints.some(({ kind }) => kind === 'async') && !may(ASYNC)) {
      yield {
        at,
        property: `${property}.Action`,
        message: 'the endpoint is asynchronous: it refuses InvokeEndpoint, and InvokeEndpointAsync is not granted',
        remedy: 'grant sagemaker:InvokeEndpointAsync',
        severity: 'error',
      };
      continue;
    }
    if (endpoints.length > 0 && endpoints.every(({ kind }) => kind === 'async' || kind === 'serverless')) continue;
    const missing = [
      ...(may(STREAM) ? [] : ['InvokeEndpointWithResponseStream']),
      ...(endpoints.length > 0 || may(ASYNC) ? [] : ['InvokeEndpointAsync']),
    ];
    if (missing.length === 0) continue;
    yield {
      at,
      property: `${property}.Action`,
      message: `InvokeEndpoint is granted without ${missing.join(' and ')}: callers of that kind are denied`,
    };
  }
}

/** The declared endpoints that some ARNs name. */
function endpointsOf(model: ProofModel, resources: readonly string[]): Endpoint[] {
  return resources.flatMap((resource) => {
    const name = /:endpoint\/([^/*]+)$/.exec(resource)?.[1];
    const endpoint = model.endpointNamed(name);
    return endpoint === undefined ? [] : [endpoint];
  });
}

/** Who may do what. */
export const PERMISSION_RULES: readonly ProofRule[] = [
  {
    id: 'full-access-policy',
    severity: 'error',
    reason: 'a role that serves one model may not be able to change all of them',
    remedy: 'grant what the model needs: its image, its files, its logs',
    source: 'SageMaker developer guide: execution roles; IAM user guide: least privilege',
    check: fullAccess,
  },
  {
    id: 'invoke-grant-incomplete',
    severity: 'warning',
    reason: 'asynchronous and streaming invocations are actions of their own',
    remedy: 'grant the kinds of invocation that callers use',
    source: 'Service authorization reference: Amazon SageMaker',
    check: invokeIncomplete,
  },
];
