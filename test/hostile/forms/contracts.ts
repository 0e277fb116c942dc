import { redriveText } from '../../../bin/output/redrive-formats';
import { parseKafkaBatches } from '../../../lambda/kafka-consumer/kafka-batch';
import { parseBatch } from '../../../lambda/stream-consumer/batch';
import { parsePriceFile, readPriceList } from '../../../lib/catalog/price-list';
import { InputError } from '../../../lib/core/errors';
import {
  parseBudget,
  parseGuardConfiguration,
  parseGuardRecord,
  parseGuardState,
  guardPlan,
} from '../../../lib/cost/contract';
import { decideGuardLevel } from '../../../lib/cost/decide';
import { parseSweeperConfiguration } from '../../../lib/inference/contract';
import {
  formatResultLine,
  parseDeadLetter,
  parseInferenceRequest,
  parseInferenceResponse,
  parseMeasurementLine,
  parseResultLine,
} from '../../../lib/ingestion/contract';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import {
  parseFailedBatch,
  parseRedriveMarker,
  parseRedriveReport,
  parseRedriveRequest,
  parseSince,
} from '../../../lib/ingestion/decide/redrive';
import { parseInspection, parseRecording } from '../../../lib/inspection/contract';
import { checkStageConfiguration, stageConfiguration } from '../../../lib/platform/stages';
import { parseForecasterConfiguration, parseScaleNotice, parseWatchedFleets } from '../../../lib/scaling/contract';
import { CapacityForecast, parseForecastState } from '../../../lib/scaling/decide/forecast';
import { parseThreshold } from '../../../lib/simulation/rehearse';
import { job, plan, seenAt } from '../../cost/decide/fixtures';
import { getProducts, regionFile } from '../../support/price-lists';
import { bytesOf, textOf, type Form } from '../form';
import { mutated, mutatedJson, mutatedJsonText } from '../mutations';

const json = (name: string, share: number, good: readonly unknown[], read: (text: string) => unknown): Form => ({
  name,
  share,
  input: (random) => mutatedJsonText(good[Math.floor(random.uniform() * good.length)], random),
  read: (input) => read(textOf(input)),
});

const GUARD = {
  name: 'guard',
  dryRun: false,
  fleets: [
    {
      resourceId: 'endpoint/chat/variant/main',
      endpointName: 'chat',
      variantName: 'main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      minCapacity: 1,
      maxCapacity: 8,
      protectedFloor: 1,
      pricesPerHourUsd: { 'ml.g5.xlarge': 1.4 },
    },
  ],
  training: { jobNamePrefix: 'tg-', runningJobs: 'STOP', pricesPerHourUsd: { 'ml.g5.xlarge': 1.4 } },
  thresholds: { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 },
  forecastSmoothingSeconds: 3600,
};

const FORECASTER = {
  active: true,
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  serviceNamespace: 'sagemaker',
  demand: {
    namespace: 'AWS/SageMaker',
    metricName: 'Invocations',
    dimensions: { EndpointName: 'chat', VariantName: 'main' },
    statistic: 'Sum',
  },
  settings: { slotsPerInstance: 8, serviceSeconds: 2, provisioningSeconds: 258, minCapacity: 1, maxCapacity: 20 },
};

const RECORD = {
  eventID: 'shardId-000000000000:4954',
  eventSourceARN: 'arn:aws:kinesis:us-east-1:111122223333:stream/requests',
  kinesis: { sequenceNumber: '4954', partitionKey: 'k', approximateArrivalTimestamp: 1_767_571_200 },
};

const REDRIVE_CURSOR = { shardId: 's', letter: 'l', batch: '', records: 3, heldKeys: ['k'] };

const REQUEST = { id: 'r-1', key: 'k', context_tokens: 100, generated_tokens: 20, sent_at: 1.5e9 };

const RESULT = {
  id: 'r',
  key: 'k',
  sequence_number: '1',
  arrived_at: 3,
  answered_at: 4,
  request_seconds: 1,
  status: 200,
  model: null,
  variant: 'main',
  content_type: 'application/json',
  input_tokens: 1,
  output_tokens: 2,
  response_bytes: 2,
  response: '{}',
  response_object: null,
  error: null,
  dead_letter: null,
};

