import { STREAM_RULES } from '../../../lib/proof/rules/streams';
import { scaledRealTime, tested } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  asynchronous,
  endpointName,
  type Properties,
  realTime,
  resource,
  type Resources,
  serverless,
  tracking,
  variantTarget,
} from '../support/templates';

const stream = (ParallelizationFactor: number): Resources => ({
  ...realTime({}, tested),
  Target: variantTarget({ MaxCapacity: 2 }),
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 4 }),
  Consumer: resource('AWS::Lambda::Function', { Environment: { Variables: { NAME: endpointName } } }),
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ParallelizationFactor,
  }),
});
const variables = { Environment: { Variables: { NAME: endpointName } } };
const fed = (endpoint: Resources, more: Resources): Resources => ({
  ...endpoint,
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 4 }),
  Consumer: resource('AWS::Lambda::Function', variables),
  ...more,
});
const mapping = (ParallelizationFactor: number, properties: Properties = {}): Resources => ({
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ParallelizationFactor,
    ...properties,
  }),
});
const byConcurrency = scaledRealTime({
  P: tracking({
    TargetValue: 5,
    PredefinedMetricSpecification: {
      PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
    },
  }),
});
const samConsumer = (ParallelizationFactor: number): Resources => ({
  Consumer: resource('AWS::Serverless::Function', {
    ...variables,
    Events: {
      Records: {
        Type: 'Kinesis',
        Properties: { Stream: { 'Fn::GetAtt': ['Stream', 'Arn'] }, ParallelizationFactor },
      },
    },
  }),
});

const queue = (MaximumConcurrency: unknown, properties: Properties = {}): Resources => ({
  Queue: resource('AWS::SQS::Queue', {}),
  Consumer: resource('AWS::Lambda::Function', { ...variables, ...properties }),
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ScalingConfig: { MaximumConcurrency },
  }),
});

testRules(STREAM_RULES, {
  'stream-outpaces-endpoint': [
    [stream(10), stream(4)],
    [fed(byConcurrency, mapping(10)), fed(byConcurrency, mapping(5))],
    [fed(serverless(), mapping(10)), fed(serverless(), mapping(2))],
    [fed(serverless(), samConsumer(10)), fed(serverless(), samConsumer(2))],
    [fed(byConcurrency, queue(500)), fed(byConcurrency, queue(20))],
    [fed(serverless(), queue('500')), fed(serverless(), queue(500, { ReservedConcurrentExecutions: 8 }))],
    [fed(serverless(), queue(900)), fed(serverless(), queue({ Ref: 'Most' }))],
    [
      fed(serverless(), mapping(10, { FunctionName: { 'Fn::Sub': '${Consumer}:live' } })),
      fed(serverless(), mapping(10, { Enabled: false })),
    ],
    [
      fed(serverless(), {
        Consumer: resource('AWS::Lambda::Function', { FunctionName: 'scorer', ...variables }),
        ...mapping(10, { FunctionName: 'scorer' }),
      }),
      fed(serverless(), {
        Consumer: resource('AWS::Lambda::Function', { ReservedConcurrentExecutions: 8, ...variables }),
        ...mapping(10),
      }),
    ],
    [
      fed(serverless(), {
        Reader: resource('AWS::Kinesis::StreamConsumer', { StreamARN: { 'Fn::GetAtt': ['Stream', 'Arn'] } }),
        ...mapping(10, { EventSourceArn: { Ref: 'Reader' } }),
      }),
      fed(asynchronous(), mapping(10)),
    ],
  ],
});
