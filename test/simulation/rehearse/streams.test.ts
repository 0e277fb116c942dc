import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AsyncEndpoint, GpuEndpoint, ModelServer } from '../../../lib/inference';
import { StreamIngestion, type StreamIngestionProps } from '../../../lib/ingestion';
import type { FleetScaling } from '../../../lib/scaling';
import { RequestEngine } from '../../../lib/simulation/fleet';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { crossedThresholds, parseThreshold, rehearse, type Rehearsal } from '../../../lib/simulation/rehearse';
import { spillRows } from '../../../lib/simulation/rehearse/rehearsal-text';
import type { Workload } from '../../../lib/simulation/traffic';
import { ListSource } from './generated-requests';

type Attach = (scaling: FleetScaling, requests: StreamIngestion) => void;

/** A fleet behind a stream, as it is synthesized. */
function streamed(
  attach: Attach,
  props: Partial<StreamIngestionProps> = {},
  more: (stack: Stack) => Partial<StreamIngestionProps> = () => ({}),
): FleetBlueprint {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    endpointName: 'chat',
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance: 8,
  });
  const requests = new StreamIngestion(stack, 'Requests', {
    endpoint,
    shardCount: 2,
    followsCapacity: true,
    ...props,
    ...more(stack),
  });
  attach(endpoint.autoScale({ minCapacity: 1, maxCapacity: 12 }), requests);
  const document = Template.fromStack(stack).toJSON();
  const { fleets } = fleetsOfTemplates([{ name: 'test.template.json', document }]);
  return fleets.find(({ resourceId }) => resourceId === 'endpoint/chat/variant/main')!;
}

/** Ten quiet minutes, then 16 requests a second for half an hour. */
const jump: Workload = {
  name: 'jump',
  description: 'a jump from 1 to 16 requests a second',
  durationSeconds: 2400,
  requestCount: 600 + 1800 * 16,
  *requests() {
    for (let second = 0; second < 2400; second++) {
      const count = second < 600 ? 1 : 16;
      for (let index = 0; index < count; index++)
        yield { atSeconds: second + index / count, contextTokens: 100, generatedTokens: 50 };
    }
  },
};

const play = (fleet: FleetBlueprint): Rehearsal =>
  rehearse(fleet, jump, {
    service: { kind: 'distribution', distribution: 'constant', meanSeconds: 4 },
    provisioning: { kind: 'measured', seconds: [240] },
    startInstances: 1,
  });

const onConcurrency: Attach = (scaling) => void scaling.scaleOnConcurrency('concurrency');
const onBoth: Attach = (scaling, source) => {
  scaling.scaleOnConcurrency('concurrency');
  scaling.scaleOnStreamBacklog('backlog', { source });
};

/** Second of the first decision to have enough instances: 16 a second x 4 s = 64 in service, on 8 each at 70 %. */
const enoughAt = ({ scaling }: Rehearsal): number => scaling.actions.find(({ to }) => to >= 10)?.second ?? Infinity;

