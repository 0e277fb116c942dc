import { ArnFormat, Duration, Lazy, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import { hostedBy } from '../inference/contract';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { checkAutoDeleteObjects } from '../runtime/emptied-bucket';
import { HandlerFunction } from '../runtime/handler-function';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { MODELS_PREFIX } from '../training/training-roles';
import { JOB_NAME_TERMINATOR, MAX_JOB_NAME_PREFIX_LENGTH } from '../training/training-states';
import { ROLLOUT_ENVIRONMENT, type RolloutConfiguration } from './contract';
import { evaluationJob, EVALUATION_REPORTS_PREFIX } from './evaluation-job';
import { type ModelRolloutProps, RolloutApproval } from './model-rollout-props';
import { checkRolloutProps, gateLimits, shadowSettings } from './rollout-checks';
import { rolloutStates } from './rollout-states';

/** Maximum length of a name before the hashes (17 characters) and `-shadow`, within SageMaker's 63 characters. */
const MAX_NAME_PREFIX_LENGTH = 38;

/** Longest execution: an evaluation, a shadow and the longest update of an endpoint, which SageMaker ends after 8 hours. */
const TIMEOUT = Duration.days(3);

/**
 * Rolls versions of a model out to an endpoint: measures each beside the live model on a frozen set, lets a gate decide, shows it to a shadow if asked, and
 * updates the endpoint by its own rollout and alarms. A rolled-out version stays over the deployments of the stack.
 *
 * Creates a Step Functions state machine with a handler, a bucket of reports, a role of the evaluation jobs, and rules that start it for every version
 * that is registered or approved. Its input is the output of a pipeline with a registry, `{"ModelPackageArn": "arn:..."}`; its output has the outcome, the
 * reasons, the measures and the next step.
 *
 * @example
 * new rollout.ModelRollout(this, 'Rollout', {
 *   endpoint,
 *   live,
 *   registry,
 *   models: [pipeline.modelBucket],
 *   evaluationData: bucket,
 *   evaluationDataPrefix: 'frozen/',
 *   image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312',
 *   maxRuntime: Duration.hours(1),
 * });
 */
export class ModelRollout extends Construct {
  /** State machine; start an execution of it with `{"ModelPackageArn": "arn:..."}`, or with `{"Restore": true}`. */
  public readonly stateMachine: sfn.StateMachine;

  /** Function that makes the decisions and changes the endpoint. */
  public readonly handler: lambda.Function;

  /** Bucket of the reports: `reports/<execution>/report.json`, and `profile.json` for `simulate --profile` beside it. */
  public readonly reportsBucket: s3.Bucket;

  /** Beginning of the names of all evaluation jobs of this rollout and of no other. */
  public readonly jobNamePrefix: string;

  /** Queue of events that could not start an execution, which should be empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: ModelRolloutProps) {
    super(scope, id);
    const instanceTypes = [...(props.instanceTypes ?? props.endpoint.instanceTypes)];
    throwProblems(this.node.path, [...checkRolloutProps(props, instanceTypes), ...checkAutoDeleteObjects(props)]);
    this.jobNamePrefix = `${props.jobNamePrefix ?? shortName(this, MAX_JOB_NAME_PREFIX_LENGTH)}${JOB_NAME_TERMINATOR}`;
    const namePrefix = `${shortName(this, MAX_NAME_PREFIX_LENGTH - JOB_NAME_TERMINATOR.length)}${JOB_NAME_TERMINATOR}`;
    this.reportsBucket = hardenedBucket(this, 'Reports', {
      accessLogsBucket: props.accessLogsBucket,
      accessLogsPrefix: `${this.node.id}/`,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      autoDeleteObjects: props.autoDeleteObjects,
      noncurrentVersionExpiration: Duration.days(90),
    });
    this.handler = this.createHandler(props, namePrefix);
    this.stateMachine = this.createStateMachine(props, instanceTypes);
    this.allowModel(props, namePrefix);
    props.endpoint._rolledOutAs(namePrefix);
    this.deadLetterQueue = deadLetterQueue(this, 'DeadLetters', 'the event rules');
    this.startBy(props);
  }

  /**
   * Allows a principal to start a rollout.
   *
   * @param grantee principal that may start it
   */
  public grantStart(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: [this.stateMachine.stateMachineArn],
    });
  }

  /**
   * Number of executions that failed: rolled back, or without a decision. A refused version is no failure.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricFailed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.stateMachine.metricFailed({ statistic: 'Sum', period: Duration.minutes(5), ...options });
  }

  private createHandler(props: ModelRolloutProps, namePrefix: string): HandlerFunction {
    const stack = Stack.of(this);
    const { endpoint, live, registry } = props;
    const declared = endpointOf(endpoint);
    const configuration = (): { readonly [Name in keyof RolloutConfiguration]: unknown } => ({
      endpointName: endpoint.endpointName,
      variantName: endpoint.variantName,
      parameterName: live.parameter.parameterName,
      namePrefix,
      hostedBy: hostedBy({ kind: 'endpoint', name: declared.endpointName! }),
      approval: props.approval ?? RolloutApproval.AUTOMATIC,
      limits: gateLimits(props.gate),
      reports: { bucket: this.reportsBucket.bucketName, prefix: EVALUATION_REPORTS_PREFIX },
      deployment: inPascalCase(stack.resolve(declared.deploymentConfig)),
      shadow: shadowSettings(props.shadow),
    });
    const handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'model-rollout',
      description: 'Decides about versions of a model and updates the endpoint',
      timeout: Duration.minutes(2),
      environment: {
        // Variants may be added to the endpoint after this construct, which changes its deployment.
        [ROLLOUT_ENVIRONMENT.configuration]: Lazy.string({ produce: () => stack.toJsonString(configuration()) }),
      },
    });
    acknowledgeControl(
      handler,
      'LambdaDLQ',
      'A state machine calls the function and has its error; a dead letter would have no reader.',
    );
    const anyOf = (resource: string): string => stack.formatArn({ service: 'sagemaker', resource, resourceName: '*' });
    const own = (resource: string): string =>
      stack.formatArn({ service: 'sagemaker', resource, resourceName: `${namePrefix}*` });
    const alarms = stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: `${namePrefix}*`,
      arnFormat: ALARM_FORMAT,
    });
    const described = [anyOf('endpoint-config'), anyOf('model')];
    const reports = this.reportsBucket.arnForObjects(`${EVALUATION_REPORTS_PREFIX}*`);
    const created = { tags: ['tags'] as const };
    const policy = new iam.Policy(this, 'HandlerPolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'DecideAboutVersions',
          actions: ['sagemaker:DescribeModelPackage', 'sagemaker:UpdateModelPackage'],
          resources: [registry.modelPackageArns],
        }),
        new iam.PolicyStatement({
          sid: 'UpdateTheEndpoint',
          actions: ['sagemaker:DescribeEndpoint', 'sagemaker:UpdateEndpoint'],
          resources: [endpoint.endpointArn],
        }),
        new iam.PolicyStatement({
          sid: 'ReadWhatItServes',
          actions: ['sagemaker:DescribeEndpointConfig', 'sagemaker:ListTags'],
          resources: [described[0]!],
        }),
        new iam.PolicyStatement({
          sid: 'ReadItsModel',
          actions: ['sagemaker:DescribeModel'],
          resources: [described[1]!],
        }),
        new iam.PolicyStatement({
          sid: 'CreateTheNext',
          actions: ['sagemaker:CreateEndpointConfig', 'sagemaker:CreateModel'],
          resources: [own('endpoint-config'), own('model')],
        }),
        ...dependentStatements(this, [
          {
            call: 'sagemaker:CreateModel',
            cases: created.tags,
            arns: { ExecutionRoleArn: [endpoint.executionRole.roleArn], CreatedArn: [own('model')] },
          },
          {
            call: 'sagemaker:CreateEndpointConfig',
            cases: created.tags,
            arns: { CreatedArn: [own('endpoint-config')] },
          },
          // The configuration before a shadow is one of the stack, or of an earlier execution.
          {
            call: 'sagemaker:UpdateEndpoint',
            arns: { EndpointConfigArn: props.shadow === undefined ? [own('endpoint-config')] : [described[0]!] },
          },
        ]),
        new iam.PolicyStatement({
          sid: 'WatchTheUpdate',
          actions: ['cloudwatch:DeleteAlarms', 'cloudwatch:PutMetricAlarm'],
          resources: [alarms],
        }),
        new iam.PolicyStatement({
          sid: 'ReadMetrics',
          actions: ['cloudwatch:DescribeAlarms', ...(props.shadow === undefined ? [] : ['cloudwatch:GetMetricData'])],
          resources: ['*'],
        }),
        new iam.PolicyStatement({
          sid: 'KeepTheLiveModel',
          actions: ['ssm:GetParameter', 'ssm:PutParameter'],
          resources: [live.parameter.parameterArn],
        }),
        new iam.PolicyStatement({ sid: 'ReadReports', actions: ['s3:GetObject'], resources: [reports] }),
        ...dependentStatements(this, [
          { call: 's3:GetObject', cases: ['missing-object'], arns: { BucketArn: [this.reportsBucket.bucketArn] } },
        ]),
      ],
    });
    policy.attachToRole(handler.role!);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [registry.modelPackageArns, own('endpoint-config'), own('model'), alarms, reports],
      'Versions, configurations, models, alarms and reports are named at run time, below these prefixes.',
    );
    acknowledgeWildcards(
      policy,
      described,
      'CloudFormation generates the names of the configurations and models that the endpoint serves; they are read, never changed.',
    );
    acknowledgeWildcards(
      policy,
      ['*'],
      'DescribeAlarms with a narrower scope returns no composite alarm, which a rollout may name; GetMetricData supports no resource-level permissions.',
    );
    return handler;
  }

  private createStateMachine(props: ModelRolloutProps, instanceTypes: readonly string[]): sfn.StateMachine {
    const { plan, role } = evaluationJob(this, props, {
      instanceTypes,
      jobNamePrefix: this.jobNamePrefix,
      reportsBucket: this.reportsBucket,
    });
    const states = rolloutStates(this, {
      handlerArn: this.handler.functionArn,
      shadowSeconds: props.shadow?.duration.toSeconds(),
      evaluation: plan,
    });
    return this.createMachine(states, this.machinePolicy(role, props.guardTable));
  }

  private createMachine(states: sfn.IChainable, role: iam.Role): sfn.StateMachine {
    return loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromChainable(states),
      timeout: TIMEOUT,
      after: [role.node.findChild('Policy')],
    });
  }

  /** Role of the state machine: to run evaluation jobs and the handler. */
  private machinePolicy(jobRole: iam.IRole, guardTable: ModelRolloutProps['guardTable']): iam.Role {
    const role = stateMachineRole(this, 'Evaluates versions of a model and rolls them out');
    const job = Stack.of(this).formatArn({
      service: 'sagemaker',
      resource: 'training-job',
      resourceName: `${this.jobNamePrefix}*`,
    });
    guardTable?.encryptionKey?.grantDecrypt(role);
    const policy = new iam.Policy(role, 'Policy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'Decide',
          actions: ['lambda:InvokeFunction'],
          resources: [this.handler.functionArn],
        }),
        ...(guardTable === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'ReadGuard',
                actions: ['dynamodb:GetItem'],
                resources: [guardTable.tableArn],
              }),
            ]),
        new iam.PolicyStatement({ sid: 'Evaluate', actions: ['sagemaker:CreateTrainingJob'], resources: [job] }),
        ...dependentStatements(this, [
          { call: 'states:::sagemaker:createTrainingJob.sync', arns: { TrainingJobArn: [job] } },
          { call: 'sagemaker:CreateTrainingJob', arns: { RoleArn: [jobRole.roleArn] } },
        ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, [job], 'Every evaluation creates a job with a new name below this prefix.');
    return role;
  }

  /** Allows the endpoint to read the artifacts of versions, and SageMaker to read the alarms of an update with its role. */
  private allowModel({ endpoint, models, live }: ModelRolloutProps, namePrefix: string): void {
    const stack = Stack.of(this);
    const { bucket: firstBucket, key: firstKey, isPrefix } = live._initial;
    const first = firstBucket.arnForObjects(isPrefix ? `${firstKey}*` : firstKey);
    const folder = isPrefix ? [first] : [];
    const objects = models.map((bucket) => bucket.arnForObjects(`${MODELS_PREFIX}*`));
    const alarms = stack.formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: `${namePrefix}*`,
      arnFormat: ALARM_FORMAT,
    });
    const policy = new iam.Policy(this, 'ServingPolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'ReadVersions',
          actions: ['s3:GetObject'],
          // The model of the stack too, which a rollback of the stack may return to.
          resources: [...objects, first],
        }),
        ...[
          ...models.map((bucket) => ({ bucket, prefix: MODELS_PREFIX })),
          ...(isPrefix ? [{ bucket: firstBucket, prefix: firstKey }] : []),
        ].map(
          ({ bucket, prefix }) =>
            new iam.PolicyStatement({
              actions: ['s3:ListBucket'],
              resources: [bucket.bucketArn],
              conditions: { StringLike: { 's3:prefix': `${prefix}*` } },
            }),
        ),
        new iam.PolicyStatement({ sid: 'ReadAlarms', actions: ['cloudwatch:DescribeAlarms'], resources: [alarms] }),
      ],
    });
    policy.attachToRole(endpoint.executionRole);
    for (const bucket of [...models, firstBucket]) {
      grantKeyUse(bucket.encryptionKey, endpoint.executionRole, 's3:GetObject');
    }
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [...objects, ...folder, alarms],
      'Versions and alarms are named at run time, below these prefixes.',
    );
  }

  /** Rules that start an execution: for versions, and where a failed deployment of the stack has returned to an earlier model. */
  private startBy({ registry, startOnRegistration }: ModelRolloutProps): void {
    const start = (input: events.RuleTargetInput): targets.SfnStateMachine =>
      new targets.SfnStateMachine(this.stateMachine, { input, deadLetterQueue: this.deadLetterQueue });
    if (startOnRegistration ?? true) {
      new events.Rule(this, 'Versions', {
        description: 'Starts a rollout for every version that is registered or approved',
        eventPattern: {
          source: ['aws.sagemaker'],
          detailType: ['SageMaker Model Package State Change'],
          detail: {
            ModelPackageGroupName: [registry.modelPackageGroupName],
            ModelApprovalStatus: ['PendingManualApproval', 'Approved'],
          },
        },
        targets: [
          start(
            events.RuleTargetInput.fromObject({
              ModelPackageArn: events.EventField.fromPath('$.detail.ModelPackageArn'),
            }),
          ),
        ],
      });
    }
    new events.Rule(this, 'StackRollbacks', {
      description: 'Restores the live model after a deployment of the stack has failed',
      eventPattern: {
        source: ['aws.cloudformation'],
        detailType: ['CloudFormation Stack Status Change'],
        detail: {
          'stack-id': [Stack.of(this).stackId],
          'status-details': { status: ['UPDATE_ROLLBACK_COMPLETE'] },
        },
      },
      targets: [start(events.RuleTargetInput.fromObject({ Restore: true }))],
    });
    new events.Rule(this, 'EarlyEnds', {
      description:
        'Takes a shadow and alarms away that an execution has left on the endpoint, and restores the live model',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [this.stateMachine.stateMachineArn],
          status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
          // One that restores and fails is not repeated.
          input: events.Match.anythingButPrefix('{"Restore"'),
        },
      },
      targets: [
        start(
          events.RuleTargetInput.fromObject({
            Restore: true,
            Abandoned: events.EventField.fromPath('$.detail.executionArn'),
          }),
        ),
      ],
    });
    // The role of the rules is a child of the state machine; the role of the state machine is not.
    acknowledgeInlinePolicy(this.stateMachine);
  }
}

const ALARM_FORMAT = ArnFormat.COLON_RESOURCE_NAME;

/** Declared endpoint of a construct. */
function endpointOf(endpoint: Construct): sagemaker.CfnEndpoint {
  const found = endpoint.node.findAll().find((one) => one instanceof sagemaker.CfnEndpoint);
  if (found === undefined) throw new InputError(`${endpoint.node.path}: the endpoint is not declared in this app`);
  return found;
}

/** Members in the case of the API, which the properties of CloudFormation resources have in camel case. */
function inPascalCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inPascalCase);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const isIntrinsic = entries.length === 1 && /^(Ref|Fn::)/.test(entries[0]![0]);
  if (isIntrinsic) return value;
  return Object.fromEntries(
    entries.map(([name, item]) => [name.charAt(0).toUpperCase() + name.slice(1), inPascalCase(item)]),
  );
}

function shortName(scope: Construct, maxLength: number): string {
  const name = Names.uniqueResourceName(scope, { maxLength, separator: '-' });
  return name
    .toLowerCase()
    .replace(/--+/g, '-')
    .replace(/^-+|-+$/g, '');
}
