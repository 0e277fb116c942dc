import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { DescribeEndpointCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { createEndpointRuntime } from '../../../lambda/clients/endpoint-runtime';
import { createEndpointStates } from '../../../lambda/clients/endpoint-state';
import { createMappingFunction } from '../../../lambda/clients/mapping-function';
import { createMeteredExecutions } from '../../../lambda/clients/metered-executions';
import { createMetrics } from '../../../lambda/clients/metrics';
import { createObjectStore } from '../../../lambda/clients/object-store';
import { createOpenShards } from '../../../lambda/clients/open-shards';
import { createParameters } from '../../../lambda/clients/parameters';
import { createRequestHistory } from '../../../lambda/clients/request-history';
import { createRequestStream } from '../../../lambda/clients/request-stream';
import { createResultTarget } from '../../../lambda/clients/result-target';
import { createScalableTargets } from '../../../lambda/clients/scalable-target';
import { createScaleEventStore } from '../../../lambda/clients/scale-event-store';
import { createScalingActivities } from '../../../lambda/clients/scaling-activities';
import { createShardReader } from '../../../lambda/clients/shard-reader';
import { createTrainingJobsClient } from '../../../lambda/clients/training-jobs';
import { CHAT_FLEET } from '../../support/watched-fleet';
import { configuration } from '../capacity-forecaster/world';

const kinesis = mockClient(KinesisClient);
const sagemaker = mockClient(SageMakerClient);
const stepFunctions = mockClient(SFNClient);
const parameterStore = mockClient(SSMClient);
const lambda = mockClient(LambdaClient);
const services = [
  ...[kinesis, sagemaker, stepFunctions, parameterStore, lambda],
  ...[mockClient(ApplicationAutoScalingClient), mockClient(CloudWatchClient), mockClient(DynamoDBClient)],
  ...[mockClient(EventBridgeClient), mockClient(S3Client), mockClient(SageMakerRuntimeClient)],
] as unknown as readonly (typeof kinesis)[];

const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/requests';
const BUS = 'arn:aws:events:us-east-1:123456789012:event-bus/results';
const fleet = { resourceId: 'endpoint/chat/variant/main', scalableDimension: 'sagemaker:variant:DesiredInstanceCount' };
const component = { resourceId: 'inference-component/small', fleetName: 'small' };
const machine = { stateMachineArn: 'arn:machine', maxUsdPerHour: 2, maxRuntimeSeconds: 3600 };
const times = { startDate: new Date(0), stopDate: new Date(0) };
const noBytes = new Uint8Array();
const message = { key: 'k', body: '{}' };
const hashKeys = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };

beforeEach(() => {
  process.env.AWS_REGION = 'us-east-1';
  for (const service of services) service.reset().onAnyCommand().resolves({});
  kinesis.on(GetShardIteratorCommand).resolves({ ShardIterator: 'first' });
  kinesis.on(GetRecordsCommand).resolves({ Records: [], MillisBehindLatest: 0 });
  kinesis.on(ListShardsCommand).resolves({ Shards: [{ ShardId: 's', HashKeyRange: hashKeys } as Shard] });
  sagemaker.on(DescribeEndpointCommand).resolves({ ProductionVariants: [{ VariantName: 'main' }] });
  stepFunctions.on(DescribeExecutionCommand).resolves(times);
  lambda.on(InvokeCommand).resolves({ Payload: Buffer.from('{"body":""}') as never });
  parameterStore.on(GetParameterCommand).resolves({ Parameter: { Value: 'x' } });
});
afterAll(() => void delete process.env.AWS_REGION);

async function drain(values: AsyncIterable<unknown>): Promise<void> {
  for await (const value of values) void value;
}

const runtimeOptions = { maxConnections: 1, contentType: 'application/json', accept: 'application/json' };
const event = {
  id: 'i',
  atSeconds: 1,
  resourceId: 'r',
  kind: 'scale-out',
  from: 1,
  to: 2,
  reason: '',
  source: 'scaling-activity',
} as const;
const value = { metricName: 'm', value: 1, unit: 'Count', atSeconds: Date.now() / 1000, dimensions: {} };

test.each<[string, number, (signal: AbortSignal) => Promise<unknown>]>([
  ['the endpoint', 1, (signal) => createEndpointRuntime('chat', runtimeOptions).invoke(noBytes, signal)],
  ['the state of a variant', 1, (signal) => createEndpointStates().fleetState(CHAT_FLEET, signal)],
  ['the state of a component', 1, (signal) => createEndpointStates().fleetState(component, signal)],
  ['the capacity of a variant', 1, (signal) => createEndpointStates().variantCapacity('chat', 'main', signal)],
  ['executions', 1, (signal) => createMeteredExecutions().since(machine, 0, signal)],
  ['an execution', 1, (signal) => createMeteredExecutions().describe('arn:x', [], signal)],
  ['the end of an execution', 1, (signal) => createMeteredExecutions().stop('arn:x', signal)],
  ['a mapping function', 1, (signal) => createMappingFunction('f', { maxConnections: 1 }).map(noBytes, '', signal)],
  ['metrics', 1, (signal) => createMetrics('Tidegate').put([value], signal)],
  ['an object that is written', 1, (signal) => createObjectStore('b').put('k', '', 'text/plain', signal)],
  ['a new object', 1, (signal) => createObjectStore('b').putNew('k', '', 'text/plain', signal)],
  ['an object', 1, (signal) => createObjectStore('b').get('k', signal)],
  ['keys of objects', 1, (signal) => createObjectStore('b').keysAfter('p', 'a', signal)],
  ['shards', 1, (signal) => createOpenShards().list(STREAM, signal)],
  ['a parameter', 1, (signal) => createParameters().read('p', signal)],
  ['the history of requests', 1, (signal) => drain(createRequestHistory(configuration.demand).read(0, 1, signal))],
  ['a record that is put', 1, (signal) => createRequestStream('s').put({ partitionKey: 'k', data: noBytes }, signal)],
  ['arrivals of records', 3, (signal) => drain(createRequestStream('s').arrivals(['k'], 0, 1, signal))],
  ['results to a stream', 1, (signal) => createResultTarget(STREAM).send([message], signal)],
  ['results to an event bus', 1, (signal) => createResultTarget(BUS).send([message], signal)],
  ['limits', 1, (signal) => createScalableTargets().limits(fleet, signal)],
  [
    'limits that are set',
    2,
    (signal) => createScalableTargets().setLimits(fleet, { minCapacity: 1, maxCapacity: 2 }, signal),
  ],
  ['a scale event', 1, (signal) => createScaleEventStore('t').putIfAbsent(event, 1, signal)],
  ['scaling activities', 1, (signal) => createScalingActivities().recent(CHAT_FLEET, signal)],
  ['records of a shard', 2, (signal) => createShardReader().after(STREAM, 's', '1').next(1, signal)],
  ['training jobs', 1, (signal) => createTrainingJobsClient().changedSince('p', 0, signal)],
  ['a training job', 1, (signal) => createTrainingJobsClient().describe('n', signal)],
  ['the end of a training job', 1, (signal) => createTrainingJobsClient().stop('n', signal)],
])('a call for %s ends with the deadline of its caller', async (_, count, call) => {
  const { signal } = new AbortController();
  await call(signal);
  const options = services.flatMap((service) => service.calls().map(({ args }) => (args as readonly unknown[])[1]));
  expect(options.map((one) => (one as { abortSignal?: AbortSignal }).abortSignal === signal)).toEqual(
    Array(count).fill(true),
  );
});
