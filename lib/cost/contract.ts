import { InputError, throwProblems } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { parseJson, type JsonNode } from '../core/parse';
import { SECONDS_PER_DAY, type EpochSeconds } from '../core/time';
import type { CapacityLimits } from '../scaling/decide/limits';
import { checkBudget, type Budget } from './decide/budget-period';
import { GUARD_LEVELS, type GuardLevel } from './decide/levels';
import type { HeldLimits } from './decide/held-limits';
import type { GuardAction } from './decide/limits-outcome';
import type { FleetMemory, HourlyPrices, OpenJob } from './decide/meter';
import {
  RUNNING_JOBS,
  type GuardMemory,
  type GuardThresholds,
  type RunningJobs,
  type StatedFleet,
  type StatedPlan,
} from './decide/plan';
import type { SpendMark } from './decide/spend-history';
import type { TrainingStop } from './decide/training-stops';

/** Environment variables of the handler. */
export const GUARD_ENVIRONMENT = {
  /** JSON of {@link GuardConfiguration}. */
  configuration: 'TIDEGATE_GUARD_CONFIGURATION',
  /** Name of the table that holds the guard's state and records. */
  tableName: 'TIDEGATE_GUARD_TABLE',
  /** Name of the parameter that holds the budget. */
  budgetParameter: 'TIDEGATE_GUARD_BUDGET_PARAMETER',
  /** ARN of the topic for notifications. */
  topicArn: 'TIDEGATE_GUARD_TOPIC_ARN',
} as const;

/** Metrics of the guard; each has the dimension {@link GUARD_METRICS.dimension}, the guard's name. */
export const GUARD_METRICS = {
  dimension: 'Guard',
  /** Spend of the budget period so far, in USD. */
  spend: 'SpendUsd',
  /** Budget of the period, in USD. */
  budget: 'BudgetUsd',
  /** Cost of the present instances and training jobs, in USD an hour. */
  burnRate: 'BurnRateUsdPerHour',
  /** Spent part of the budget, in percent. */
  budgetUsed: 'BudgetUsedPercent',
  /** Spend, and what is bound to follow: protected floors until the period ends, training jobs that may finish; in USD. */
  committed: 'CommittedUsd',
  /** Forecast of the spend at the end of the period, in USD. */
  forecast: 'ForecastUsd',
  /** 0 `ok`, 1 `warn`, 2 `freeze-growth`, 3 `shrink`. */
  level: 'GuardLevel',
  /** Number of failures to observe, price or limit in one evaluation. */
  problems: 'GuardProblems',
} as const;

/** Metrics of each guarded fleet; each has the dimension {@link FLEET_METRICS.dimension}. */
export const FLEET_METRICS = {
  /** Resource id of the fleet, for example `endpoint/chat/variant/main`. */
  dimension: 'ResourceId',
  /** Existing instances. */
  current: 'CurrentInstances',
  /** Requested instances. */
  desired: 'DesiredInstances',
  /** Maximum of the scalable target, lowered by the guard or not. */
  maximum: 'MaxInstances',
} as const;

/** A guarded fleet with its names in SageMaker and Application Auto Scaling. */
export interface GuardedFleetConfiguration extends StatedFleet {
  readonly endpointName: string;
  readonly variantName: string;
}

/** Training jobs to charge, and to stop. */
export interface GuardedTraining {
  /** Prefix of the names of the jobs. */
  readonly jobNamePrefix: string;
  /** Treatment of running jobs when growth is frozen. */
  readonly runningJobs: RunningJobs;
  readonly pricesPerHourUsd: HourlyPrices;
}

/** Executions of a state machine to charge, and to stop: each is a job of one instance. */
export interface GuardedExecutions {
  readonly stateMachineArn: string;
  /** Most that an execution costs, USD an hour. */
  readonly maxUsdPerHour: number;
  /** Longest time for which an execution costs something, seconds. */
  readonly maxRuntimeSeconds: number;
}

/** Configuration that the construct passes to the handler. */
export interface GuardConfiguration {
  /** Name of the guard in its metrics and notifications. */
  readonly name: string;
  /** True if the guard sets no limits and stops no jobs. */
  readonly dryRun: boolean;
  readonly fleets: readonly GuardedFleetConfiguration[];
  readonly training: GuardedTraining | null;
  /** State machines whose executions are metered. */
  readonly executions?: readonly GuardedExecutions[];
  readonly thresholds: GuardThresholds;
  readonly forecastSmoothingSeconds: number;
}

