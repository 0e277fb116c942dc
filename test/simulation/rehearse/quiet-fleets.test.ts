import { App, Duration, Size, Stack, TimeZone } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { AsyncEndpoint, GpuEndpoint, ModelServer, SharedGpuEndpoint } from '../../../lib/inference';
import type { AutoScaleProps, FleetScaling, IScalableFleet } from '../../../lib/scaling';
import { QUIET_METRICS, type QuietMetrics } from '../../../lib/simulation/aws/sagemaker-metrics';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { rehearse, type Rehearsal } from '../../../lib/simulation/rehearse';
import type { Workload } from '../../../lib/simulation/traffic';
import { guardResources } from '../blueprint/chat-template';

const HOUR = 3600;

/** An hour of day and three of night; with `morning`, half an hour of requests from that second on. */
function dayAndNight(morning?: number): Workload {
  const perSecond = 2;
  const spans = [[0, HOUR] as const, ...(morning === undefined ? [] : [[morning, morning + HOUR / 2] as const])];
  return {
    name: 'day and night',
    description: 'requests in the day, none at night',
    durationSeconds: spans.at(-1)![1] + (morning === undefined ? 3 * HOUR : 0),
    requestCount: spans.reduce((sum, [from, to]) => sum + (to - from) * perSecond, 0),
    *requests() {
      for (const [from, to] of spans)
        for (let index = 0; index < (to - from) * perSecond; index++)
          yield { atSeconds: from + index / perSecond, contextTokens: 100, generatedTokens: 50 };
    },
  };
}

type Limits = Pick<AutoScaleProps, 'scaleInWithoutRequests'>;

interface PolicyKind {
  readonly attach: (scaling: FleetScaling) => void;
  readonly kind?: 'instances' | 'async' | 'component';
  readonly minCapacity?: number;
}

const modelServer = ModelServer.triton();
const capacity = { pools: [{ instanceType: 'ml.g5.xlarge' }] };

function fleetIn(
  stack: Stack,
  { kind = 'instances' }: PolicyKind,
): IScalableFleet & {
  autoScale(props: AutoScaleProps): FleetScaling;
} {
  switch (kind) {
    case 'instances':
      return new GpuEndpoint(stack, 'Chat', { endpointName: 'chat', modelServer, capacity });
    case 'async':
      return new AsyncEndpoint(stack, 'Chat', { modelServer, capacity });
    case 'component':
      return new SharedGpuEndpoint(stack, 'Shared', {
        capacity,
        maxInstances: 8,
        inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
      }).addModel('Chat', { modelServer, memory: Size.gibibytes(4), maxConcurrencyPerCopy: 8 });
  }
}

function blueprint(policy: PolicyKind, limits: Limits = {}, guard: object = {}): FleetBlueprint {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = fleetIn(stack, policy);
  policy.attach(fleet.autoScale({ minCapacity: policy.minCapacity ?? 1, maxCapacity: 8, ...limits }));
  const template = Template.fromStack(stack).toJSON() as { readonly Resources: object };
  const document = { ...template, Resources: { ...template.Resources, ...guard } };
  return fleetsOfTemplates([{ name: 'test.template.json', document }]).fleets[0]!;
}

// 2 requests a second x 8 s = 16 at once, of 8 on an instance.
const night = (fleet: FleetBlueprint, quietMetrics: QuietMetrics, traffic = dayAndNight()): Rehearsal =>
  rehearse(fleet, traffic, {
    quietMetrics,
    service: { kind: 'distribution', distribution: 'constant', meanSeconds: 8 },
    startInstances: 4,
    provisioning: { kind: 'measured', seconds: [200] },
  });

const concurrency: PolicyKind = { attach: (scaling) => scaling.scaleOnConcurrency('concurrency') };

/** Policies that remove capacity by metrics of requests. */
const BY_REQUESTS: { readonly [name: string]: PolicyKind } = {
  scaleOnConcurrency: concurrency,
  'scaleOnConcurrency in minutes': {
    attach: (scaling) => scaling.scaleOnConcurrency('concurrency', { highResolution: false }),
  },
  scaleOnInvocations: {
    attach: (scaling) => scaling.scaleOnInvocations('invocations', { targetPerInstancePerMinute: 40 }),
  },
  'scaleOnMetric in both directions': {
    attach: (scaling) => {
      scaling.scaleOnMetric('more', { threshold: 6, steps: [{ lowerBound: 0, change: 1 }] });
      scaling.scaleOnMetric('fewer', {
        threshold: 3,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        steps: [{ upperBound: 0, change: -1 }],
        evaluationPeriods: 15,
      });
    },
  },
  'scaleOnConcurrency of a component': { ...concurrency, kind: 'component' },
  'scaleOnConcurrency of a component that scales to zero': {
    kind: 'component',
    minCapacity: 0,
    attach: (scaling) => {
      scaling.scaleOnConcurrency('concurrency');
      scaling.scaleToZero('from-zero');
    },
  },
};

