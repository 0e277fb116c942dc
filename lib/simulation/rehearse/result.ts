import { SECONDS_PER_HOUR } from '../../core/time';
import { Clock, isoText } from '../clock';
import { attemptsOf, DEFAULT_CLIENTS, type RequestEngine, type SecondsHistogram } from '../fleet';
import { HOURS_PER_MONTH } from './billing';
import { round } from '../number-text';
import type { DrainSummary, Rehearsal, RetrySummary, SecondsSummary, SpillEndpointSummary } from './rehearsal';
import type { FleetBlueprint } from '../blueprint';
import type { RehearsalLoop } from './rehearsal-loop';
import { describeProvisioning, describeService, medianProvisioningSeconds, slotNotes } from './setting-text';

/**
 * The result of a loop that has run to its end.
 *
 * @param later loop of the asynchronous endpoint that took what spilled; undefined without one
 */
export function rehearsalOf(
  { setup, engine, billing, guard, shards, timeline, record }: RehearsalLoop,
  later: RehearsalLoop | undefined,
): Rehearsal {
  const { blueprint, traffic, durationSeconds } = setup;
  const { plan } = blueprint;
  const { arrived, completed, timedOut, rejected, missed, present } = engine.totals;
  const { usd, instanceSeconds } = billing.bill(durationSeconds);
  const clock = new Clock(setup.clock, durationSeconds);
  const dated = <Moment extends { readonly second: number }>(one: Moment): Moment & { readonly at?: string } => {
    const at = clock.iso(one.second);
    if (at === undefined) return one;
    const { second, ...rest } = one;
    return { second, at, ...rest } as Moment & { readonly at: string };
  };
  const hours = Object.values(instanceSeconds).reduce((sum, each) => sum + each, 0) / SECONDS_PER_HOUR;
  return {
    fleet: {
      resourceId: blueprint.resourceId,
      template: blueprint.templateName,
      kind: blueprint.kind,
      instanceTypes: blueprint.pools.map(({ instanceType }) => instanceType),
      slotsPerInstance: blueprint.slotsPerInstance,
      minCapacity: plan.minCapacity,
      maxCapacity: plan.maxCapacity,
      policies: plan.policies.map((policy) =>
        policy.kind === 'target-tracking'
          ? `${policy.policyName}: target tracking at ${policy.targetValue}`
          : `${policy.policyName}: steps`,
      ),
      schedules: plan.schedules.map(({ scheduledActionName, schedule }) => `${scheduledActionName}: ${schedule}`),
    },
    traffic: {
      name: traffic.name,
      description: traffic.description,
      fromSeconds: setup.fromSeconds,
      seconds: durationSeconds,
      ...(traffic.startsAt !== undefined && {
        fromAt: isoText(traffic.startsAt + setup.fromSeconds),
        toAt: isoText(traffic.startsAt + Math.min(traffic.durationSeconds, setup.fromSeconds + durationSeconds)),
      }),
      meanServiceSeconds: arrived === 0 ? 0 : round(record.workSeconds / arrived, 4),
    },
    clock: setup.clock,
    settings: {
      seed: setup.seed,
      startSeconds: setup.startSeconds,
      startInstances: setup.startInstances,
      service: describeService(setup.service),
      provisioning: describeProvisioning(setup.provisioning),
      provisioningMedianSeconds: medianProvisioningSeconds(setup.provisioning),
      sloWaitSeconds: setup.sloWaitSeconds,
      sloPercent: setup.sloPercent,
      requestTimeoutSeconds: setup.requestTimeoutSeconds,
      ...(blueprint.edgeOffload !== undefined && { edgeOffload: blueprint.edgeOffload }),
    },
    requests: { arrived, completed, timedOut, rejected, unfinished: present },
    ...spillOf(blueprint, engine, later),
    retries: retrySummary(setup, engine, arrived, timedOut + rejected, record.busySeconds),
    drains: drainSummary(engine),
    sloPercent: sloPercent(arrived, missed),
    missedBy: record.missedBy,
    latencySeconds: secondsSummary(engine.latency),
    waitSeconds: secondsSummary(engine.wait),
    capacity: {
      instanceHours: round(hours, 4),
      instanceHoursByType: Object.fromEntries(
        Object.entries(instanceSeconds).map(([type, each]) => [type, round(each / SECONDS_PER_HOUR, 4)]),
      ),
      meanInstances: round((hours * SECONDS_PER_HOUR) / durationSeconds, 3),
      peakInstances: record.peakInstances,
      leastInstances: record.leastInstances === Infinity ? 0 : record.leastInstances,
      utilisationPercent: record.slotSeconds === 0 ? 0 : round((100 * record.busySeconds) / record.slotSeconds, 2),
    },
    cost: {
      usd: roundedUsd(usd),
      usdPerMonth: round((usd / durationSeconds) * SECONDS_PER_HOUR * HOURS_PER_MONTH, 2),
      usdPerMillionRequests: arrived === 0 ? 0 : round((usd / arrived) * 1e6, 2),
      pricesPerHourUsd: setup.pricesPerHourUsd,
      budgetUsd: blueprint.guard?.budget.amountUsd ?? null,
      guardLevel: guard?.highestLevel ?? null,
    },
    scaling: {
      scaleOuts: record.scaleOuts,
      scaleIns: record.scaleIns,
      capacityErrors: record.capacityErrors,
      actions: record.actions.map(dated),
    },
    events: record.events.map(dated),
    timeline: timeline.points().map(dated),
    advice: [],
    notes: [
      ...(traffic.notes ?? []),
      ...unansweredNotes(engine.totals),
      ...streamNotes(blueprint),
      ...spillNotes(later),
      ...shardNotes(shards),
      ...abandonedNotes(setup, record.hasTimeOuts),
      ...retryNotes(setup, record.hasFailures),
      ...record.notes,
      ...slotNotes(blueprint),
      ...clockNotes(setup),
    ],
  };
}