/** Returns the plan of a configuration. */
export function guardPlan(configuration: GuardConfiguration): StatedPlan {
  return {
    fleets: configuration.fleets,
    runningJobs: configuration.training?.runningJobs ?? 'FINISH',
    dryRun: configuration.dryRun,
    trainingPricesPerHourUsd: {
      ...configuration.training?.pricesPerHourUsd,
      ...Object.fromEntries((configuration.executions ?? []).map((each) => [each.stateMachineArn, each.maxUsdPerHour])),
    },
    thresholds: configuration.thresholds,
    forecastSmoothingSeconds: configuration.forecastSmoothingSeconds,
  };
}

/** Parses the value of {@link GUARD_ENVIRONMENT.configuration}; throws an {@link InputError} that lists every problem. */
export function parseGuardConfiguration(text: string): GuardConfiguration {
  const where = GUARD_ENVIRONMENT.configuration;
  const configuration = parseJson(where, text, 'the configuration of a cost guard', (root) => ({
    name: root.at('name').text(),
    dryRun: root.at('dryRun').flag(),
    fleets: root.at('fleets').items().map(parseGuardedFleet),
    training: root.at('training').optional(parseGuardedTraining) ?? null,
    executions: root.at('executions').optional((node) => node.items().map(parseGuardedExecutions)),
    thresholds: parseThresholds(root.at('thresholds')),
    forecastSmoothingSeconds: root
      .at('forecastSmoothingSeconds')
      .number('seconds of 0 or more', (seconds) => seconds >= 0),
  }));
  throwProblems(where, [
    ...configuration.fleets.flatMap((fleet) => checkGuardedFleet(fleet)),
    ...(configuration.training === null ? [] : checkPrices('training', configuration.training.pricesPerHourUsd)),
    ...checkThresholds(configuration.thresholds),
  ]);
  return configuration;
}

function parseGuardedFleet(fleet: JsonNode): GuardedFleetConfiguration {
  return {
    resourceId: fleet.at('resourceId').text(),
    endpointName: fleet.at('endpointName').text(),
    variantName: fleet.at('variantName').text(),
    scalableDimension: fleet.at('scalableDimension').text(),
    minCapacity: fleet.at('minCapacity').optional((limit) => limit.number()) ?? null,
    maxCapacity: fleet.at('maxCapacity').optional((limit) => limit.number()) ?? null,
    protectedFloor: fleet.at('protectedFloor').number(),
    pricesPerHourUsd: parsePrices(fleet.at('pricesPerHourUsd')),
  };
}

function parseGuardedTraining(training: JsonNode): GuardedTraining {
  return {
    jobNamePrefix: training.at('jobNamePrefix').text(),
    runningJobs: training.at('runningJobs').oneOf(RUNNING_JOBS),
    pricesPerHourUsd: parsePrices(training.at('pricesPerHourUsd')),
  };
}

function parseGuardedExecutions(executions: JsonNode): GuardedExecutions {
  const positive = (name: string): number => executions.at(name).number('a number above 0', (value) => value > 0);
  return {
    stateMachineArn: executions.at('stateMachineArn').text(),
    maxUsdPerHour: positive('maxUsdPerHour'),
    maxRuntimeSeconds: positive('maxRuntimeSeconds'),
  };
}

function parsePrices(prices: JsonNode): HourlyPrices {
  return prices.map((price) => price.number());
}

function parseThresholds(thresholds: JsonNode): GuardThresholds {
  return {
    warnAtPercent: thresholds.at('warnAtPercent').number(),
    freezeAtPercent: thresholds.at('freezeAtPercent').number(),
    shrinkAtPercent: thresholds.at('shrinkAtPercent').number(),
    releasePercent: thresholds.at('releasePercent').number(),
  };
}