/** Policies that need no metric of requests. */
const BY_OTHERS: { readonly [name: string]: PolicyKind } = {
  'scaleOnBacklog and scaleToZero': {
    kind: 'async',
    minCapacity: 0,
    attach: (scaling) => {
      scaling.scaleOnBacklog('backlog');
      scaling.scaleToZero('from-zero');
    },
  },
  'scaleToTrackMetric of the GPUs': {
    attach: (scaling) =>
      scaling.scaleToTrackMetric('gpu', {
        metric: (scaling.fleet as GpuEndpoint).metricGpuUtilization({ statistic: 'Average' }),
        targetValue: 60,
      }),
  },
  scaleOnSchedule: {
    attach: (scaling) =>
      scaling.scaleOnSchedule('night', {
        schedule: appscaling.Schedule.cron({ hour: '2', minute: '0' }),
        timeZone: TimeZone.ETC_UTC,
        maxCapacity: 1,
      }),
  },
};

describe.each(QUIET_METRICS)('at night, with metrics of requests that are %s', (quietMetrics) => {
  test.each(Object.entries({ ...BY_REQUESTS, ...BY_OTHERS }))('%s leaves the minimum', (_, policy) => {
    const { timeline } = night(blueprint(policy), quietMetrics);
    expect(timeline.find(({ second }) => second >= HOUR)!.desired).toBeGreaterThan(1);
    expect(timeline.at(-1)!.desired).toBe(policy.minCapacity ?? 1);
  });

  // The alarm that removed the last copy is still in ALARM for minutes after it.
  test.each([1, 2, 3, 5, 30, 120])(
    'a component that is woken %i minutes after its last copy stays awake',
    (minutes) => {
      const fleet = blueprint(BY_REQUESTS['scaleOnConcurrency of a component that scales to zero']!);
      const asleep = night(fleet, quietMetrics).scaling.actions.find(({ to }) => to === 0)!.second;
      const request = asleep + minutes * 60 - 50;
      const { scaling, timeline } = night(fleet, quietMetrics, dayAndNight(request));
      const morning = scaling.actions.filter(({ second }) => second >= request);
      expect(morning[0]).toMatchObject({ from: 0, to: 1, decidedBy: 'from-zero' });
      expect(morning.filter(({ to }) => to === 0)).toEqual([]);
      expect(timeline.at(-1)!.desired).toBeGreaterThan(0);
    },
  );

  test('a fleet whose growth the guard has frozen still shrinks', () => {
    const guard = guardResources({ amountUsd: 1302, periodStart: null, periodEnd: null });
    const { events, timeline } = night(blueprint(concurrency, {}, guard), quietMetrics);
    expect(events.map(({ title }) => title)).toEqual(expect.arrayContaining(['guard: freeze-growth']));
    expect(timeline.at(-1)!.desired).toBe(1);
  });
});

test.each(Object.entries(BY_REQUESTS))('without datapoints at night, %s alone holds the fleet', (_, policy) => {
  const alone = blueprint(policy, { scaleInWithoutRequests: false });
  expect(night(alone, 'missing').timeline.at(-1)!.desired).toBeGreaterThan(policy.minCapacity ?? 1);
  expect(night(alone, 'zeros').timeline.at(-1)!.desired).toBe(policy.minCapacity ?? 1);
});

test('target tracking comes first where zeros are published', () => {
  const decidedBy = night(blueprint(concurrency), 'zeros').scaling.actions.map((action) => action.decidedBy);
  expect(decidedBy).toContain('concurrency');
  expect(decidedBy).not.toContain('without-requests');
});

test('without requests the fleet is halved every five minutes, after 20 minutes', () => {
  const { scaling } = night(blueprint(concurrency), 'missing');
  const quiet = scaling.actions.filter(({ decidedBy }) => decidedBy === 'without-requests');
  expect(quiet.map(({ from, to }) => [from, to]).at(-1)![1]).toBe(1);
  expect(quiet[0]!.second - HOUR).toBeGreaterThan(Duration.minutes(20).toSeconds());
  expect(quiet[0]!.second - HOUR).toBeLessThan(Duration.minutes(24).toSeconds());
  for (const [index, { second }] of quiet.slice(1).entries())
    expect(second - quiet[index]!.second).toBeGreaterThanOrEqual(300);
});