/** Records that spilled, where some may. */
function spillOf(
  { stream }: FleetBlueprint,
  { totals, spilledSeconds }: RehearsalLoop['engine'],
  later: RehearsalLoop | undefined,
): Pick<Rehearsal, 'spill'> {
  if (stream?.spillAfterSeconds === undefined) return {};
  const { arrived, spilled } = totals;
  const afterSeconds = stream.spillAfterSeconds;
  const endpoint = later && spillEndpoint(later, afterSeconds);
  return {
    spill: {
      records: spilled,
      percent: arrived === 0 ? 0 : round((100 * spilled) / arrived, 2),
      afterSeconds,
      meanDelaySeconds:
        endpoint === undefined
          ? spilled === 0
            ? 0
            : round(afterSeconds + spilledSeconds / spilled, 2)
          : round(endpoint.delaySeconds.mean, 2),
      ...(endpoint !== undefined && { endpoint }),
    },
  };
}

/** Result of the asynchronous endpoint that took what spilled: its latency begins when the records leave the stream. */
function spillEndpoint({ setup, engine, billing, record }: RehearsalLoop, afterSeconds: number): SpillEndpointSummary {
  const { completed, present, timedOut, rejected } = engine.totals;
  const { usd, instanceSeconds } = billing.bill(setup.durationSeconds);
  const hours = Object.values(instanceSeconds).reduce((sum, each) => sum + each, 0) / SECONDS_PER_HOUR;
  const { mean, p50, p95, p99, maximum } = secondsSummary(engine.latency);
  const whole = (seconds: number): number => (completed === 0 ? 0 : round(afterSeconds + seconds, 4));
  return {
    resourceId: setup.blueprint.resourceId,
    answered: completed,
    waiting: present,
    dead: timedOut + rejected,
    delaySeconds: { mean: whole(mean), p50: whole(p50), p95: whole(p95), p99: whole(p99), maximum: whole(maximum) },
    peakInstances: record.peakInstances,
    instanceHours: round(hours, 4),
    usd: roundedUsd(usd),
    scaleOuts: record.scaleOuts,
    scaleIns: record.scaleIns,
  };
}

/** Note on the stream that requests wait in. */
function streamNotes({ stream }: FleetBlueprint): string[] {
  if (stream === undefined) return [];
  const most = Number.isFinite(stream.maxInFlight) ? `, at most ${stream.maxInFlight} at once` : '';
  return [
    `requests wait in the stream of ${stream.consumer}, which sends them when a slot in service is free${most}; the up to a second until it ` +
      'reads a record, shards of unequal load and the order of keys are not rehearsed',
  ];
}

/** Note on the asynchronous endpoint that took what spilled. */
function spillNotes(later: RehearsalLoop | undefined): string[] {
  if (later === undefined) return [];
  return [
    `spilled records join the queue of ${later.setup.blueprint.resourceId}, which begins at its minimum and serves them alone, each in the time that ` +
      'it would have taken here; other requests to it are not rehearsed',
    ...later.record.notes,
  ];
}

