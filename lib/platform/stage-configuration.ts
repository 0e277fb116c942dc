import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import { instancePrice, type PricePurpose } from '../catalog/prices';
import { InputError, throwProblems } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { StageForecast, type Stage } from './stage';

/** The stage that is meant when none is named. */
export const DEFAULT_STAGE = 'local';

/** Where stages are deployed unless they say otherwise. */
export const DEFAULT_REGION = 'us-east-1';

/** The longest month, in hours: what a budget for a month has to carry. */
const HOURS_OF_A_MONTH = 31 * 24;

/** One GPU type with a second one to fall back on; what an engineer deploys for a day, or the local run for an hour. */
const SMALL: Omit<Stage, 'name' | 'budgetUsd'> = {
  instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
  minCapacity: 1,
  maxCapacity: 8,
  maxConcurrencyPerInstance: 8,
  safetyFactor: 0.7,
  shardCount: 2,
  trainingInstanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
};

const STAGES: readonly Stage[] = [
  // Above what eight instances cost in a month: the guard stays quiet until a run sets a budget of its own.
  { ...SMALL, name: 'local', budgetUsd: 10_000 },
  { ...SMALL, name: 'dev', budgetUsd: 2_000 },
  {
    name: 'prod',
    instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge', 'ml.g6e.xlarge'],
    // One instance alone is one failure away from none (Security Hub control SageMaker.4).
    minCapacity: 2,
    maxCapacity: 16,
    maxConcurrencyPerInstance: 8,
    safetyFactor: 0.7,
    trainingInstanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
    trainDaily: true,
    budgetUsd: 20_000,
    keepsData: true,
  },
];

/** The names of the stages. */
export const STAGE_NAMES: readonly string[] = STAGES.map(({ name }) => name);

/**
 * The configuration of a stage, checked.
 *
 * @throws InputError when the stage is unknown (with the nearest names) or its settings contradict each other
 */
export function stageConfiguration(name: string): Stage {
  const stage = STAGES.find((known) => known.name === name);
  if (stage === undefined)
    throw new InputError(
      `unknown stage '${name}'; nearest: ${nearestNames(name, STAGE_NAMES).join(', ')} (choose with -c stage=NAME)`,
    );
  throwProblems(`stage ${name}`, checkStage(stage));
  return stage;
}

/** Every problem of a stage's settings; none when it can be deployed. */
export function checkStage(stage: Stage): string[] {
  const problems = [...checkName(stage), ...checkCapacity(stage), ...checkForecast(stage)];
  const hosting = priced(stage, stage.instanceTypes, 'hosting', problems);
  priced(stage, stage.trainingInstanceTypes, 'training', problems);
  for (const [property, types] of Object.entries({
    instanceTypes: stage.instanceTypes,
    trainingInstanceTypes: stage.trainingInstanceTypes,
  }))
    if (types.length === 0) problems.push(`${property} is empty; name at least one instance type`);
  if (!(Number.isFinite(stage.budgetUsd) && stage.budgetUsd > 0))
    problems.push(`budgetUsd (${stage.budgetUsd}) is no amount above 0; give what may be spent in a month, in USD`);
  else if (hosting.length > 0 && problems.length === 0) problems.push(...checkBudget(stage, Math.min(...hosting)));
  return problems;
}

/** The name is part of the names of stack, dashboard and training jobs, whose prefix has room for twelve characters. */
function checkName({ name }: Stage): string[] {
  if (name.length <= 12 && /^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$/.test(name)) return [];
  return [
    `name ('${name}') cannot be part of a stack's name; use 12 letters, digits or single hyphens, a letter first`,
  ];
}

function checkCapacity({ minCapacity, maxCapacity, protectedFloor }: Stage): string[] {
  const problems = Object.entries({ minCapacity, maxCapacity, protectedFloor })
    .filter(([, value]) => value !== undefined && (!Number.isInteger(value) || value < 1))
    .map(([name, value]) => `${name} (${value}) is no whole number of instances from 1`);
  if (minCapacity > maxCapacity)
    problems.push(
      `minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity}); lower minCapacity or raise maxCapacity`,
    );
  if (protectedFloor !== undefined && protectedFloor > maxCapacity)
    problems.push(`protectedFloor (${protectedFloor}) is above maxCapacity (${maxCapacity}); lower protectedFloor`);
  return problems;
}

function checkForecast({ forecast, serviceTimeSeconds }: Stage): string[] {
  const problems: string[] = [];
  const known: readonly string[] = Object.values(StageForecast);
  if (forecast !== undefined && !known.includes(forecast))
    problems.push(`forecast ('${String(forecast)}') is unknown; use one of ${known.join(', ')}`);
  if (serviceTimeSeconds !== undefined && !(Number.isFinite(serviceTimeSeconds) && serviceTimeSeconds >= 0.001))
    problems.push(
      `serviceTimeSeconds (${serviceTimeSeconds}) is no time from a millisecond; give the mean of a request`,
    );
  return problems;
}

/** The prices of some types; a type that is unknown or has no price is a problem, never free. */
function priced(stage: Stage, types: readonly string[], purpose: PricePurpose, problems: string[]): number[] {
  const region = stage.region ?? DEFAULT_REGION;
  const overrides = Object.entries(stage.pricesPerHourUsd ?? {}).map(([instanceType, usdPerHour]) => ({
    instanceType,
    usdPerHour,
  }));
  return types.flatMap((instanceType) => {
    if (findInstanceType(instanceType) === undefined) {
      problems.push(unknownInstanceType(instanceType));
      return [];
    }
    try {
      return [instancePrice({ instanceType, region, purpose, overrides }).usdPerHour];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
}

/** A budget that the fewest instances overspend would hold the fleet at its floor for good. */
function checkBudget({ budgetUsd, minCapacity }: Stage, cheapest: number): string[] {
  const floorUsd = minCapacity * cheapest * HOURS_OF_A_MONTH;
  if (budgetUsd > floorUsd) return [];
  return [
    `budgetUsd (${budgetUsd}) is spent by minCapacity (${minCapacity}) alone: ${minCapacity} x ${cheapest} USD/h x ` +
      `${HOURS_OF_A_MONTH} h = ${floorUsd.toFixed(0)} USD a month; raise budgetUsd or lower minCapacity`,
  ];
}