const MEASUREMENT = {
  id: 'r-1',
  key: 'k',
  context_tokens: 100,
  generated_tokens: 20,
  sent_at: null,
  answered_at: 1.5e9,
  service_seconds: 1.5,
  queue_seconds: 0,
};

const KAFKA_RECORD = {
  topic: 'requests',
  partition: 0,
  offset: 7,
  timestamp: 1_767_571_200_000,
  timestampType: 'CREATE_TIME',
  key: 'aw==',
  value: 'e30=',
  headers: [{ trace: [97, 98] }],
};

/** Memory of a guard after its first look. */
const { memory: MEMORY } = decideGuardLevel(plan, seenAt(60, { trainingJobs: [job] }), undefined);

const FORECAST_SETTINGS = {
  slotsPerInstance: 16,
  serviceSeconds: 2,
  provisioningSeconds: 258,
  minCapacity: 1,
  maxCapacity: 100,
};

/** Forecast after a few hours. */
const FORECAST = new CapacityForecast(FORECAST_SETTINGS);
for (let minute = 0; minute < 300; minute++) FORECAST.observe(minute, 400 + ((minute * 37) % 90));

const SERIES = [
  'instances',
  'invocations',
  'concurrencyPerInstance',
  'maxConcurrencyPerInstance',
  'modelLatencySeconds',
  'overheadLatencySeconds',
  'errors4xx',
  'errors5xx',
];

const RECORDING = {
  resourceId: 'endpoint/chat/variant/main',
  start: '2026-01-05T00:00:00.000Z',
  periodSeconds: 60,
  series: Object.fromEntries(SERIES.map((name) => [name, [1, null, 2.5]])),
  instancesFrom: 'DesiredInstanceCount',
};

const MANIFEST = {
  kind: 'tidegate-inspection',
  format: 1,
  madeAt: '2026-01-05T00:00:00.000Z',
  window: { start: '2026-01-04T00:00:00.000Z', end: '2026-01-05T00:00:00.000Z', periodSeconds: 60 },
  source: 'account',
  version: '0.1.0',
  command: 'tidegate inspect chat',
  endpointName: 'chat',
  accountId: null,
  region: 'eu-west-1',
  template: 'template.json',
  fleets: [
    {
      resourceId: 'endpoint/chat/variant/main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      name: 'main',
      kind: 'realtime',
      scaling: 'registered',
      currentCapacity: 2,
      slotsPerInstance: 8,
      slotsFrom: 'tag',
      trace: 'traffic.json',
      profile: 'profile.json',
      recording: 'recording.json',
      service: {
        method: 'little',
        periods: 20,
        meanSeconds: 1.5,
        coefficientOfVariation: 1,
        p10Seconds: 1,
        p50Seconds: 1.4,
        p90Seconds: 2,
        littleSeconds: 1.5,
        latencySeconds: null,
      },
    },
  ],
  read: [{ what: 'endpoint', from: 'sagemaker:DescribeEndpoint' }],
  missing: [{ what: 'activities', action: 'application-autoscaling:DescribeScalingActivities', reason: 'denied' }],
  notes: ['a note'],
};

const RECORD_FIELDS = { id: parseRecordField('$.id'), key: parseRecordField('$.key') };

const EVENTS = [
  { 'detail-type': 'Scheduled Event', time: '2026-01-05T00:00:00Z', detail: {} },
  {
    'detail-type': 'SageMaker Endpoint State Change',
    time: '2026-01-05T00:00:00Z',
    detail: {
      EndpointName: 'chat',
      EndpointStatus: 'IN_SERVICE',
      LastModifiedTime: 1_767_571_200_000,
      FailureReason: 'none',
    },
  },
  {
    'detail-type': 'Application Auto Scaling Scaling Activity State Change',
    time: '2026-01-05T00:00:00Z',
    detail: {
      resourceId: 'endpoint/chat/variant/main',
      oldDesiredCapacity: '1',
      newDesiredCapacity: '2',
      maxCapacity: '8',
      startTime: '2026-01-05T00:00:00Z',
    },
  },
];