/** Notes on the scaling of the shards. */
function shardNotes(shards: RehearsalLoop['shards']): string[] {
  if (shards === undefined) return [];
  const notes = ['the shards of the stream follow the number of its records; their bytes are not rehearsed'];
  if (shards.throttled > 0) {
    notes.push(
      `${Math.round(shards.throttled)} records came in minutes in which the shards were full: Kinesis refuses them, and producers send them again; ` +
        'the rehearsal lets them in',
    );
  }
  return notes;
}

/** Note on the work of requests that timed out. */
function abandonedNotes({ blueprint, abandonedWork }: RehearsalLoop['setup'], hasTimeOuts: boolean): string[] {
  if (!hasTimeOuts || blueprint.kind === 'async' || blueprint.stream !== undefined) return [];
  return [
    abandonedWork === 'served'
      ? 'requests that time out in the queue of a container are served there all the same, and delay those behind them'
      : 'requests that time out in the queue of a container leave it without being served',
  ];
}

/** Note on callers whose attempts failed. */
function retryNotes({ blueprint, traffic, retries }: RehearsalLoop['setup'], hasFailures: boolean): string[] {
  if (!hasFailures || blueprint.kind === 'async' || blueprint.stream !== undefined) return [];
  if (retries.mode === 'none') {
    return [
      traffic.countsAttempts === true
        ? 'no caller tries again: the traffic is a metric, whose counts contain the retries of the past; --retries standard adds more'
        : 'no caller tries again',
    ];
  }
  const clients =
    retries.mode === 'standard' ? `, with the retry quotas of ${retries.clients ?? DEFAULT_CLIENTS} clients` : '';
  return [
    `callers whose requests time out or are rejected try again as AWS SDKs do (${retries.mode} mode, up to ${attemptsOf(retries)} attempts${clients}); --retries none leaves that out`,
  ];
}

function retrySummary(
  { retries }: RehearsalLoop['setup'],
  engine: RequestEngine,
  arrived: number,
  failed: number,
  busySeconds: number,
): RetrySummary {
  const { attempts, answered, withoutQuota, abandonedSeconds } = engine.retries;
  return {
    mode: retries.mode,
    maxAttempts: attemptsOf(retries),
    attempts,
    extraLoadPercent: arrived === 0 ? 0 : round((100 * attempts) / arrived, 2),
    answered,
    failed,
    withoutQuota,
    abandonedSlotHours: round(abandonedSeconds / SECONDS_PER_HOUR, 4),
    abandonedPercent: busySeconds === 0 ? 0 : round(Math.min(100, (100 * abandonedSeconds) / busySeconds), 2),
  };
}

function drainSummary({ roster }: RequestEngine): DrainSummary {
  const { instances, requests, givenUp, seconds, longestSeconds } = roster.drains;
  return {
    instances,
    requests,
    givenUp,
    meanSeconds: instances === 0 ? 0 : round(seconds / instances, 2),
    longestSeconds: round(longestSeconds, 2),
  };
}

/** Percentage of requests served well. */
export function sloPercent(arrived: number, missed: number): number {
  return arrived === 0 ? 100 : round(100 * (1 - missed / arrived), 4);
}

/** USD as results give them. */
export function roundedUsd(usd: number): number {
  return round(usd, 4);
}

/** Minimum part of unanswered requests that a note tells. */
const MIN_UNANSWERED = 0.05;

/** Note on requests without an answer at the end. */
function unansweredNotes({ arrived, completed, present }: RehearsalLoop['engine']['totals']): string[] {
  if (present < MIN_UNANSWERED * arrived || present === 0) return [];
  return [
    `${completed} of ${arrived} requests were answered by the end; ${present} were not, and those that had waited longer than the objective are not served well`,
  ];
}

/** Note on an assumed start, where schedules or a budget depend on it. */
function clockNotes({ clock, blueprint, startSeconds }: RehearsalLoop['setup']): string[] {
  if (clock !== null || (blueprint.plan.schedules.length === 0 && blueprint.guard === undefined)) return [];
  return [
    `the trace has no dates: schedules and the budget's month are rehearsed as if it began at ${isoText(startSeconds)}; --start gives another moment`,
  ];
}

function secondsSummary(histogram: SecondsHistogram): SecondsSummary {
  return {
    mean: round(histogram.mean, 4),
    p50: round(histogram.quantile(0.5), 4),
    p95: round(histogram.quantile(0.95), 4),
    p99: round(histogram.quantile(0.99), 4),
    maximum: round(histogram.maximum, 4),
  };
}
