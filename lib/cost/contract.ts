import { InputError, throwProblems } from '../core/errors';
import type { EpochSeconds } from '../core/time';
import type { Budget } from './decide/budget-period';
import { isGuardLevel, type GuardLevel } from './decide/levels';
import type { HourlyPrices } from './decide/meter';
import type { GuardAction, GuardedFleet, GuardMemory, GuardPlan, GuardThresholds } from './decide/plan';

/** The environment variables between the construct and the handler. */
export const GUARD_ENVIRONMENT = {
  /** What the guard watches and may do: JSON of {@link GuardConfiguration}. */
  configuration: 'TIDEGATE_GUARD_CONFIGURATION',
  /** Name of the table that holds the guard's state and records. */
  tableName: 'TIDEGATE_GUARD_TABLE',
  /** Name of the parameter that holds the budget. */
  budgetParameter: 'TIDEGATE_GUARD_BUDGET_PARAMETER',
  /** ARN of the topic for notices. */
  topicArn: 'TIDEGATE_GUARD_TOPIC_ARN',
} as const;

/** The metrics of the guard; each carries the dimension {@link GUARD_METRICS.dimension}, the guard's name. */
export const GUARD_METRICS = {
  namespace: 'Tidegate',
  dimension: 'Guard',
  /** What the budget period has cost so far, in USD. */
  spend: 'SpendUsd',
  /** What may be spent in the period, in USD. */
  budget: 'BudgetUsd',
  /** What the present instances and training jobs cost, in USD an hour. */
  burnRate: 'BurnRateUsdPerHour',
  /** How much of the budget is spent, in percent. */
  budgetUsed: 'BudgetUsedPercent',
  /** What the period will have cost at its end, in USD. */
  forecast: 'ForecastUsd',
  /** 0 `ok`, 1 `warn`, 2 `freeze-growth`, 3 `shrink`. */
  level: 'GuardLevel',
  /** How many things could not be seen, priced or limited at one look. */
  problems: 'GuardProblems',
} as const;

/** What the guard tells of each fleet it sees; each carries the dimension {@link FLEET_METRICS.dimension}. */
export const FLEET_METRICS = {
  namespace: 'Tidegate',
  /** The fleet, for example `endpoint/chat/variant/main`. */
  dimension: 'ResourceId',
  /** Instances that exist. */
  current: 'CurrentInstances',
  /** Instances that were asked for. */
  desired: 'DesiredInstances',
  /** The maximum of the scalable target, lowered or not. */
  maximum: 'MaxInstances',
} as const;

/** A fleet under guard with the names its services know it by. */
export interface GuardedFleetConfiguration extends GuardedFleet {
  readonly endpointName: string;
  readonly variantName: string;
  /** For example `sagemaker:variant:DesiredInstanceCount`. */
  readonly scalableDimension: string;
}

/** Which training jobs are charged. */
export interface GuardedTraining {
  /** Jobs whose name begins with this are charged. */
  readonly jobNamePrefix: string;
  readonly pricesPerHourUsd: HourlyPrices;
}

/** What the construct tells the handler. */
export interface GuardConfiguration {
  /** The guard's name: the dimension of its metrics and the word for it in notices. */
  readonly name: string;
  /** Everything but the effects. */
  readonly dryRun: boolean;
  readonly fleets: readonly GuardedFleetConfiguration[];
  readonly training: GuardedTraining | null;
  readonly thresholds: GuardThresholds;
  readonly forecastSmoothingSeconds: number;
}

/** The plan in a configuration. */
export function guardPlan(configuration: GuardConfiguration): GuardPlan {
  return {
    fleets: configuration.fleets,
    trainingPricesPerHourUsd: configuration.training?.pricesPerHourUsd ?? {},
    thresholds: configuration.thresholds,
    forecastSmoothingSeconds: configuration.forecastSmoothingSeconds,
  };
}

/** Reads what {@link GUARD_ENVIRONMENT.configuration} holds; throws an {@link InputError} that lists every problem. */
export function parseGuardConfiguration(text: string): GuardConfiguration {
  const where = GUARD_ENVIRONMENT.configuration;
  const value = parseObject(where, text) as unknown as GuardConfiguration;
  if (!Array.isArray(value.fleets)) throw new InputError(`${where}: fleets is missing; a list is needed`);
  throwProblems(where, [
    ...value.fleets.flatMap((fleet) => checkGuardedFleet(fleet)),
    ...(value.training === null ? [] : checkPrices('training', value.training.pricesPerHourUsd)),
    ...checkThresholds(value.thresholds),
  ]);
  return value;
}

