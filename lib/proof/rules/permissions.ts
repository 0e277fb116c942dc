import type { Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import type { DeclaredEndpoint, Resource, TemplateModel } from '../../template';
import { calledBy, eventSources } from '../rule-support/event-sources';
import { streamsReplies } from '../rule-support/streaming-callers';
import type { ProofRule } from '../rule-support/rule';

/** A statement of a policy document in a template. */
interface Statement {
  readonly at: Resource;
  readonly property: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly isConditional: boolean;
  /** Principals with this grant: several grants to one principal complement each other. */
  readonly principals: readonly unknown[];
}

interface Document {
  readonly at: Resource;
  readonly property: string;
  readonly document: Json;
  readonly principals: readonly unknown[];
}

const ATTACHMENTS = ['Roles', 'Users', 'Groups', 'RoleName', 'UserName'] as const;

/** Roles, users and groups of a policy, and the document itself, which is all where they are unknown. */
function principalsOf(at: Resource, document: Json): unknown[] {
  const named = ATTACHMENTS.flatMap((name) => {
    const written = at.properties[name];
    const list: readonly unknown[] = Array.isArray(written) ? written : at.reader.isAbsent(written) ? [] : [written];
    return list.map((one) => at.reader.referenced(one) ?? at.reader.text(one)).filter((one) => one !== undefined);
  });
  const attaching =
    at.type === 'AWS::IAM::ManagedPolicy' ? at.reader.usersOf(at).filter(({ type }) => /^AWS::IAM::/.test(type)) : [];
  return [document, ...named, ...attaching];
}

function documentsOf(model: TemplateModel): Document[] {
  const documents: Document[] = [];
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy', 'AWS::IAM::RolePolicy', 'AWS::IAM::UserPolicy']) {
    for (const at of model.ofType(type)) {
      const document = at.reader.object(at.properties['PolicyDocument']);
      if (document === undefined) continue;
      documents.push({ at, property: 'PolicyDocument', document, principals: principalsOf(at, document) });
    }
  }
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::User', 'AWS::IAM::Group']) {
    for (const at of model.ofType(type)) {
      for (const [index, policy] of at.reader.objects(at.properties['Policies']).entries()) {
        const document = at.reader.object(policy['PolicyDocument']);
        if (document === undefined) continue;
        documents.push({ at, property: `Policies.${index}.PolicyDocument`, document, principals: [document, at] });
      }
    }
  }
  // Functions of the Serverless Application Model have inline policies.
  for (const at of model.ofType('AWS::Serverless::Function')) {
    at.reader.objects(at.properties['Policies']).forEach((document, index) => {
      if (document['Statement'] !== undefined) {
        documents.push({ at, property: `Policies.${index}`, document, principals: [document, at] });
      }
    });
  }
  return documents;
}

function* allowed(model: TemplateModel): Iterable<Statement> {
  for (const { at, property, document, principals } of documentsOf(model)) {
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
        isConditional: !reader.isAbsent(statement['Condition']),
        principals,
      };
    }
  }
}

/** Properties with managed policies. */
const ATTACHED: readonly (readonly [type: string, property: string])[] = [
  ['AWS::IAM::Role', 'ManagedPolicyArns'],
  ['AWS::IAM::User', 'ManagedPolicyArns'],
  ['AWS::IAM::Group', 'ManagedPolicyArns'],
  ['AWS::Serverless::Function', 'Policies'],
];

const FULL_ACCESS = /(^|\/)AmazonSageMakerFullAccess$/;

const ADMINISTRATOR = /(^|\/)AdministratorAccess$/;

/** True if SageMaker assumes a role: its models and endpoints run with it. */
function isOfSageMaker({ type, properties }: Resource): boolean {
  const trusted = JSON.stringify(properties['AssumeRolePolicyDocument'] ?? null);
  return type === 'AWS::IAM::Role' && /"sagemaker\.amazonaws\.com"/.test(trusted);
}

/** All resources, or all of SageMaker. */
const EVERYTHING = /^(\*|arn:[^:]*:sagemaker:[^:]*:[^:]*:\*)$/;

/** Workplaces of people and pipelines: AWS gives their roles full access on purpose. */
const WORKPLACES =
  /^AWS::(SageMaker::(Domain|UserProfile|Space|App|NotebookInstance|Pipeline|Project|Cluster|PartnerApp|MlflowTrackingServer)|CodeBuild::|CodePipeline::|StepFunctions::)/;

/** True if only workplaces use a role. */
function isOfWorkplaces(role: Resource): boolean {
  const users = role.reader.usersOf(role).filter(({ type }) => !/^AWS::IAM::/.test(type));
  return users.length > 0 && users.every(({ type }) => WORKPLACES.test(type));
}

