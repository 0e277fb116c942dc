import { parseMappings } from '../../../lib/emulator/kafka/kafka-mapping';
import {
  batchLength,
  kafkaEvent,
  MAX_EVENT_BYTES,
  type PartitionRecord,
} from '../../../lib/emulator/kafka/kafka-records';

const CLUSTER = 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-7';
const stored = {
  UUID: 'mapping',
  AccountId: '123456789012',
  Region: 'us-east-1',
  FunctionName: 'consumer',
  Topics: ['requests'],
  BatchSize: '50',
};

describe('a Kafka event source mapping', () => {
  test('has a consumer group of its own name and no limits, unless it says so', () => {
    expect(parseMappings([{ ...stored, EventSourceArn: CLUSTER }])).toMatchObject([
      {
        clusterArn: CLUSTER,
        consumerGroupId: 'mapping',
        startingPosition: 'LATEST',
        batchSize: 50,
        batchingWindowSeconds: 0,
        maximumRetryAttempts: Infinity,
        maximumRecordAgeSeconds: undefined,
        bisectBatchOnFunctionError: false,
        reportsFailures: false,
      },
    ]);
  });

  test('retries ten times where unlimited retries meet a destination for failures', () => {
    const DestinationConfig = { OnFailure: { Destination: 'arn:aws:s3:::failures' } };
    const retries = (settings: object): unknown => parseMappings([{ ...stored, ...settings }])[0]!.maximumRetryAttempts;
    expect(retries({ DestinationConfig, MaximumRetryAttempts: -1 })).toBe(10);
    expect(retries({ DestinationConfig })).toBe(10);
    expect(retries({ DestinationConfig, MaximumRetryAttempts: '3' })).toBe(3);
    expect(retries({ MaximumRetryAttempts: -1 })).toBe(Infinity);
  });

  test.each(['KafkaBootstrapServers', 'KAFKA_BOOTSTRAP_SERVERS'])(
    'of another cluster has its brokers in %s',
    (name) => {
      const SelfManagedEventSource = { Endpoints: { [name]: ['b-1.example.com:9092', 'b-2.example.com:9092'] } };
      const SelfManagedKafkaEventSourceConfig = { ConsumerGroupId: 'chat' };
      expect(parseMappings([{ ...stored, SelfManagedEventSource, SelfManagedKafkaEventSourceConfig }])).toMatchObject([
        {
          clusterArn: undefined,
          bootstrapServers: 'b-1.example.com:9092,b-2.example.com:9092',
          consumerGroupId: 'chat',
        },
      ]);
    },
  );

  test('that is disabled is left out', () => {
    expect(parseMappings([{ ...stored, Enabled: 'false' }])).toEqual([]);
  });
});

describe('the permissions of a mapping for its destination', () => {
  const needsOf = (Destination: string, settings: object = { EventSourceArn: CLUSTER }) =>
    parseMappings([{ ...stored, ...settings, DestinationConfig: { OnFailure: { Destination } } }])[0]!.failureNeeds;

  test.each([
    [
      'arn:aws:s3:::failures',
      [
        ['s3:PutObject', 'arn:aws:s3:::failures/aws/lambda/mapping/batch'],
        ['s3:ListBucket', 'arn:aws:s3:::failures'],
      ],
    ],
    [
      'arn:aws:sqs:us-east-1:123456789012:failures',
      [['sqs:SendMessage', 'arn:aws:sqs:us-east-1:123456789012:failures']],
    ],
    ['arn:aws:sns:us-east-1:123456789012:failures', [['sns:Publish', 'arn:aws:sns:us-east-1:123456789012:failures']]],
    [
      'kafka://failures',
      [
        ['kafka-cluster:DescribeTopic', `${CLUSTER.replace(':cluster/', ':topic/')}/failures`],
        ['kafka-cluster:WriteData', `${CLUSTER.replace(':cluster/', ':topic/')}/failures`],
      ],
    ],
  ])('%s are those of the table', (destination, needs) => {
    expect(needsOf(destination)).toEqual(needs);
  });

  test('are none on a topic of a cluster that knows its clients by credentials', () => {
    const SourceAccessConfigurations = [{ Type: 'SASL_SCRAM_512_AUTH', URI: 'arn:aws:secretsmanager:x' }];
    expect(needsOf('kafka://failures', { EventSourceArn: CLUSTER, SourceAccessConfigurations })).toEqual([]);
    expect(needsOf('kafka://failures', {})).toEqual([]);
  });

  test('are none without a destination, whose events are counted only where the mapping asks for it', () => {
    const [plain] = parseMappings([{ ...stored, EventSourceArn: CLUSTER }]);
    expect(plain).toMatchObject({ failureNeeds: [], countsEvents: false });
    const [counted] = parseMappings([{ ...stored, MetricsConfig: { Metrics: ['ErrorCount', 'EventCount'] } }]);
    expect(counted!.countsEvents).toBe(true);
  });
});

describe('an event', () => {
  const record = (value: string, offset = 3): PartitionRecord => ({
    offset,
    key: Buffer.from('user-1'),
    value: Buffer.from(value),
    timestamp: 1_764_547_200_250,
    headers: { trace: Buffer.from([1, 255]), twice: [Buffer.from('a'), 'b'] },
  });

  test('has the records of a partition in base64, and bytes of headers with signs', () => {
    const mapping = { clusterArn: CLUSTER, bootstrapServers: undefined };
    expect(kafkaEvent(mapping, '127.0.0.1:9092', 'requests', 0, [record('hello')])).toEqual({
      eventSource: 'aws:kafka',
      eventSourceArn: CLUSTER,
      bootstrapServers: '127.0.0.1:9092',
      records: {
        'requests-0': [
          {
            topic: 'requests',
            partition: 0,
            offset: 3,
            timestamp: 1_764_547_200_250,
            timestampType: 'CREATE_TIME',
            key: 'dXNlci0x',
            value: 'aGVsbG8=',
            headers: [{ trace: [1, -1] }, { twice: [97] }, { twice: [98] }],
          },
        ],
      },
    });
  });

  test('of another cluster names its brokers, and leaves out keys and values that are not there', () => {
    const event = kafkaEvent({ clusterArn: undefined, bootstrapServers: 'b:9092' }, '127.0.0.1:1', 't', 1, [
      { ...record(''), key: null, value: null, headers: {} },
    ]);
    expect(event).toEqual({
      eventSource: 'SelfManagedKafka',
      bootstrapServers: 'b:9092',
      records: {
        't-1': [
          {
            topic: 't',
            partition: 1,
            offset: 3,
            timestamp: 1_764_547_200_250,
            timestampType: 'CREATE_TIME',
            headers: [],
          },
        ],
      },
    });
  });

  test('has no more records than fit into an invocation, and at least one', () => {
    const half = record('x'.repeat(Math.floor(MAX_EVENT_BYTES / 3)));
    expect(batchLength([half, half, half], 10)).toBe(2);
    expect(batchLength([half, half, half], 1)).toBe(1);
    expect(batchLength([record('x'.repeat(MAX_EVENT_BYTES)), half], 10)).toBe(1);
    expect(batchLength([], 10)).toBe(0);
  });
});
