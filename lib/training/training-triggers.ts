import { ArnFormat, Aws, Duration, Stack, Token } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { checkKeyPrefix } from '../runtime/key-prefix';
import { checkWholeDurations } from '../runtime/whole-amounts';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { TRAINING_TRIGGER, triggerStates } from './training-trigger-states';
import type { TrainingTriggersProps } from './training-triggers-props';

const DEFAULT_MAX_OBJECTS = 100_000;

/**
 * Starts a training pipeline when it is due: by a schedule, by the volume of new data, by an alarm, or by hand.
 *
 * Creates a state machine that decides, with a rule for each trigger. It starts no run while one is in progress, and none sooner than the minimum
 * interval; the input of a run names the last model, `ModelDataUrl`, for a pipeline that learns incrementally. The output of each execution says whether
 * a run was started, and why not.
 *
 * @example
 * new training.TrainingTriggers(this, 'Triggers', {
 *   pipeline,
 *   minInterval: Duration.hours(12),
 *   newData: { bucket: requests.resultsBucket, prefix: 'measurements/', minSize: Size.mebibytes(100) },
 * });
 */
export class TrainingTriggers extends Construct {
  /** State machine that decides; start an execution with `{"Trigger": "manual"}` to train by hand. */
  public readonly stateMachine: sfn.StateMachine;

  /** Queue of triggers that could not be delivered, which should be empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: TrainingTriggersProps) {
    super(scope, id);
    const minInterval = props.minInterval ?? Duration.hours(6);
    throwProblems(this.node.path, checkTriggers(props, minInterval));
    this.stateMachine = this.createStateMachine(props, minInterval);
    this.deadLetterQueue = deadLetterQueue(this, 'DeadLetters', 'the rules of training');

    const start = (rule: string, trigger: string, options: Omit<events.RuleProps, 'targets'>): void => {
      new events.Rule(this, rule, {
        ...options,
        targets: [
          new targets.SfnStateMachine(this.stateMachine, {
            deadLetterQueue: this.deadLetterQueue,
            input: events.RuleTargetInput.fromObject({ Trigger: trigger }),
          }),
        ],
      });
    };
    if (props.schedule !== undefined) {
      start('Schedule', TRAINING_TRIGGER.schedule, {
        description: 'Starts training by schedule',
        schedule: props.schedule,
      });
    }
    if (props.newData !== undefined) {
      start('NewData', TRAINING_TRIGGER.newData, {
        description: 'Looks for new training data',
        schedule: events.Schedule.rate(props.newData.interval ?? Duration.hours(1)),
      });
    }
    if (props.alarms !== undefined && props.alarms.length > 0) {
      start('Alarms', TRAINING_TRIGGER.alarm, {
        description: 'Starts training when an alarm goes off',
        eventPattern: {
          source: ['aws.cloudwatch'],
          detailType: ['CloudWatch Alarm State Change'],
          resources: props.alarms.map(({ alarmArn }) => alarmArn),
          detail: { state: { value: ['ALARM'] } },
        },
      });
    }
    // The roles of the rules are children of the state machine.
    acknowledgeInlinePolicy(this.stateMachine);
  }

  /**
   * Allows a principal to start training by hand.
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

  private createStateMachine(props: TrainingTriggersProps, minInterval: Duration): sfn.StateMachine {
    const { pipeline, base, newData } = props;
    const stack = Stack.of(this);
    const definition = triggerStates({
      partition: Aws.PARTITION,
      machineArn: pipeline.stateMachine.stateMachineArn,
      baseMachineArn: base?.stateMachine.stateMachineArn,
      minIntervalMs: minInterval.toMilliseconds(),
      newData: newData && {
        bucketName: newData.bucket.bucketName,
        prefix: newData.prefix ?? '',
        minBytes: newData.minSize.toBytes(),
        maxObjects: newData.maxObjects ?? DEFAULT_MAX_OBJECTS,
      },
    });
    const role = stateMachineRole(this, 'Starts training when it is due');
    return loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromString(stack.toJsonString(definition)),
      after: [this.machinePolicy(role, props)],
    });
  }

  private machinePolicy(role: iam.Role, { pipeline, base, newData }: TrainingTriggersProps): iam.Policy {
    const machines = [pipeline, ...(base === undefined ? [] : [base])].map(({ stateMachine }) => stateMachine);
    const runs = machines.map(({ stateMachineName }) =>
      Stack.of(this).formatArn({
        service: 'states',
        resource: 'execution',
        resourceName: `${stateMachineName}:*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    const policy = new iam.Policy(this, 'MachinePolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'FindRuns',
          actions: ['states:ListExecutions'],
          resources: machines.map(({ stateMachineArn }) => stateMachineArn),
        }),
        new iam.PolicyStatement({ sid: 'ReadRuns', actions: ['states:DescribeExecution'], resources: runs }),
        new iam.PolicyStatement({
          sid: 'Start',
          actions: ['states:StartExecution'],
          resources: [pipeline.stateMachine.stateMachineArn],
        }),
        ...(newData === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'CountData',
                actions: ['s3:ListBucket'],
                resources: [newData.bucket.bucketArn],
                conditions: { StringLike: { 's3:prefix': `${newData.prefix ?? ''}*` } },
              }),
            ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, runs, 'Executions are named at run time; these are those of the pipeline alone.');
    return policy;
  }
}

function checkTriggers({ newData, pipeline, base }: TrainingTriggersProps, minInterval: Duration): string[] {
  const problems: string[] = checkWholeDurations('minutes', { minInterval, 'newData.interval': newData?.interval });
  if (base === pipeline)
    problems.push('base is the pipeline itself, which starts from its own last model; leave base out');
  const check = (name: string, duration: Duration | undefined): void => {
    if (duration === undefined || duration.isUnresolved()) return;
    const seconds = duration.toSeconds({ integral: false });
    if (seconds < 60) problems.push(`${name} (${seconds} s) is below a minute; raise it`);
  };
  check('minInterval', minInterval);
  if (newData === undefined) return problems;
  check('newData.interval', newData.interval);
  problems.push(...checkKeyPrefix('newData.prefix', newData.prefix));
  if (!newData.minSize.isUnresolved() && newData.minSize.toBytes() < 1) {
    problems.push('newData.minSize (0 bytes) starts a run at every look; raise it, or take a schedule');
  }
  const { maxObjects } = newData;
  if (maxObjects !== undefined && !Token.isUnresolved(maxObjects)) {
    if (!(Number.isInteger(maxObjects) && maxObjects >= 1 && maxObjects <= 1_000_000)) {
      problems.push(`newData.maxObjects (${maxObjects}) must be a whole number from 1 to 1000000`);
    }
  }
  return problems;
}
