import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { RetryableError } from '../../../lib/core/errors';
import { quantile } from '../../../lib/core/statistics';
import { GpuEndpoint, ModelServer } from '../../../lib/inference';
import { StreamIngestion } from '../../../lib/ingestion';
import {
  BACKLOG_PER_INSTANCE_METRIC,
  BACKLOG_PERIOD_SECONDS,
  INGESTION_ENVIRONMENT,
} from '../../../lib/ingestion/contract';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { controlPlane } from '../../../lib/simulation/rehearse/control-plane';
import { draws } from './draws';
import { recordFields } from './fakes';
import { MemoryStore } from './memory-store';
import { kinesisEvent, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

/** Consumer, and the scaling of the fleet behind it. */
export interface FleetPlan {
  readonly followsCapacity: boolean;
  /** Whether the backlog in the stream scales the fleet too. */
  readonly onBacklog: boolean;
  /** Records per second, by the second. */
  readonly rate: (second: number) => number;
  readonly seconds: number;
  /** Mean time in a slot, seconds. */
  readonly meanServiceSeconds: number;
  readonly seed: number;
}

export interface FleetPlay {
  /** Time that records of a range of arrival wait, in the stream and in instances, seconds. */
  readonly waits: (from: number, to: number) => { readonly p50: number; readonly p95: number; readonly count: number };
  /** Instances in service by the second. */
  readonly instancesAt: (second: number) => number;
  /** Time in slots of requests whose caller had gone, as part of all time in slots. */
  readonly inVain: number;
  readonly answered: number;
  readonly deadLetters: number;
}

const SHARDS = ['shardId-000000000000', 'shardId-000000000001'];
const SLOTS = 8;
const PROVISIONING_SECONDS = 240;
const TIME_OUT_SECONDS = 60;
/** Time on the way to an instance and back. */
const TRANSIT_SECONDS = 0.02;

/** Fleet, consumer and policies as they are synthesized. */
function synthesize({ followsCapacity, onBacklog }: FleetPlan): { fleet: FleetBlueprint; concurrency: number } {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    endpointName: 'chat',
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance: SLOTS,
  });
  const source = new StreamIngestion(stack, 'Requests', { endpoint, shardCount: SHARDS.length, followsCapacity });
  const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 12 });
  scaling.scaleOnConcurrency('concurrency');
  if (onBacklog) scaling.scaleOnStreamBacklog('backlog', { source });
  const document = Template.fromStack(stack).toJSON() as { Resources: Record<string, never> };
  const consumer = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function')).find(
    ({ Properties }) => INGESTION_ENVIRONMENT.concurrency in (Properties.Environment?.Variables ?? {}),
  )!;
  const [fleet] = fleetsOfTemplates([{ name: 'test.template.json', document }]).fleets;
  return {
    fleet: fleet!,
    concurrency: Number(consumer.Properties.Environment.Variables[INGESTION_ENVIRONMENT.concurrency]),
  };
}

interface Instance {
  busy: number;
  readonly queue: (() => void)[];
}

/**
 * Plays a stream of two shards through the real handlers, in front of instances with queues of their own, whose number real alarms and policies
 * change by what the endpoint and the consumer publish.
 */