describe('a fleet behind a stream whose consumer follows its capacity', () => {
  const alone = play(streamed(onConcurrency));
  const both = play(streamed(onBoth));

  test('holds the records in the stream: none times out, none is rejected, and the endpoint has no more than it serves', () => {
    for (const { requests, timeline } of [alone, both]) {
      expect(requests).toMatchObject({ timedOut: 0, rejected: 0 });
      expect(requests.arrived).toBe(requests.completed + requests.unfinished);
      for (const { busySlots, slots } of timeline) expect(busySlots).toBeLessThanOrEqual(slots + 1e-6);
    }
    expect(Math.max(...both.timeline.map(({ queued }) => queued))).toBeGreaterThan(1000);
  });

  test('is scaled by its backlog to what it needs in one decision, a minute after the jump', () => {
    const decision = both.scaling.actions.find(({ decidedBy }) => decidedBy === 'backlog')!;
    expect(decision.second).toBeGreaterThanOrEqual(630);
    expect(decision.second).toBeLessThanOrEqual(690);
    expect(enoughAt(both)).toBeLessThanOrEqual(700);
  });

  test('shows its concurrency a full fleet only, which alone grows it by 43 % at a time', () => {
    expect(enoughAt(alone)).toBeGreaterThan(enoughAt(both) + 300);
    expect(both.sloPercent).toBeGreaterThan(alone.sloPercent);
    expect(both.waitSeconds.p50).toBeLessThan(alone.waitSeconds.p50);
  });

  test('shrinks again by its concurrency once the backlog is gone', () => {
    const { actions } = both.scaling;
    expect(both.scaling.scaleIns).toBe(0);
    expect(actions.every(({ decidedBy }) => decidedBy === 'backlog' || decidedBy === 'concurrency')).toBe(true);
  });

  test('is told of in a note', () => {
    expect(both.notes).toContainEqual(
      expect.stringMatching(/requests wait in the stream of RequestsConsumer.*, at most 96 at once/),
    );
  });

  test('reacts to the age of the waiting records too', () => {
    const aged = play(
      streamed((scaling, source) => {
        scaling.scaleOnMetric('age', {
          metric: source.metricWaitingRecordAge({ period: Duration.minutes(1) }),
          threshold: 30,
          evaluationPeriods: 1,
          treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
          steps: [{ lowerBound: 0, change: 11 }],
        });
      }),
    );
    const [first] = aged.scaling.actions;
    expect(first).toMatchObject({ decidedBy: 'age', to: 12 });
    expect(first!.second).toBeGreaterThan(630);
    expect(first!.second).toBeLessThan(800);
  });
});

test('a fleet is not scaled by records that wait for the consumer alone', () => {
  // 2 shards x 2 at once, below the 8 of the one instance.
  const few = play(streamed(onBoth, { concurrency: 2 }));
  expect(few.scaling.actions).toEqual([]);
  expect(few.notes).toContainEqual(expect.stringContaining('at most 4 at once'));
  expect(Math.max(...few.timeline.map(({ busySlots }) => busySlots))).toBeCloseTo(4, 1);
});

test('records that are older than the maximum age leave the stream', () => {
  const short = play(streamed(onConcurrency, { maxRecordAge: Duration.minutes(2) }));
  expect(short.requests.timedOut).toBeGreaterThan(0);
  expect(short.settings.requestTimeoutSeconds).toBe(120);
});

describe('records that spill', () => {
  const later = (stack: Stack) =>
    AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
      endpointName: 'later',
      variantName: 'main',
      storage: { bucket: s3.Bucket.fromBucketName(stack, 'Films', 'films') },
    });
  const afterAge = Duration.minutes(2);
  const waiting = play(streamed(onConcurrency));
  const spilling = play(streamed(onConcurrency, {}, (stack) => ({ spillTo: { endpoint: later(stack), afterAge } })));

  test('leave the stream at their age, are counted with their delay, and are no time-outs', () => {
    const { requests, spill, waitSeconds } = spilling;
    expect(waiting.spill).toBeUndefined();
    expect(waiting.waitSeconds.maximum).toBeGreaterThan(121);
    expect(spill!.records).toBeGreaterThan(500);
    expect(spill).toEqual({
      records: spill!.records,
      percent: Math.round((10_000 * spill!.records) / requests.arrived) / 100,
      afterSeconds: 120,
      meanDelaySeconds: 124,
    });
    expect(requests.timedOut).toBe(0);
    const { arrived, completed, rejected, unfinished } = requests;
    expect(arrived).toBe(completed + rejected + unfinished + spill!.records);
    expect(waitSeconds.maximum).toBeLessThanOrEqual(120.01);
    expect(completed).toBeLessThanOrEqual(waiting.requests.completed);
  });

  test('are not served well, and are no errors of the endpoint', () => {
    const { spill, requests, sloPercent, timeline } = spilling;
    expect(sloPercent).toBeLessThanOrEqual(100 - (100 * spill!.records) / requests.arrived);
    expect(Math.max(...timeline.map(({ droppedPercent }) => droppedPercent))).toBe(0);
  });

  test('have a row in the report', () => {
    expect(spillRows(spilling)).toEqual([
      [
        'spilled',
        expect.stringMatching(
          /^[\d,]+ \([\d.]+ %\) to the asynchronous endpoint, after .+ in the stream; answered 124.0 s after their arrival/,
        ) as string,
      ],
    ]);
    expect(
      spillRows({ spill: { records: 0, percent: 0, afterSeconds: 120, meanDelaySeconds: 0 } })[0]![1],
    ).not.toContain('answered');
    expect(spillRows(waiting)).toEqual([]);
  });

  test('are none while the endpoint keeps up', () => {
    const calm = rehearse(
      streamed(onConcurrency, {}, (stack) => ({ spillTo: { endpoint: later(stack), afterAge } })),
      { ...jump, durationSeconds: 500, requestCount: 500 },
      { service: { kind: 'distribution', distribution: 'constant', meanSeconds: 4 }, startInstances: 2 },
    );
    expect(calm.spill).toEqual({ records: 0, percent: 0, afterSeconds: 120, meanDelaySeconds: 0 });
  });
});