function* fullAccess(model: TemplateModel): Iterable<RuleViolation> {
  for (const [type, property] of ATTACHED) {
    for (const at of model.ofType(type)) {
      if (isOfWorkplaces(at)) continue;
      for (const arn of at.reader.texts(at.properties[property])) {
        if (!FULL_ACCESS.test(arn)) continue;
        yield {
          at,
          property,
          message:
            'AmazonSageMakerFullAccess allows reading buckets, passing roles and changing every endpoint of the account',
        };
      }
    }
  }
  // Serving a model does not require administration of the account.
  for (const at of model.ofType('AWS::IAM::Role')) {
    const isAdministrator = at.reader.texts(at.properties['ManagedPolicyArns']).some((arn) => ADMINISTRATOR.test(arn));
    if (!isAdministrator || !isOfSageMaker(at) || isOfWorkplaces(at)) continue;
    yield {
      at,
      property: 'ManagedPolicyArns',
      message: 'SageMaker assumes the role, and AdministratorAccess lets a model do everything in the account',
    };
  }
  for (const { at, property, actions, resources, isConditional, principals } of allowed(model)) {
    const isEverything =
      actions.includes('*') &&
      principals.some(
        (one) => typeof one === 'object' && one !== null && 'reader' in one && isOfSageMaker(one as Resource),
      );
    if (
      (!actions.includes('sagemaker:*') && !isEverything) ||
      !resources.some((one) => EVERYTHING.test(one)) ||
      isConditional
    )
      continue;
    const roles = principals.filter(
      (one): one is Resource => typeof one === 'object' && one !== null && 'logicalId' in one,
    );
    if (roles.length > 0 && roles.every(isOfWorkplaces)) continue;
    yield {
      at,
      property,
      message: `${isEverything ? '*' : 'sagemaker:*'} on * allows changing and deleting every endpoint of the account`,
    };
  }
}

const INVOKE = 'sagemaker:invokeendpoint';
const ASYNC = 'sagemaker:invokeendpointasync';
const STREAM = 'sagemaker:invokeendpointwithresponsestream';
const CONVERSATION = 'sagemaker:invokeendpointwithbidirectionalstream';

function grants(statement: Statement, action: string): boolean {
  return statement.actions.some((one) => matches(one, action));
}