export async function playFleet(plan: FleetPlan): Promise<FleetPlay> {
  const time = new VirtualTime();
  const random = draws(plan.seed);
  const { fleet, concurrency } = synthesize(plan);
  const begin = time.clock.now();
  const second = (): number => time.clock.now() - begin;
  const store = new MemoryStore();

  const entries = SHARDS.map(
    () =>
      [] as {
        arrivedAt: number;
        serviceSeconds: number;
        sequenceNumber: string;
        partitionKey: string;
        payload: string;
      }[],
  );
  for (let at = 0, index = 0; at < plan.seconds; index++) {
    at += -Math.log(1 - random()) / plan.rate(at);
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    entries[index % SHARDS.length]!.push({
      arrivedAt: begin + at,
      serviceSeconds: Math.min(45, plan.meanServiceSeconds * Math.exp(0.5 * normal - 0.125)),
      sequenceNumber: sequenceNumber(index),
      partitionKey: `key-${index}`,
      payload: `{"n":${index}}`,
    });
  }
  const byPayload = new Map(entries.flat().map((entry) => [entry.payload, entry]));
  const total = byPayload.size;

  const instances: Instance[] = [{ busy: 0, queue: [] }];
  let desired = 1;
  let slotSeconds = 0;
  let inVainSeconds = 0;
  const history: { at: number; count: number }[] = [{ at: 0, count: 1 }];
  const noteCount = (): void => void history.push({ at: second(), count: instances.length });
  async function setDesired(count: number): Promise<void> {
    const added = count - desired;
    desired = count;
    // An instance that leaves ends what is in it.
    while (instances.length > desired) instances.pop();
    noteCount();
    if (added <= 0) return;
    await time.sleep(PROVISIONING_SECONDS * 1000);
    while (instances.length < Math.min(desired, count)) instances.push({ busy: 0, queue: [] });
    noteCount();
  }
  const outstanding = ({ busy, queue }: Instance): number => busy + queue.length;
  const endpoint = {
    async invoke(body: Uint8Array, signal?: AbortSignal) {
      await time.sleep(TRANSIT_SECONDS * 1000);
      const sentAt = second();
      const seconds = byPayload.get(Buffer.from(body).toString())!.serviceSeconds;
      const instance = instances.reduce((least, one) => (outstanding(one) < outstanding(least) ? one : least));
      if (instance.busy >= SLOTS) await new Promise<void>((resolve) => instance.queue.push(resolve));
      else instance.busy += 1;
      slotSeconds += seconds;
      const waited = second() - sentAt;
      await time.sleep(seconds * 1000);
      const next = instance.queue.shift();
      if (next === undefined) instance.busy -= 1;
      else next();
      if (second() - sentAt > TIME_OUT_SECONDS) {
        inVainSeconds += seconds;
        throw new RequestFailedError('the container did not answer in time', 0);
      }
      if (signal?.aborted) throw new RetryableError('aborted');
      const answer = { generated_tokens: 1, service_seconds: seconds, queue_seconds: waited };
      return { status: 200, body: Buffer.from(JSON.stringify(answer)) };
    },
  };

  const control = controlPlane(
    fleet,
    {
      desiredCapacity: () => desired,
      setDesiredCapacity: (count) => void setDesired(count),
      isUpdating: () => false,
      inServiceCapacity: () => instances.length,
    },
    begin,
    { onActivity: () => undefined },
  );
  const watched = control.cloudWatch
    .alarms()
    .flatMap(({ definition: { metric, metrics = [] } }) => [metric, ...metrics.map((query) => query.metric)])
    .filter((metric) => metric !== undefined);
  const concurrencyMetric = watched.find(({ metricName }) => metricName === 'ConcurrentRequestsPerModel')!;
  const backlogMetric = watched.find(({ metricName }) => metricName === BACKLOG_PER_INSTANCE_METRIC);
  let over = false;
  async function scale(): Promise<void> {
    while (!over) {
      await time.sleep(BACKLOG_PERIOD_SECONDS * 1000);
      const now = time.clock.now();
      const counts = instances.map(outstanding);
      control.cloudWatch.putMetric({
        metric: concurrencyMetric,
        atSeconds: now - BACKLOG_PERIOD_SECONDS,
        sum: counts.reduce((sum, count) => sum + count, 0),
        sampleCount: counts.length,
        minimum: Math.min(...counts),
        maximum: Math.max(...counts),
      });
      control.scaling.advanceTo(now);
      control.scaling.onAlarms(control.cloudWatch.invocationsUntil(now));
    }
  }
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const handlerOf = (shard: number): ((event: KinesisStreamEvent) => Promise<KinesisStreamBatchResponse>) => {
    const own = entries[shard]!;
    const reader: ShardReader = {
      after: (_arn, _shard, sequence) => {
        let place = own.findIndex((entry) => entry.sequenceNumber === sequence) + 1;
        return {
          async next(limit) {
            await time.sleep(10);
            const records = arrived(shard, place, limit);
            place += records.length;
            return {
              records: records.map((one) => ({ ...one, payload: Buffer.from(one.payload) })),
              isBehind: records.length === limit,
              isLast: false,
            };
          },
        };
      },
    };
    const handler = createHandler({
      endpoint,
      results: store,
      reader,
      clock: time.clock,
      sleep: time.sleep,
      random,
      logger,
      concurrency,
      ...(plan.followsCapacity && {
        capacity: new CapacityFollower({
          fleets: [{ resourceId: fleet.resourceId, fleetName: 'chat', maxConcurrencyPerReplica: SLOTS }],
          states: {
            fleetState: async () => {
              await time.sleep(100);
              return { status: 'InService', configName: null, desired, current: instances.length };
            },
            variantCapacity: () => Promise.reject(new Error('not called')),
          },
          shards: { list: () => Promise.resolve(SHARDS) },
          parallelizationFactor: 1,
          concurrency,
          clock: time.clock,
          logger,
        }),
      }),
      maxModelFailures: 5,
      recordFields,
      maxRecordBytes: 1024 * 1024,
      publish: () => Promise.resolve(),
      publishBacklog: (_stream, { atSeconds, perInstance }) => {
        if (backlogMetric !== undefined)
          control.cloudWatch.putMetric({
            metric: backlogMetric,
            atSeconds,
            sum: perInstance,
            sampleCount: 1,
            minimum: perInstance,
            maximum: perInstance,
          });
        return Promise.resolve();
      },
    });
    return (event) => handler(event, time.context(120_000));
  };
  const arrived = (shard: number, from: number, limit: number) => {
    const now = time.clock.now();
    const own = entries[shard]!;
    let end = from;
    while (end < own.length && end - from < limit && own[end]!.arrivedAt <= now) end += 1;
    return own.slice(from, end);
  };
  async function poll(shard: number): Promise<void> {
    const handler = handlerOf(shard);
    const own = entries[shard]!;
    for (let from = 0; from < own.length;) {
      const batch = arrived(shard, from, 1_000);
      if (batch.length === 0) {
        await time.sleep(1_000);
        continue;
      }
      const { batchItemFailures } = await handler(kinesisEvent(batch, SHARDS[shard]));
      const [first] = batchItemFailures;
      from +=
        first === undefined ? batch.length : batch.findIndex((one) => one.sequenceNumber === first.itemIdentifier);
    }
  }
  const scaling = scale();
  await time.until(Promise.all(SHARDS.map((_, shard) => poll(shard))).then(() => (over = true)));
  await time.until(scaling);

  const bySequence = new Map(entries.flat().map((entry) => [entry.sequenceNumber, entry]));
  const lines = store.lines();
  const waits = lines.flatMap(({ position, answeredAt, deadLetter }) => {
    const entry = bySequence.get(position)!;
    return deadLetter === null
      ? [{ at: entry.arrivedAt - begin, wait: answeredAt - entry.arrivedAt - entry.serviceSeconds }]
      : [];
  });
  if (lines.length !== total) throw new Error(`${lines.length} of ${total} records have an outcome`);
  return {
    waits: (from, to) => {
      const some = waits.filter(({ at }) => at >= from && at < to).map(({ wait }) => wait);
      return { p50: quantile(some, 0.5), p95: quantile(some, 0.95), count: some.length };
    },
    instancesAt: (moment) => history.filter(({ at }) => at <= moment).at(-1)?.count ?? 0,
    inVain: inVainSeconds / slotSeconds,
    answered: waits.length,
    deadLetters: lines.length - waits.length,
  };
}