describe('records that spill to an endpoint of the same template', () => {
  /** A fleet with an asynchronous endpoint that scales from zero by its backlog. */
  const spillingTo = (later: (scaling: FleetScaling) => void, props: Partial<StreamIngestionProps> = {}, min = 0) =>
    streamed(onConcurrency, props, (stack) => {
      const endpoint = new AsyncEndpoint(stack, 'Later', {
        endpointName: 'later',
        modelServer: ModelServer.triton(),
        capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
        maxConcurrencyPerInstance: 8,
      });
      later(endpoint.autoScale({ minCapacity: min, maxCapacity: 6 }));
      return { spillTo: { endpoint, afterAge: Duration.minutes(2), requestTtl: Duration.minutes(20) } };
    });
  const onBacklog = (scaling: FleetScaling): void => {
    scaling.scaleToZero('wake');
    scaling.scaleOnBacklog('backlog', { targetPerInstance: 100 });
  };
  const whole = play(spillingTo(onBacklog));

  test('join its queue, where its own policies scale it, and each is answered, waits or is dead at the end', () => {
    const { requests, spill } = whole;
    const { endpoint } = spill!;
    expect(endpoint!.resourceId).toBe('endpoint/later/variant/main');
    expect(spill!.records).toBeGreaterThan(500);
    expect(endpoint!.answered + endpoint!.waiting + endpoint!.dead).toBe(spill!.records);
    const { arrived, completed, timedOut, rejected, unfinished } = requests;
    expect(completed + endpoint!.answered + unfinished + endpoint!.waiting + timedOut + rejected + endpoint!.dead).toBe(
      arrived,
    );
    expect(endpoint!.answered).toBeGreaterThan(100);
    expect(endpoint!.peakInstances).toBeGreaterThan(1);
    expect(endpoint!.scaleOuts).toBeGreaterThan(0);
    expect(endpoint!.usd).toBeGreaterThan(0);
    expect(endpoint!.instanceHours).toBeGreaterThan(0);
  });

  test('take their time in the stream, in the queue and in service: from zero at least the start of an instance', () => {
    const { delaySeconds, answered } = whole.spill!.endpoint!;
    // 120 s in the stream, 4 s of service, and a wait between them.
    expect(delaySeconds.mean).toBeGreaterThan(124);
    expect(delaySeconds.maximum).toBeGreaterThan(120 + 240 + 4);
    expect(delaySeconds.p50).toBeLessThanOrEqual(delaySeconds.p95);
    expect(whole.spill!.meanDelaySeconds).toBeCloseTo(delaySeconds.mean, 1);
    expect(spillRows(whole)[1]).toEqual([
      'spill endpoint',
      expect.stringMatching(
        new RegExp(
          `^endpoint/later/variant/main: ${answered.toLocaleString('en-US')} answered, .* dead letters; from arrival`,
        ),
      ) as string,
    ]);
    expect(spillRows(whole)[0]![1]).not.toContain('answered');
    expect(whole.notes).toContainEqual(
      expect.stringContaining('spilled records join the queue of endpoint/later/variant/main'),
    );
  });

  test('wait until the end where nothing starts an instance, and are dead after the time of their request', () => {
    const idle = play(spillingTo(() => undefined));
    const { endpoint, records } = idle.spill!;
    expect(endpoint).toMatchObject({ answered: 0, peakInstances: 0, usd: 0 });
    expect(endpoint!.delaySeconds.maximum).toBe(0);
    // The last 20 minutes of 30 that the records come for.
    expect(endpoint!.dead).toBeGreaterThan(0);
    expect(endpoint!.waiting + endpoint!.dead).toBe(records);
  });

  test('leave the result of the fleet itself as it is, and are the same at every run', () => {
    const { endpoint, ...alone } = whole.spill!;
    const imported = play(
      streamed(onConcurrency, {}, (stack) => ({
        spillTo: {
          endpoint: AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
            endpointName: 'later',
            variantName: 'main',
            storage: { bucket: s3.Bucket.fromBucketName(stack, 'Films', 'films') },
          }),
          afterAge: Duration.minutes(2),
        },
      })),
    );
    expect(endpoint).toBeDefined();
    expect(imported.spill).toEqual({ ...alone, meanDelaySeconds: 124 });
    expect(imported.requests).toEqual(whole.requests);
    expect(imported.cost).toEqual(whole.cost);
    expect(play(spillingTo(onBacklog))).toEqual(whole);
  });

  test('fail a gate on their share', () => {
    const { percent } = whole.spill!;
    const crossed = (text: string): number => crossedThresholds(whole, [parseThreshold(text)]).length;
    expect(crossed(`spilled>${percent - 1}`)).toBe(1);
    expect(crossed(`spilled>${percent + 1}`)).toBe(0);
    expect(crossedThresholds(play(streamed(onConcurrency)), [parseThreshold('spilled>0')])).toEqual([]);
  });

  test('are rehearsed without followsCapacity where what is in flight fits into the minimum of the fleet', () => {
    // 2 shards x 2 at once fit into the 8 slots of one instance: records wait in the stream alone.
    const fitting = spillingTo(onBacklog, { followsCapacity: false, concurrency: 2 });
    expect(fitting.stream).toMatchObject({ maxInFlight: 4, spillAfterSeconds: 120, spillTtlSeconds: 1200 });
    const { spill, requests } = play(fitting);
    expect(spill!.endpoint!.answered + spill!.endpoint!.waiting + spill!.endpoint!.dead).toBe(spill!.records);
    expect(requests.arrived).toBe(requests.completed + requests.unfinished + spill!.records);
    // 4 at once of 4 s each: one a second of the 16 that arrive.
    expect(spill!.percent).toBeGreaterThan(80);
    const larger = spillingTo(onBacklog, { followsCapacity: false, concurrency: 8 });
    expect(larger.stream).toBeUndefined();
    expect(larger.notes).toContainEqual(
      expect.stringMatching(
        /^records that RequestsConsumer\w+ spills are not rehearsed: it sends up to 16 requests at once, and the fleet has 8 slots/,
      ),
    );
  });
});