/** Returns the problems of a fleet's limits and prices. */
export function checkGuardedFleet(fleet: StatedFleet): readonly string[] {
  const { resourceId, minCapacity, maxCapacity, protectedFloor } = fleet;
  const problems = [...checkPrices(resourceId, fleet.pricesPerHourUsd)];
  for (const [name, value] of Object.entries({ minCapacity, maxCapacity, protectedFloor }))
    if (value !== null && (!Number.isInteger(value) || value < 0))
      problems.push(`${resourceId}: ${name} (${value}) is not a whole number of instances; use 0 or more`);
  if ((minCapacity === null) !== (maxCapacity === null))
    problems.push(
      `${resourceId}: one of minCapacity and maxCapacity is missing; give both, or neither for those of its owner`,
    );
  if (minCapacity === null || maxCapacity === null) return problems;
  if (minCapacity > maxCapacity)
    problems.push(
      `${resourceId}: minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity}); lower minCapacity or raise maxCapacity`,
    );
  if (protectedFloor > maxCapacity)
    problems.push(
      `${resourceId}: protectedFloor (${protectedFloor}) is above maxCapacity (${maxCapacity}); ` +
        `use at most ${maxCapacity}, which means that the guard never limits the fleet`,
    );
  return problems;
}

/** Returns the problems of a price table: it needs an entry, and every price is above zero. */
function checkPrices(where: string, prices: HourlyPrices | undefined): readonly string[] {
  const entries = Object.entries(prices ?? {});
  if (entries.length === 0)
    return [`${where}: no price is given; give the USD per instance-hour of every instance type`];
  return entries
    .filter(([, price]) => !(Number.isFinite(price) && price > 0))
    .map(([type, price]) => `${where}: the price of ${type} is ${price}; give a price above 0 USD per instance-hour`);
}

/** Returns the problems of the thresholds: above zero, in order, none above the budget, and released below the lowest. */
export function checkThresholds(thresholds: GuardThresholds): readonly string[] {
  const { warnAtPercent, freezeAtPercent, shrinkAtPercent, releasePercent } = thresholds;
  const problems: string[] = [];
  if (!(warnAtPercent > 0 && warnAtPercent <= freezeAtPercent && freezeAtPercent <= shrinkAtPercent))
    problems.push(
      `thresholds must rise from above 0: warnAtPercent (${warnAtPercent}), freezeAtPercent (${freezeAtPercent}), ` +
        `shrinkAtPercent (${shrinkAtPercent}); put them in this order`,
    );
  if (shrinkAtPercent > 100)
    problems.push(`shrinkAtPercent (${shrinkAtPercent}) is above 100, the budget; raise the budget instead`);
  if (!(releasePercent >= 0 && releasePercent < warnAtPercent))
    problems.push(
      `releasePercent (${releasePercent}) must be 0 or more and below warnAtPercent (${warnAtPercent}); 5 is usual`,
    );
  return problems;
}

/** Form of the budget parameter. */
const BUDGET_FORM = '{"amountUsd": 500, "periodStart": null, "periodEnd": null}';

const BUDGET_MEMBERS = ['amountUsd', 'periodStart', 'periodEnd'];

/**
 * Parses the budget parameter; throws an {@link InputError} that lists every problem.
 *
 * @param at present moment, see {@link checkBudget}
 */
export function parseBudget(text: string, at: EpochSeconds | null): Budget {
  const moment = (node: JsonNode): EpochSeconds | null =>
    node.optional((given) => given.number('seconds since 1970, or null for the calendar month')) ?? null;
  const { members, budget } = parseJson('budget', text, BUDGET_FORM, (root) => ({
    members: Object.keys(root.object()),
    budget: {
      amountUsd: root.at('amountUsd').number('an amount above 0 USD', (amount) => amount > 0),
      periodStart: moment(root.at('periodStart')),
      periodEnd: moment(root.at('periodEnd')),
    },
  }));
  const unknown = members
    .filter((name) => !BUDGET_MEMBERS.includes(name))
    .map((name) => `'${name.slice(0, 60)}' is unknown; did you mean ${nearestNames(name, BUDGET_MEMBERS, 1)[0]}?`);
  throwProblems('budget', [...unknown, ...checkBudget(budget, at)]);
  return budget;
}

/**
 * Formats the budget parameter; throws an {@link InputError} for a budget that the guard would refuse.
 *
 * @param at present moment, see {@link checkBudget}
 */