/** The problems of a fleet's limits and prices. */
export function checkGuardedFleet(fleet: GuardedFleet): readonly string[] {
  const { resourceId, minCapacity, maxCapacity, protectedFloor } = fleet;
  const problems = [...checkPrices(resourceId, fleet.pricesPerHourUsd)];
  for (const [name, value] of Object.entries({ minCapacity, maxCapacity, protectedFloor }))
    if (!Number.isInteger(value) || value < 0)
      problems.push(`${resourceId}: ${name} (${value}) is no whole number of instances; use 0 or more`);
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

/** The problems of a price table: it must have an entry, and every entry must be a positive number. */
export function checkPrices(where: string, prices: HourlyPrices | undefined): readonly string[] {
  const entries = Object.entries(prices ?? {});
  if (entries.length === 0)
    return [`${where}: no price is given; name the USD per instance-hour of every instance type`];
  return entries
    .filter(([, price]) => !(Number.isFinite(price) && price > 0))
    .map(([type, price]) => `${where}: the price of ${type} is ${price}; a price is above 0 USD per instance-hour`);
}

/** The problems of the thresholds: positive, in order, and released below where they begin. */
export function checkThresholds(thresholds: GuardThresholds): readonly string[] {
  const { warnAtPercent, freezeAtPercent, shrinkAtPercent, releasePercent } = thresholds;
  const problems: string[] = [];
  if (!(warnAtPercent > 0 && warnAtPercent <= freezeAtPercent && freezeAtPercent <= shrinkAtPercent))
    problems.push(
      `thresholds must rise from above 0: warnAtPercent (${warnAtPercent}), freezeAtPercent (${freezeAtPercent}), ` +
        `shrinkAtPercent (${shrinkAtPercent}); put them in this order`,
    );
  if (!(releasePercent >= 0 && releasePercent < warnAtPercent))
    problems.push(
      `releasePercent (${releasePercent}) must be 0 or more and below warnAtPercent (${warnAtPercent}); 5 is usual`,
    );
  return problems;
}

/** Reads the budget parameter; throws an {@link InputError} that says what is allowed. */
export function parseBudget(text: string): Budget {
  const { amountUsd, periodStart = null, periodEnd = null } = parseObject('budget', text);
  const problems: string[] = [];
  if (typeof amountUsd !== 'number' || !Number.isFinite(amountUsd) || amountUsd <= 0)
    problems.push(`amountUsd is ${JSON.stringify(amountUsd)}; give an amount above 0 USD`);
  for (const [name, value] of Object.entries({ periodStart, periodEnd }))
    if (value !== null && !(typeof value === 'number' && Number.isFinite(value) && value >= 0))
      problems.push(`${name} is ${JSON.stringify(value)}; give seconds since 1970, or null for the calendar month`);
  if (typeof periodStart === 'number' && typeof periodEnd === 'number' && periodEnd <= periodStart)
    problems.push(`periodEnd (${periodEnd}) is not after periodStart (${periodStart}); give a later end`);
  throwProblems('budget', problems);
  return { amountUsd, periodStart, periodEnd } as Budget;
}

/** The text of a budget parameter. */
export function formatBudget(budget: Budget): string {
  const { amountUsd, periodStart, periodEnd } = budget;
  return JSON.stringify({ amountUsd, periodStart, periodEnd });
}

/** One entry of the guard's audit: a level entered, or limits changed. */
export interface GuardRecord {
  readonly atSeconds: EpochSeconds;
  readonly level: GuardLevel;
  readonly previousLevel: GuardLevel;
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly burnRateUsdPerHour: number;
  readonly forecastUsd: number;
  /** The limits that were set (or would have been, in a dry run). */
  readonly actions: readonly GuardAction[];
  /** Fleets of `actions` whose limits could not be set; the next look tries again. */
  readonly failedResourceIds: readonly string[];
  readonly reason: string;
  readonly dryRun: boolean;
}

/** What the guard knows between two looks; `generation` rises by one with every look, and one look at most gets it. */
export interface GuardState {
  readonly generation: number;
  readonly memory: GuardMemory;
}

/** The table: one partition, the state under one sort key, the records under sort keys in order of time. */
export const GUARD_TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  partition: 'guard',
  stateSortKey: 'state',
  recordPrefix: 'record#',
  /** The entry as JSON: {@link GuardRecord} or {@link GuardMemory}. */
  document: 'document',
  generation: 'generation',
  /** When a record may be deleted, in seconds since 1970 (the table's time to live). */
  expiresAt: 'expiresAt',
} as const;

/** How long audit records are kept: 13 months, so that a month can be compared with the one a year before. */
export const RECORD_RETENTION_SECONDS = 400 * 86_400;

/** The sort key of a record: in order of time, unique by generation and place. */
export function guardRecordSortKey(atSeconds: EpochSeconds, generation: number, place: number): string {
  const padded = (value: number, length: number): string => String(Math.floor(value)).padStart(length, '0');
  return `${GUARD_TABLE.recordPrefix}${padded(atSeconds, 12)}#${padded(generation, 10)}#${padded(place, 2)}`;
}

/** Reads a record's document. */
export function parseGuardRecord(document: string): GuardRecord {
  const value = parseObject('guard record', document);
  if (!isGuardLevel(value['level']) || !isGuardLevel(value['previousLevel']))
    throw new InputError(`guard record: '${String(value['level'])}' is no guard level`);
  return value as unknown as GuardRecord;
}

/** Reads the state's document. */
export function parseGuardMemory(document: string): GuardMemory {
  const value = parseObject('guard state', document);
  if (!isGuardLevel(value['level']) || typeof value['fleetUsd'] !== 'number')
    throw new InputError('guard state: the document lacks its level or its spend; delete the item to start again');
  return value as unknown as GuardMemory;
}

function parseObject(where: string, text: string): { readonly [name: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(`${where} is no JSON: ${text.slice(0, 80)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InputError(`${where} is no JSON object: ${text.slice(0, 80)}`);
  return value as { readonly [name: string]: unknown };
}
