import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  ApplicationAutoScalingClient,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CloudWatchClient, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../lib/emulator/credentials';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { runTidegate, type CommandLineRun } from './command-line';

/** Local seconds per second: a quarter of an hour of traffic takes 30 s, and the engine keeps metrics for six minutes, which the AWS CLI needs. */
const SPEED = 30;
const TRAFFIC_SECONDS = 15 * 60;
export const RESOURCE = { ServiceNamespace: 'sagemaker', ResourceId: 'endpoint/chat/variant/AllTraffic' } as const;
const TARGET = { ...RESOURCE, ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' } as const;
/** Value of an environment variable and a tag that must appear in no file. */
export const SECRET = 'hunter2-do-not-copy';

/** What tests of a live endpoint use. */
export interface LiveEndpoint {
  readonly tidegate: (...args: readonly string[]) => Promise<CommandLineRun>;
  /** Path in the folder of the tests. */
  readonly at: (...names: string[]) => string;
  readonly read: (...names: string[]) => string;
  /** Flags of the window with the traffic: the clock runs on between two inspections. */
  readonly window: () => string[];
  readonly account: () => LocalAccount;
  /** Requests that the endpoint has answered. */
  readonly requests: () => number;
  /** Resolves when the minute under way has ended and the engine has its metrics. */
  readonly published: () => Promise<void>;
}

/** Declares tests of an endpoint in the local engine, after a quarter of an hour of traffic. */
export function describeLiveEndpoint(name: string, tests: (live: LiveEndpoint) => void): void {
  describe(name, () => {
    const clock = LocalClock.startingNow(SPEED);
    const environment = { ...process.env };
    let folder: string;
    let account: LocalAccount;
    let end: string;
    let requests = 0;

    beforeAll(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-inspect-account-'));
      account = await startLocalAccount(clock);
      Object.assign(process.env, {
        AWS_ENDPOINT_URL: account.config.endpoint,
        AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
        AWS_REGION: LOCAL_REGION,
        AWS_EC2_METADATA_DISABLED: 'true',
      });
      await deploy();
      await drive();
      // The script and the command have to ask for the same minutes while the clock runs on.
      end = new Date((Math.floor(clock.now() / 60) * 60 + 120) * 1000).toISOString();
    }, 240_000);

    afterAll(async () => {
      for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
      Object.assign(process.env, environment);
      await account?.stop();
      fs.rmSync(folder, { recursive: true, force: true });
    });

    /** An endpoint as the SageMaker SDK makes it, with a tracking policy, a step policy with an alarm, and a schedule. */
    async function deploy(): Promise<void> {
      const s3 = new S3Client({ forcePathStyle: true });
      await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
      await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'model.tar.gz', Body: 'weights' }));
      const sageMaker = new SageMakerClient({});
      await sageMaker.send(
        new CreateModelCommand({
          ModelName: 'chat',
          ExecutionRoleArn: `arn:aws:iam::${LOCAL_ACCOUNT}:role/model`,
          PrimaryContainer: {
            Image: 'triton',
            ModelDataUrl: 's3://artifacts/model.tar.gz',
            Environment: { HF_TOKEN: SECRET },
          },
        }),
      );
      await sageMaker.send(
        new CreateEndpointConfigCommand({
          EndpointConfigName: 'chat-1',
          ProductionVariants: [
            { VariantName: 'AllTraffic', ModelName: 'chat', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' },
          ],
          Tags: [{ Key: 'owner', Value: SECRET }],
        }),
      );
      await sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'chat-1' }));
      await eventually(
        () => sageMaker.send(new DescribeEndpointCommand({ EndpointName: 'chat' })),
        ({ EndpointStatus }) => EndpointStatus === 'InService',
      );
      const scaling = new ApplicationAutoScalingClient({});
      await scaling.send(new RegisterScalableTargetCommand({ ...TARGET, MinCapacity: 2, MaxCapacity: 5 }));
      await scaling.send(
        new PutScalingPolicyCommand({
          ...TARGET,
          PolicyName: 'requests',
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 500,
            PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
            ScaleOutCooldown: 60,
          },
        }),
      );
      const { PolicyARN } = await scaling.send(
        new PutScalingPolicyCommand({
          ...TARGET,
          PolicyName: 'emergency',
          PolicyType: 'StepScaling',
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'ChangeInCapacity',
            StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
            Cooldown: 300,
          },
        }),
      );
      await scaling.send(
        new PutScheduledActionCommand({
          ...TARGET,
          ScheduledActionName: 'morning',
          Schedule: 'cron(0 7 * * ? *)',
          ScalableTargetAction: { MinCapacity: 2 },
        }),
      );
      const cloudWatch = new CloudWatchClient({});
      await cloudWatch.send(
        new PutMetricAlarmCommand({
          AlarmName: 'chat too busy',
          AlarmActions: [PolicyARN!],
          Namespace: 'AWS/SageMaker',
          MetricName: 'ConcurrentRequestsPerModel',
          Dimensions: [
            { Name: 'EndpointName', Value: 'chat' },
            { Name: 'VariantName', Value: 'AllTraffic' },
          ],
          Statistic: 'Maximum',
          Period: 60,
          EvaluationPeriods: 1,
          Threshold: 50,
          ComparisonOperator: 'GreaterThanThreshold',
        }),
      );
      for (const client of [s3, sageMaker, scaling, cloudWatch]) client.destroy();
    }

    /** Six clients, each with one request at a time: 150 tokens, about 3 s. */
    async function drive(): Promise<void> {
      const runtime = new SageMakerRuntimeClient({ endpoint: account.emulator.invokeUrl });
      const until = clock.now() + TRAFFIC_SECONDS;
      const client = async (number: number): Promise<void> => {
        for (let id = 0; clock.now() < until; id++) {
          await runtime.send(
            new InvokeEndpointCommand({
              EndpointName: 'chat',
              ContentType: 'application/json',
              Body: JSON.stringify({
                id: `${number}-${id}`,
                key: 'k',
                context_tokens: 100,
                generated_tokens: 150,
                sent_at: 0,
              }),
            }),
          );
          requests++;
        }
      };
      await Promise.all(Array.from({ length: 6 }, (_, number) => client(number)));
      await published();
      runtime.destroy();
    }

    async function published(): Promise<void> {
      const end = (Math.floor(clock.now() / 60) + 1) * 60;
      await eventually(
        () => clock.now(),
        (now) => now > end,
      );
      // Asking for the state plays what is due, the publication of the minute among it.
      account.emulator.snapshot();
      await account.emulator.flush();
    }

    const tidegate = (...args: readonly string[]) => runTidegate(args);
    const at = (...names: string[]): string => path.join(folder, ...names);
    const read = (...names: string[]): string => fs.readFileSync(at(...names), 'utf8');
    const window = (): string[] => ['--days', '0.05', '--end', end];

    tests({ tidegate, at, read, window, account: () => account, requests: () => requests, published });
  });
}