export function formatBudget(budget: Budget, at: EpochSeconds | null): string {
  throwProblems('budget', checkBudget(budget, at));
  const { amountUsd, periodStart, periodEnd } = budget;
  return JSON.stringify({ amountUsd, periodStart, periodEnd });
}

/** Audit record: a level entered, or limits changed. */
export interface GuardRecord {
  readonly atSeconds: EpochSeconds;
  readonly level: GuardLevel;
  readonly previousLevel: GuardLevel;
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly burnRateUsdPerHour: number;
  readonly committedUsd: number;
  readonly forecastUsd: number;
  /** Amount of the budget that would lift the limits; null while nothing is limited. */
  readonly liftingBudgetUsd: number | null;
  /** Limits that were set. */
  readonly actions: readonly GuardAction[];
  /** Limits that would have been set without the dry run. */
  readonly withheldActions: readonly GuardAction[];
  /** Training jobs that were stopped, or would have been in a dry run. */
  readonly stops: readonly TrainingStop[];
  /** Fleets of `actions` whose limits could not be set; the next evaluation tries again. */
  readonly failedResourceIds: readonly string[];
  /** Jobs of `stops` that could not be stopped; the next evaluation tries again. */
  readonly failedJobNames: readonly string[];
  readonly reason: string;
  readonly dryRun: boolean;
}

/** Notice: the records of a change of level, one for every level entered; or one record with a reason that people are to know. */
export type GuardNotice = readonly GuardRecord[];

/** Maximum number of notices that wait for a topic which takes none; the table has the records of the others. */
export const MAX_WAITING_NOTICES = 20;

/** State between two evaluations. Every write needs the next `generation`; at most one of two runs gets it. */
export interface GuardState {
  readonly generation: number;
  readonly memory: GuardMemory;
  /** Notices that are not known to be sent, oldest first: stored with the change of level, removed once they are sent. */
  readonly notices: readonly GuardNotice[];
}

/** Keys of the table: one partition, the state under one sort key, the records under sort keys in order of time. */
export const GUARD_TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  partition: 'guard',
  stateSortKey: 'state',
  recordPrefix: 'record#',
  /** JSON of {@link GuardRecord} or {@link GuardMemory}. */
  document: 'document',
  /** JSON of the state's {@link GuardNotice}s. */
  notices: 'notices',
  generation: 'generation',
  /** Permission for jobs to start, one of {@link TRAINING_STARTS}; training and Spark pipelines read it before each job. */
  trainingStarts: 'trainingStarts',
  /** Time to live of a record, in seconds since 1970. */
  expiresAt: 'expiresAt',
} as const;

/** Values of the state's {@link GUARD_TABLE.trainingStarts}. */
export const TRAINING_STARTS = { admitted: 'ADMITTED', refused: 'REFUSED' } as const;

/** Path of the permission in a state machine whose task is {@link admissionTask}; absent until the guard has evaluated once. */
export const ADMISSION_PATH = `$.Guard.Item.${GUARD_TABLE.trainingStarts}.S`;

/** Returns the Step Functions task that reads the permission for jobs to start. */
export function admissionTask(partition: string, tableName: string): object {
  return {
    Type: 'Task',
    Resource: `arn:${partition}:states:::dynamodb:getItem`,
    Parameters: {
      TableName: tableName,
      Key: {
        [GUARD_TABLE.partitionKey]: { S: GUARD_TABLE.partition },
        [GUARD_TABLE.sortKey]: { S: GUARD_TABLE.stateSortKey },
      },
      // The whole state may be larger than the 256 KiB that a task may return.
      ProjectionExpression: GUARD_TABLE.trainingStarts,
      ConsistentRead: true,
    },
    ResultPath: '$.Guard',
  };
}

/** Retention of audit records: 13 months, so that a month can be compared with the one a year before. */
export const RECORD_RETENTION_SECONDS = 400 * SECONDS_PER_DAY;

/** Returns the sort key of a record: in order of time, unique by generation and position. */
export function guardRecordSortKey(atSeconds: EpochSeconds, generation: number, position: number): string {
  const padded = (value: number, length: number): string => String(Math.floor(value)).padStart(length, '0');
  return `${GUARD_TABLE.recordPrefix}${padded(atSeconds, 12)}#${padded(generation, 10)}#${padded(position, 2)}`;
}