/** Values that JSON does not have, which a configuration in TypeScript may. */
const BEYOND_JSON: readonly unknown[] = [
  NaN,
  Infinity,
  -Infinity,
  undefined,
  () => 1,
  Symbol('x'),
  10n,
  new Date(NaN),
  new Map(),
];

/** Settings of a stage, some of them beyond JSON: the input is the text from which both come. */
function readStage(text: string): unknown {
  const { settings, beyond, name } = JSON.parse(text) as {
    settings: { [name: string]: unknown };
    beyond: number | null;
    name: string;
  };
  const stage = { ...settings };
  if (beyond !== null) stage[name] = BEYOND_JSON[beyond];
  const problems = checkStageConfiguration(stage as never);
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  return stage;
}

const KAFKA_CLUSTER = 'arn:aws:kafka:us-east-1:111122223333:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7';

const STAGES = [
  ...['local', 'dev', 'prod'].map(stageConfiguration),
  {
    ...stageConfiguration('dev'),
    kafka: { clusterArn: KAFKA_CLUSTER, topicName: 'requests', partitions: 4 },
  },
].map((stage) => JSON.parse(JSON.stringify(stage)) as { [name: string]: unknown });

const STAGE_FORM: Form = {
  name: 'stages and context of the app',
  share: 6,
  input: (random) => {
    const settings = mutatedJson(STAGES[Math.floor(random.uniform() * STAGES.length)], random);
    const names = Object.keys(STAGES.at(-1)!);
    const beyond = random.uniform() < 0.3 ? Math.floor(random.uniform() * BEYOND_JSON.length) : null;
    return JSON.stringify({ settings, beyond, name: names[Math.floor(random.uniform() * names.length)] });
  },
  read: (input) => readStage(textOf(input)),
};

const listed = [
  { instanceType: 'ml.g5.xlarge', usd: '1.408' },
  { instanceType: 'ml.g6.xlarge', usd: '1.1' },
] as never;

const parsedProblems = ({ problems, ...rest }: { readonly problems: readonly string[] }): unknown => {
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  return rest;
};

