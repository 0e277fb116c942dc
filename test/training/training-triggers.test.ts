import { createHash } from 'node:crypto';
import { PutObjectCommand, CreateBucketCommand } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  ListExecutionsCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { TrainingPipeline, TrainingTriggers, type TrainingTriggersProps } from '../../lib/training';
import { triggerStates, type TriggerPlan } from '../../lib/training/training-trigger-states';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';
import { nagReport } from '../support/nag-report';

const env = { account: LOCAL_ACCOUNT, region: LOCAL_REGION };
const landed = (stack: Stack): s3.IBucket => s3.Bucket.fromBucketName(stack, 'Landed', 'landed');

function triggersIn(stack: Stack, props: Partial<TrainingTriggersProps> = {}): TrainingTriggers {
  const pipeline = new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    instanceTypes: ['ml.g5.xlarge'],
    maxRuntime: Duration.hours(1),
  });
  return new TrainingTriggers(stack, 'Triggers', { pipeline, ...props });
}

const everything = (stack: Stack): Partial<TrainingTriggersProps> => ({
  schedule: events.Schedule.cron({ hour: '3', minute: '0' }),
  newData: { bucket: landed(stack), prefix: 'rows/', minSize: Size.mebibytes(10), interval: Duration.minutes(30) },
  alarms: [cloudwatch.Alarm.fromAlarmArn(stack, 'Drift', `arn:aws:cloudwatch:us-east-1:${LOCAL_ACCOUNT}:alarm:drift`)],
});

describe('the triggers of training', () => {
  test('are a rule each, and say why they start', () => {
    const stack = new Stack(new App(), 'Test', { env });
    triggersIn(stack, everything(stack));
    const template = Template.fromStack(stack);
    const rule = (properties: object, trigger: string): void =>
      template.hasResourceProperties('AWS::Events::Rule', {
        ...properties,
        Targets: [
          Match.objectLike({ Input: JSON.stringify({ Trigger: trigger }), DeadLetterConfig: Match.anyValue() }),
        ],
      });
    rule({ ScheduleExpression: 'cron(0 3 * * ? *)' }, 'schedule');
    rule({ ScheduleExpression: 'rate(30 minutes)' }, 'new-data');
    rule(
      {
        EventPattern: {
          source: ['aws.cloudwatch'],
          'detail-type': ['CloudWatch Alarm State Change'],
          resources: [`arn:aws:cloudwatch:us-east-1:${LOCAL_ACCOUNT}:alarm:drift`],
          detail: { state: { value: ['ALARM'] } },
        },
      },
      'alarm',
    );
  });

  test('pass the rules of AwsSolutions', () => {
    const { open } = nagReport((stack) => void triggersIn(stack, everything(stack)));
    expect(open).toEqual([]);
  });

  test.each<[string, (stack: Stack) => Partial<TrainingTriggersProps>]>([
    ['minInterval (30 s) is below a minute', () => ({ minInterval: Duration.seconds(30) })],
    [
      'newData.interval (1 s) is below a minute',
      (stack) => ({ newData: { bucket: landed(stack), minSize: Size.kibibytes(1), interval: Duration.seconds(1) } }),
    ],
    [
      'newData.interval (1.5 minutes) must be a whole number of minutes',
      (stack) => ({ newData: { bucket: landed(stack), minSize: Size.kibibytes(1), interval: Duration.seconds(90) } }),
    ],
    [
      "newData.prefix ('/rows/') must be at most 512 letters",
      (stack) => ({ newData: { bucket: landed(stack), minSize: Size.kibibytes(1), prefix: '/rows/' } }),
    ],
    ['newData.minSize (0 bytes)', (stack) => ({ newData: { bucket: landed(stack), minSize: Size.kibibytes(0) } })],
    [
      'newData.maxObjects (0) must be a whole number from 1 to 1000000',
      (stack) => ({ newData: { bucket: landed(stack), minSize: Size.kibibytes(1), maxObjects: 0 } }),
    ],
  ])('refuse: %s', (message, props) => {
    const stack = new Stack(new App(), 'Test', { env });
    expect(() => triggersIn(stack, props(stack))).toThrow(message);
  });
});