/** Parses the document of a record. */
export function parseGuardRecord(document: string): GuardRecord {
  return parseJson('guard record', document, 'an object', (root) => {
    root.at('level').oneOf(GUARD_LEVELS);
    root.at('previousLevel').oneOf(GUARD_LEVELS);
    return root.object() as unknown as GuardRecord;
  });
}

/**
 * Parses the state.
 *
 * @throws InputError that lists every problem
 */
export function parseGuardState(generation: number, document: string, notices: string): GuardState {
  if (!(Number.isInteger(generation) && generation > 0))
    throw new InputError(`guard state: generation is ${generation}; expected a whole number above 0`);
  const memory = parseJson('guard state', document, 'an object', (root): GuardMemory => {
    const budget = root.at('budget');
    const training = root.at('training');
    return {
      atSeconds: root.at('atSeconds').number(),
      budget: {
        amountUsd: budget.at('amountUsd').number('an amount above 0 USD', (amount) => amount > 0),
        periodStart: budget.at('periodStart').optional((start) => start.number()) ?? null,
        periodEnd: budget.at('periodEnd').optional((end) => end.number()) ?? null,
      },
      level: root.at('level').oneOf(GUARD_LEVELS),
      meteredSince: root.at('meteredSince').number(),
      spend: parseHistory(root.at('spend')),
      smoothedRateUsdPerHour: root.at('smoothedRateUsdPerHour').number(),
      fleets: root.at('fleets').map(parseFleetMemory),
      training: {
        open: training.at('open').map(parseOpenJob),
        settledAt: training.at('settledAt').map((at) => at.number()),
      },
      notices: root
        .at('notices')
        .items()
        .map((notice) => notice.text()),
      holds: root.at('holds').map(parseHeldLimits),
      ownersLimits: root.at('ownersLimits').optional((limits) => limits.map(parseLimits)) ?? {},
      rehearsedHolds: root.at('rehearsedHolds').map(parseHeldLimits),
    };
  });
  const waiting = parseJson('guard notices', notices, 'a list of lists of records', (root) =>
    root.items().map((notice) =>
      notice.items().map((record) => {
        record.at('level').oneOf(GUARD_LEVELS);
        return record.object() as unknown as GuardRecord;
      }),
    ),
  );
  return { generation, memory, notices: waiting };
}

function parseHistory(marks: JsonNode): readonly SpendMark[] {
  const items = marks.items();
  if (items.length === 0) marks.number('a list with a mark or more');
  let before = -Infinity;
  return items.map((mark): SpendMark => {
    const [at, total] = mark.items();
    const seconds = (at ?? mark).number('a moment after the one before', (moment) => moment > before);
    before = seconds;
    return [seconds, (total ?? mark).number()];
  });
}

function parseFleetMemory(fleet: JsonNode): FleetMemory {
  const count = (node: JsonNode): number => node.count();
  return {
    rateUsdPerHour: fleet.at('rateUsdPerHour').number('a rate of 0 or more', (rate) => rate >= 0),
    desiredCapacity: fleet.at('desiredCapacity').optional(count) ?? null,
    frozenCapacity: fleet.at('frozenCapacity').optional(count) ?? null,
  };
}

function parseLimits(limits: JsonNode): CapacityLimits {
  return { minCapacity: limits.at('minCapacity').count(), maxCapacity: limits.at('maxCapacity').count() };
}

function parseHeldLimits(held: JsonNode): HeldLimits {
  return {
    scalableDimension: held.at('scalableDimension').text(),
    declared: parseLimits(held.at('declared')),
    claimed: held
      .at('claimed')
      .items()
      .map((claimed) => ({ ...parseLimits(claimed), evaluations: claimed.at('evaluations').count() })),
    status: held.at('status').oneOf(['claimed', 'set', 'restored'] as const),
  };
}

function parseOpenJob(job: JsonNode): OpenJob {
  return {
    rateUsdPerHour: job.at('rateUsdPerHour').number('a rate of 0 or more', (rate) => rate >= 0),
    startedAt: job.at('startedAt').optional((at) => at.number()) ?? null,
    maxRuntimeSeconds: job.at('maxRuntimeSeconds').number('0 or more', (seconds) => seconds >= 0),
    stopReason: job.at('stopReason').optional((reason) => reason.text()) ?? null,
  };
}