test('a fleet whose consumer does not follow it receives its requests as they arrive', () => {
  const { stream } = streamed(onConcurrency, { followsCapacity: false });
  expect(stream).toBeUndefined();
});

describe('the engine under a limit of requests in slots', () => {
  const requests = Array.from({ length: 40 }, (_, index) => ({ at: index / 10, service: 5 }));
  const engineOf = (maxInFlight: number): RequestEngine =>
    new RequestEngine({
      pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
      slotsPerInstance: 4,
      provisioning: () => 0,
      queue: 'shared',
      maxInFlight,
      requestTimeoutSeconds: 10_000,
    });

  test('starts requests in the order of arrival, never more at once, and all of them', () => {
    const engine = engineOf(6);
    engine.setDesired(4, true);
    const source = new ListSource(requests);
    for (let second = 1; second <= 60; second++) {
      engine.run(source, second);
      expect(engine.totals.present - engine.waiting).toBeLessThanOrEqual(6);
    }
    expect(engine.totals).toMatchObject({ arrived: 40, completed: 40 });
    // The last of 40 in rounds of 6, 5 s each, began after 6 rounds.
    expect(engine.wait.maximum).toBeCloseTo(30 - 3.9, 0);
  });

  test('gives the places of draining instances to the rest of the fleet', () => {
    const engine = engineOf(8);
    engine.setDesired(4, true);
    const source = new ListSource(requests);
    engine.run(source, 2);
    engine.setDesired(2);
    for (let second = 3; second <= 60; second++) engine.run(source, second);
    expect(engine.totals).toMatchObject({ arrived: 40, completed: 40 });
    expect(engine.wait.maximum).toBeLessThan(26);
  });
});