/** True if a text matches a pattern of IAM, in which `*` matches any text and `?` any character. */
function matches(pattern: string, text: string): boolean {
  let [at, position, star, resume] = [0, 0, -1, 0];
  while (position < text.length) {
    if (at < pattern.length && (pattern[at] === '?' || (pattern[at] === text[position] && pattern[at] !== '*'))) {
      at++;
      position++;
    } else if (pattern[at] === '*') {
      star = at++;
      resume = position;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else return false;
  }
  return [...pattern.slice(at)].every((letter) => letter === '*');
}

/** Function with a grant that shows that it streams. */
function streamingCaller({ principals }: Statement): Resource | undefined {
  const known = principals.filter(
    (one): one is Resource => typeof one === 'object' && one !== null && 'logicalId' in one,
  );
  return known.flatMap((one) => [one, ...one.reader.usersOf(one)]).find(streamsReplies);
}

function* invokeIncomplete(model: TemplateModel): Iterable<RuleViolation> {
  const statements = [...allowed(model)];
  for (const statement of statements) {
    if (!grants(statement, INVOKE)) continue;
    const together = statements.filter(({ principals }) =>
      principals.some((one) => statement.principals.includes(one)),
    );
    const may = (action: string): boolean => together.some((one) => grants(one, action));
    const { exact, all } = endpointsOf(model, statement.resources);
    const { at } = statement;
    const property = `${statement.property}.Action`;
    const isRefused = exact.some(({ kind }) => kind === 'async');
    if ((isRefused || (all.length > 0 && all.every(({ kind }) => kind === 'async'))) && !may(ASYNC)) {
      yield {
        at,
        property,
        message: 'the endpoint is asynchronous: it rejects InvokeEndpoint, and InvokeEndpointAsync is not granted',
        remedy: 'grant sagemaker:InvokeEndpointAsync',
        // The pattern may match endpoints of other templates.
        severity: isRefused ? 'error' : 'warning',
      };
    } else if (all.some((endpoint) => streams(model, endpoint)) && !may(STREAM) && !may(CONVERSATION)) {
      const caller = streamingCaller(statement);
      if (caller === undefined) continue;
      yield {
        at,
        property,
        message: `the endpoint serves a language model, and ${caller.logicalId} streams its replies: without InvokeEndpointWithResponseStream it is denied, or waits for whole replies`,
        remedy: 'grant sagemaker:InvokeEndpointWithResponseStream',
      };
    }
  }
}

/** Grants on the name of an endpoint instead of its ARN. */
function* grantedByName(model: TemplateModel): Iterable<RuleViolation> {
  for (const { at, property, actions, resources } of allowed(model)) {
    if (!actions.some((action) => /^sagemaker:invoke/.test(action))) continue;
    const name = resources.find((one) => !/^(\*|arn:)/.test(one) && model.endpointNamed(one) !== undefined);
    if (name === undefined) continue;
    yield {
      at,
      property: `${property}.Resource`,
      message: `'${name}' is the name of an endpoint; IAM accepts only ARNs`,
      remedy: 'use Ref of the endpoint, which is its ARN',
      severity: 'error',
    };
  }
}

/** Grants of streams in both directions alone, on endpoints that have none. */
function* conversationAlone(model: TemplateModel): Iterable<RuleViolation> {
  const statements = [...allowed(model)];
  for (const statement of statements) {
    if (!grants(statement, CONVERSATION) || grants(statement, INVOKE) || grants(statement, ASYNC)) continue;
    const together = statements.filter(({ principals }) =>
      principals.some((one) => statement.principals.includes(one)),
    );
    const { exact } = endpointsOf(model, statement.resources);
    const [first] = exact;
    if (first === undefined || !exact.every(({ kind }) => kind === 'async' || kind === 'serverless')) continue;
    const action = first.kind === 'async' ? ASYNC : INVOKE;
    if (together.some((one) => grants(one, action))) continue;
    yield {
      at: statement.at,
      property: `${statement.property}.Action`,
      message: `endpoint ${first.resource.logicalId} is ${first.kind} and has no streams in both directions, and ${action === ASYNC ? 'InvokeEndpointAsync' : 'InvokeEndpoint'} is not granted`,
      remedy: `grant sagemaker:${action === ASYNC ? 'InvokeEndpointAsync' : 'InvokeEndpoint'}`,
      severity: 'error',
    };
  }
}

/** Grants of asynchronous invocations alone, on endpoints that reject them. */
function* asyncAlone(model: TemplateModel): Iterable<RuleViolation> {
  const statements = [...allowed(model)];
  for (const statement of statements) {
    if (!grants(statement, ASYNC)) continue;
    const together = statements.filter(({ principals }) =>
      principals.some((one) => statement.principals.includes(one)),
    );
    if (together.some((one) => [INVOKE, STREAM, CONVERSATION].some((action) => grants(one, action)))) continue;
    const { exact } = endpointsOf(model, statement.resources);
    if (exact.length === 0 || !exact.every(({ kind }) => kind !== undefined && kind !== 'async')) continue;
    yield {
      at: statement.at,
      property: `${statement.property}.Action`,
      message: `endpoint ${exact[0]!.resource.logicalId} is ${exact[0]!.kind}: it rejects InvokeEndpointAsync, and InvokeEndpoint is not granted`,
      remedy: 'grant sagemaker:InvokeEndpoint',
      severity: 'error',
    };
  }
}

/** Declared endpoints that some ARNs name, and those that patterns also match. */
function endpointsOf(
  model: TemplateModel,
  resources: readonly string[],
): { readonly exact: DeclaredEndpoint[]; readonly all: DeclaredEndpoint[] } {
  const exact = new Set<DeclaredEndpoint>();
  const all = new Set<DeclaredEndpoint>();
  for (const resource of resources) {
    const name = /:endpoint\/(.+)$/.exec(resource)?.[1]?.toLowerCase();
    const endpoint = name === undefined ? undefined : model.endpointNamed(name);
    if (endpoint !== undefined) {
      exact.add(endpoint);
      all.add(endpoint);
    }
    for (const one of model.endpoints) {
      const isMatched =
        resource === '*' || (name?.includes('*') === true && matches(name, one.name?.toLowerCase() ?? ''));
      if (isMatched) all.add(one);
    }
  }
  return { exact: [...exact], all: [...all] };
}

/** Servers of language models, by names of images and settings. */
const LANGUAGE_MODEL =
  /vllm|sglang|-lmi|djl-inference|tgi-inference|text-generation-inference|huggingface-llm|tensorrt-?llm|OPTION_ROLLING_BATCH|SM_VLLM_|SM_SGLANG_|MAX_TOTAL_TOKENS/i;

function streams(model: TemplateModel, endpoint: DeclaredEndpoint): boolean {
  const { variants, kind, config } = endpoint;
  if (config === undefined) return false;
  if (kind === 'inference-component') {
    return model.components.some(({ resource, endpoint: host }) => {
      if (host !== endpoint) return false;
      const specification = resource.reader.object(resource.properties['Specification']);
      const found = model.modelNamed(resource, specification?.['ModelName']);
      return LANGUAGE_MODEL.test(JSON.stringify([specification, found?.properties]));
    });
  }
  if (kind !== 'real-time') return false;
  return variants.some(({ properties }) => {
    const found = model.modelNamed(config, properties['ModelName']);
    return found !== undefined && LANGUAGE_MODEL.test(JSON.stringify(found.properties));
  });
}

/** Managed policies of AWS that functions have and that grant no invocation. */
const WITHOUT_INVOCATION =
  /(^|\/)(AWSLambda(Basic|VPCAccess|Kinesis|SQSQueue|DynamoDB|MSK)ExecutionRole|AWSXRayDaemonWriteAccess|AWSXrayWriteOnlyAccess|CloudWatchLambdaInsightsExecutionRolePolicy)$/;

/** True if all that a role allows is known. */
function isWhollyKnown(role: Resource, attached: readonly Resource[]): boolean {
  const { reader, properties } = role;
  const managed = properties['ManagedPolicyArns'];
  const arns: readonly unknown[] = Array.isArray(managed) ? managed : reader.isAbsent(managed) ? [] : [managed];
  const areKnown = arns.every((arn) => WITHOUT_INVOCATION.test(reader.text(arn) ?? ''));
  const written = JSON.stringify([properties['Policies'], ...attached.map((one) => one.properties)]);
  return areKnown && !/"NotAction"|"Action":(\{|\[[^\]]*\{)|"Fn::If"|"Fn::Transform"/.test(written);
}

/** Actions by which a function may reach an endpoint through another role or function, or change the endpoint instead of invoking it. */
const OTHER_WAYS = [
  'sts:assumerole',
  'lambda:invokefunction',
  'states:startexecution',
  'states:startsyncexecution',
  'execute-api:invoke',
  'sagemaker:createendpoint',
  'sagemaker:updateendpoint',
  'sagemaker:updateendpointweightsandcapacities',
  'sagemaker:deleteendpoint',
];

/** Functions that are given requests and the name of an endpoint, and whose role certainly allows no invocation. */
function* notGranted(model: TemplateModel): Iterable<RuleViolation> {
  const statements = [...allowed(model)];
  for (const consumer of new Set(eventSources(model).map((one) => one.consumer))) {
    if (consumer?.type !== 'AWS::Lambda::Function' || calledBy(model, consumer).length === 0) continue;
    const role = consumer.reader.referenced(consumer.properties['Role']);
    if (role?.type !== 'AWS::IAM::Role') continue;
    const attached = role.reader.usersOf(role).filter(({ type }) => /^AWS::IAM::/.test(type));
    if (!isWhollyKnown(role, attached)) continue;
    const own = statements.filter(({ principals, at }) => principals.includes(role) || attached.includes(at));
    if (own.some((one) => [INVOKE, ASYNC, STREAM, CONVERSATION, ...OTHER_WAYS].some((action) => grants(one, action))))
      continue;
    yield {
      at: consumer,
      property: 'Role',
      message: `${consumer.logicalId} is given records and the name of an endpoint, and ${role.logicalId} allows no invocation: every batch fails`,
    };
  }
}

/** Rules about permissions. */
export const PERMISSION_RULES: readonly ProofRule[] = [
  {
    id: 'full-access-policy',
    severity: 'warning',
    reason: 'a role that serves one model should not be able to change all of them',
    remedy: 'grant only the image, the files and the logs of the model',
    source: 'SageMaker developer guide: execution roles; IAM user guide: least privilege',
    check: fullAccess,
  },
  {
    id: 'invoke-not-granted',
    severity: 'warning',
    reason: 'a consumer that may not invoke its endpoint fails on every record',
    remedy: 'grant sagemaker:InvokeEndpoint on the endpoint to the role',
    source: 'Service authorization reference: Amazon SageMaker (InvokeEndpoint)',
    check: notGranted,
  },
  {
    id: 'invoke-grant-incomplete',
    severity: 'warning',
    reason: 'asynchronous and streaming invocations are separate actions',
    remedy: 'grant the kinds of invocation that callers use',
    source: 'Service authorization reference: Amazon SageMaker',
    check: function* (model) {
      yield* invokeIncomplete(model);
      yield* asyncAlone(model);
      yield* conversationAlone(model);
      yield* grantedByName(model);
    },
  },
];