export const CONTRACTS: readonly Form[] = [
  json('settings of the guard', 6, [GUARD], (text) => guardPlan(parseGuardConfiguration(text))),
  json(
    'the budget',
    5,
    [
      { amountUsd: 500, periodStart: null, periodEnd: null },
      { amountUsd: 5, periodStart: 1_767_571_200, periodEnd: 1_770_000_000 },
    ],
    (text) => parseBudget(text, 1_767_600_000),
  ),
  json('state and records of the guard', 3, [{ level: 'ok', previousLevel: 'warn', spentUsd: 1 }, MEMORY], (text) =>
    text.includes('previousLevel') ? parseGuardRecord(text) : parseGuardState(1, text, '[]'),
  ),
  json('settings of the forecaster', 5, [FORECASTER], parseForecasterConfiguration),
  json('state of the forecaster', 3, [FORECAST.toState()], (text) =>
    new CapacityForecast(FORECAST_SETTINGS, parseForecastState(parsedJson(text))).decide(),
  ),
  json(
    'watched fleets and the sweeper',
    3,
    [
      [
        {
          resourceId: 'r',
          scalableDimension: 'd',
          serviceNamespace: 's',
          fleetName: 'f',
          initialCapacity: '2',
          hasState: true,
        },
      ],
      {
        hosts: [{ kind: 'variant', name: 'n' }],
        declaredConfigNames: ['a'],
        declaredModelNames: [],
        retentionSeconds: 60,
      },
    ],
    (text) => (text.trimStart().startsWith('[') ? parseWatchedFleets(text) : parseSweeperConfiguration(text)),
  ),
  json('events of EventBridge', 4, EVENTS, (text) => parseScaleNotice(parsedJson(text))),
  {
    // The envelope is that of AWS, the payload that of whoever may write to the stream.
    name: 'records of Kinesis',
    share: 6,
    input: (random) => mutatedJsonText(REQUEST, random),
    read: (input) => {
      const data = bytesOf(input).toString('base64');
      const event = { Records: [{ ...RECORD, kinesis: { ...RECORD.kinesis, data } }] };
      const batch = parseBatch(event as never, RECORD_FIELDS);
      return batch?.records.map(({ payload }) => parseInferenceRequest(payload.toString('utf8')));
    },
  },
  json(
    'requests, responses and results',
    6,
    [RESULT, MEASUREMENT, { id: 'r', key: 'k', context_tokens: 1, generated_tokens: 2, sent_at: 3 }],
    (text) => [
      parseInferenceResponse(text),
      text.includes('queue_seconds')
        ? parseMeasurementLine(text)
        : text.includes('answered_at')
          ? formatResultLine(parseResultLine(text))
          : parseInferenceRequest(text),
    ],
  ),
  json(
    'dead letters',
    2,
    [
      { sequenceNumber: '1', partitionKey: 'k', payloadBase64: 'e30=', error: 'x', at: 1 },
      { sequenceNumber: '1', partitionKey: 'k', payloadBase64: 'e30=', error: 'x', at: 1, kafkaRecord: KAFKA_RECORD },
    ],
    parseDeadLetter,
  ),
  json(
    'events of Kafka',
    3,
    [{ eventSource: 'SelfManagedKafka', records: { 'requests-0': [KAFKA_RECORD, { ...KAFKA_RECORD, offset: 8 }] } }],
    (text) => {
      // The payload is looked at as that of any other stream.
      const batches = parseKafkaBatches(parsedJson(text), 'group', RECORD_FIELDS);
      return batches.map(({ records, ...batch }) => ({ ...batch, records: records.length }));
    },
  ),
  json(
    'events, reports, markers and failed batches of a redrive',
    4,
    [
      { since: 1, dryRun: true, recordsPerSecond: 5, seconds: 45, cursor: REDRIVE_CURSOR },
      {
        streamName: 's',
        dryRun: false,
        found: 2,
        redriven: 1,
        skipped: { redriven: 1 },
        named: [{ object: 'o', reason: 'lost', detail: 'd' }],
        next: REDRIVE_CURSOR,
      },
      { state: 'sent', at: 1, source: 'o', shardId: 's', sequenceNumber: '1' },
      {
        timestamp: '2026-01-05T00:00:00Z',
        KinesisBatchInfo: { streamArn: 'arn:aws:kinesis:us-east-1:111122223333:stream/s' },
        payload: JSON.stringify({ Records: [{ ...RECORD, kinesis: { ...RECORD.kinesis, data: 'e30=' } }] }),
      },
    ],
    (text) => {
      if (text.includes('KinesisBatchInfo')) return parseBatch(parseFailedBatch(text)?.event as never, RECORD_FIELDS);
      if (text.includes('skipped'))
        return redriveText({ stack: 's', ingestion: 'i', report: parseRedriveReport(text) });
      return text.includes('state') ? parseRedriveMarker(text, 'm') : parseRedriveRequest(parsedJson(text));
    },
  ),
  json(
    'price files',
    4,
    [
      {
        regions: {
          'eu-west-1': { asOf: '2026-11-20', hosting: { 'ml.g5.xlarge': 1.5 }, training: { 'ml.g5.xlarge': 1.5 } },
        },
      },
    ],
    (text) => parsedProblems(parsePriceFile(text)),
  ),
  json('price lists of AWS', 3, [getProducts(listed), regionFile(listed)], (text) =>
    parsedProblems(readPriceList(parsedJson(text), 'hostile.json')),
  ),
  json('manifests and recordings of inspections', 3, [MANIFEST, RECORDING], (text) =>
    text.includes('series') ? parseRecording('recording.json', text) : parseInspection('inspection.json', text),
  ),
  STAGE_FORM,
  {
    name: 'times of a redrive',
    share: 1,
    input: (random) =>
      mutated(['6h', '30m', '2d', '2026-01-05T00:00:00Z', '2026-01-05'][Math.floor(random.uniform() * 5)]!, random),
    read: (input) => parseSince(textOf(input), 1_767_600_000),
  },
  {
    name: 'thresholds',
    share: 2,
    input: (random) =>
      mutated(['slo<99', 'cost>1200/month', 'wait-p99>1', 'drops>0.1'][Math.floor(random.uniform() * 4)]!, random),
    read: (input) => parseThreshold(textOf(input)),
  },
];

/** Value of a JSON text; text that is none is refused before the reader, by Lambda or by the command. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError('this is not JSON');
  }
}