describe('the shards of the stream', () => {
  // 1,500 a second, for which one shard is too few, in requests of 10 ms.
  const busy: Workload = {
    name: 'busy',
    description: 'a jump to 1,500 requests a second',
    durationSeconds: 1200,
    requestCount: 300 * 20 + 900 * 1500,
    *requests() {
      for (let second = 0; second < 1200; second++) {
        const count = second < 300 ? 20 : 1500;
        for (let index = 0; index < count; index++)
          yield { atSeconds: second + index / count, contextTokens: 10, generatedTokens: 5 };
      }
    },
  };
  const of = (props: Partial<StreamIngestionProps>): Rehearsal =>
    rehearse(streamed(onConcurrency, { shardCount: 1, ...props }), busy, {
      service: { kind: 'distribution', distribution: 'constant', meanSeconds: 0.01 },
      provisioning: { kind: 'measured', seconds: [60] },
      startInstances: 4,
    });

  test('follow the number of records by the decision of the handler', () => {
    const { events, notes } = of({ shardScaling: { maxShards: 8 } });
    const changes = events.filter(({ kind }) => kind === 'shards');
    // 1,000 a second are let in, of which 60 % are aimed at: 2. Then 1,500 / 600 = 3.
    expect(changes.map(({ title }) => title)).toEqual(['shards: 1 to 2', 'shards: 2 to 3']);
    expect(changes[0]!.second).toBeGreaterThanOrEqual(360);
    expect(changes[0]!.second).toBeLessThanOrEqual(540);
    expect(notes).toContainEqual(expect.stringContaining('the shards of the stream follow the number of its records'));
    expect(notes).toContainEqual(expect.stringMatching(/records came in minutes in which the shards were full/));
  });

  test('stay as they are without scaling', () => {
    const { events, notes } = of({});
    expect(events.filter(({ kind }) => kind === 'shards')).toEqual([]);
    expect(notes.join()).not.toContain('the shards of the stream follow');
  });
});

test('an engine takes more requests into its slots when its limit grows, and none beyond it when it shrinks', () => {
  const engine = new RequestEngine({
    pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
    slotsPerInstance: 8,
    provisioning: () => 0,
    queue: 'shared',
    maxInFlight: 2,
    requestTimeoutSeconds: 10_000,
  });
  engine.setDesired(2, true);
  const source = new ListSource(Array.from({ length: 40 }, () => ({ at: 0.5, service: 10 })));
  const inSlots = (second: number): number => {
    engine.run(source, second);
    return engine.totals.present - engine.waiting;
  };
  expect(inSlots(2)).toBe(2);
  engine.setMaxInFlight(6);
  expect(inSlots(3)).toBe(6);
  engine.setMaxInFlight(1);
  expect(inSlots(12)).toBeLessThanOrEqual(6);
  expect(inSlots(24)).toBe(1);
});