describe('the machine that starts training', () => {
  let aws: LocalAws;
  let roleArn: string;
  let number = 0;

  beforeAll(async () => {
    aws = await LocalAws.start();
    roleArn = await aws.createRole('machine', 'states.amazonaws.com', []);
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'landed' }));
  }, 120_000);
  afterAll(() => aws?.stop());

  const create = async (definition: object): Promise<string> =>
    (
      await aws.stepFunctions.send(
        new CreateStateMachineCommand({ name: `machine-${number++}`, roleArn, definition: JSON.stringify(definition) }),
      )
    ).stateMachineArn!;

  /** A pipeline whose runs take local seconds and name their model. */
  const pipeline = (seconds: number): Promise<string> =>
    create({
      StartAt: 'Train',
      States: {
        Train: { Type: 'Wait', Seconds: seconds, Next: 'Output' },
        Output: {
          Type: 'Pass',
          Parameters: { 'ModelDataUrl.$': "States.Format('s3://models/{}', $$.Execution.Name)" },
          End: true,
        },
      },
    });

  async function run(machineArn: string, input: object, name?: string) {
    const { executionArn } = await aws.stepFunctions.send(
      new StartExecutionCommand({ stateMachineArn: machineArn, input: JSON.stringify(input), name }),
    );
    const { status, output, cause } = await eventually(
      () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
      ({ status: at }) => at !== 'RUNNING',
    );
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    return JSON.parse(output!) as { Started: boolean; Reason?: string; ExecutionArn?: string };
  }

  const triggersOf = (plan: Partial<TriggerPlan> & Pick<TriggerPlan, 'machineArn'>): Promise<string> =>
    create(
      triggerStates({
        partition: 'aws',
        baseMachineArn: undefined,
        minIntervalMs: 3_600_000,
        newData: undefined,
        ...plan,
      }),
    );

  const inputOf = async (executionArn: string): Promise<{ [member: string]: unknown }> =>
    JSON.parse((await aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn }))).input!) as {
      [member: string]: unknown;
    };

  const runsOf = async (stateMachineArn: string, statusFilter?: 'RUNNING'): Promise<number> =>
    (await aws.stepFunctions.send(new ListExecutionsCommand({ stateMachineArn, statusFilter }))).executions!.length;

  test('starts the first run without a model, and the next one with the last model', async () => {
    const machineArn = await pipeline(0);
    const triggers = await triggersOf({ machineArn, minIntervalMs: 60_000 });
    const first = await run(triggers, { Trigger: 'schedule' });
    expect(await inputOf(first.ExecutionArn!)).toMatchObject({ Trigger: 'schedule' });
    expect(await inputOf(first.ExecutionArn!)).not.toHaveProperty('ModelDataUrl');
    await eventually(
      () => runsOf(machineArn, 'RUNNING'),
      (running) => running === 0,
    );
    const second = await run(triggers, {});
    const name = first.ExecutionArn!.split(':').at(-1);
    expect(await inputOf(second.ExecutionArn!)).toMatchObject({
      Trigger: 'manual',
      ModelDataUrl: `s3://models/${name}`,
    });
  });

  test('starts one run of several triggers at the same instant', async () => {
    const machineArn = await pipeline(3600);
    const triggers = await triggersOf({ machineArn });
    const outputs = await Promise.all([1, 2, 3, 4].map(() => run(triggers, { Trigger: 'manual' })));
    expect(outputs.filter(({ Started }) => Started)).toHaveLength(1);
    for (const { Started, Reason } of outputs) {
      if (!Started)
        expect(Reason).toMatch(/^(another trigger has started a run at the same time|a run is in progress)$/);
    }
    expect(await runsOf(machineArn)).toBe(1);
  });

  test('starts no second run after the last one that both saw', async () => {
    const machineArn = await pipeline(0);
    const triggers = await triggersOf({ machineArn });
    const lastRun = `${machineArn.replace(':stateMachine:', ':execution:')}:last`;
    const next = createHash('sha256').update(`after ${lastRun}`).digest('hex').slice(0, 32);
    await run(machineArn, {}, next);
    await aws.clock.sleep(5);
    await run(machineArn, {}, 'last');
    expect(await run(triggers, { Trigger: 'manual' })).toEqual({
      Started: false,
      Trigger: 'manual',
      Reason: 'another trigger has started a run at the same time',
    });
    expect(await runsOf(machineArn)).toBe(2);
  });

  test('starts no run while one is in progress, by hand neither', async () => {
    const machineArn = await pipeline(3600);
    const triggers = await triggersOf({ machineArn });
    expect((await run(triggers, { Trigger: 'alarm' })).Started).toBe(true);
    for (const Trigger of ['alarm', 'manual']) {
      expect(await run(triggers, { Trigger })).toEqual({ Started: false, Trigger, Reason: 'a run is in progress' });
    }
    expect(await runsOf(machineArn)).toBe(1);
  });

  test('waits for the minimum interval, except by hand', async () => {
    const machineArn = await pipeline(0);
    const triggers = await triggersOf({ machineArn });
    expect((await run(triggers, { Trigger: 'schedule' })).Started).toBe(true);
    await eventually(
      () => runsOf(machineArn, 'RUNNING'),
      (running) => running === 0,
    );
    expect(await run(triggers, { Trigger: 'alarm' })).toMatchObject({
      Started: false,
      Reason: 'the last run began less than 60 minutes ago',
    });
    expect((await run(triggers, { Trigger: 'manual' })).Started).toBe(true);
  });

  test('takes the model of the base, and waits for it', async () => {
    const [machineArn, baseMachineArn] = [await pipeline(0), await pipeline(0)];
    const triggers = await triggersOf({ machineArn, baseMachineArn });
    expect(await run(triggers, { Trigger: 'alarm' })).toMatchObject({
      Started: false,
      Reason: 'neither the pipeline nor its base has a model yet; run the base first',
    });
    await run(baseMachineArn, {}, 'full');
    const started = await run(triggers, { Trigger: 'alarm' });
    expect(await inputOf(started.ExecutionArn!)).toMatchObject({ ModelDataUrl: 's3://models/full' });
  });

  test('takes the model of the base again once it has trained anew, and its own after that', async () => {
    const [machineArn, baseMachineArn] = [await pipeline(0), await pipeline(0)];
    const triggers = await triggersOf({ machineArn, baseMachineArn });
    const modelOfNext = async (): Promise<unknown> => {
      await aws.clock.sleep(5);
      const started = await run(triggers, { Trigger: 'manual' });
      await eventually(
        () => runsOf(machineArn, 'RUNNING'),
        (running) => running === 0,
      );
      return [started.ExecutionArn!.split(':').at(-1), (await inputOf(started.ExecutionArn!))['ModelDataUrl']];
    };
    await run(baseMachineArn, {}, 'january');
    const [first, ofFirst] = (await modelOfNext()) as string[];
    expect(ofFirst).toBe('s3://models/january');
    expect(await modelOfNext()).toEqual([expect.any(String), `s3://models/${first}`]);
    await aws.clock.sleep(5);
    await run(baseMachineArn, {}, 'february');
    const [third, ofThird] = (await modelOfNext()) as string[];
    expect(ofThird).toBe('s3://models/february');
    expect(await modelOfNext()).toEqual([expect.any(String), `s3://models/${third}`]);
  }, 60_000);

  test('counts no data that the base has learned as new', async () => {
    const [machineArn, baseMachineArn] = [await pipeline(0), await pipeline(0)];
    const newData = { bucketName: 'landed', prefix: 'of the base/', minBytes: 100, maxObjects: 1000 };
    const triggers = await triggersOf({ machineArn, baseMachineArn, newData });
    const put = (name: string, bytes: number): Promise<unknown> =>
      aws.s3.send(new PutObjectCommand({ Bucket: 'landed', Key: `of the base/${name}`, Body: 'x'.repeat(bytes) }));
    await put('learned', 1000);
    await aws.clock.sleep(120);
    await run(baseMachineArn, {}, 'base-of-new-data');
    expect(await run(triggers, { Trigger: 'new-data' })).toMatchObject({
      Started: false,
      Reason: 'there are 0 new bytes since the last model, of 100',
    });
    await aws.clock.sleep(120);
    await put('new', 100);
    const started = await run(triggers, { Trigger: 'new-data' });
    expect(await inputOf(started.ExecutionArn!)).toMatchObject({ ModelDataUrl: 's3://models/base-of-new-data' });
  }, 60_000);

  test('counts the bytes that are newer than the last model, over pages', async () => {
    const machineArn = await pipeline(0);
    const put = (name: string, bytes: number): Promise<unknown> =>
      aws.s3.send(new PutObjectCommand({ Bucket: 'landed', Key: `it's rows/${name}`, Body: 'x'.repeat(bytes) }));
    const newData = { bucketName: 'landed', prefix: "it's rows/", minBytes: 1000, maxObjects: 5000 };
    const triggers = await triggersOf({ machineArn, minIntervalMs: 1000, newData });
    await put('a', 400);
    expect(await run(triggers, { Trigger: 'new-data' })).toMatchObject({
      Started: false,
      Reason: 'there are 400 new bytes since the last model, of 1000',
    });
    // More than a page.
    for (let index = 0; index < 520; index += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, offset) => put(`b-${1000 + index + offset}`, 1)));
    }
    await put('z', 100);
    expect((await run(triggers, { Trigger: 'new-data' })).Started).toBe(true);
    await eventually(
      () => runsOf(machineArn, 'RUNNING'),
      (running) => running === 0,
    );
    // Local seconds pass, so that new objects have a later time than the start of the run.
    await aws.clock.sleep(120);
    await put('later', 50);
    expect(await run(triggers, { Trigger: 'new-data' })).toMatchObject({
      Reason: 'there are 50 new bytes since the last model, of 1000',
    });
  }, 60_000);
});
