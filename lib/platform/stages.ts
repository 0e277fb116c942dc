import { accountOfImage, SKLEARN_IMAGE } from '../catalog/image-accounts';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import { instancePrice, UnknownPriceError, wayToGivePrices, type PricePurpose } from '../catalog/prices';
import { servingImage, servingImageAccount } from '../catalog/serving-images';
import { InputError, throwProblems } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { SECONDS_PER_HOUR } from '../core/time';
import { checkFloors, floorsUsd, HOURS_PER_LONGEST_MONTH } from '../cost/decide/floors';
import { priceOverrides } from '../cost/price-file';
import { checkNotificationRecipients } from '../monitoring/notification-checks';
import { ForecastMode } from '../scaling';
import type { StageConfiguration } from './stage-configuration';
import { checkFeatures, featuresCeilingUsd } from './stage-features';
import { checkKafka } from './stage-kafka';
import { checkStageTypes } from './stage-types';

/** Region of stages that name none. */
export const DEFAULT_REGION = 'us-east-1';

/** One GPU type with a second one as fallback, for an engineer's day or an hour of a local run; nothing is worth keeping. */
const SMALL: Omit<StageConfiguration, 'name' | 'budgetUsd'> = {
  instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
  minCapacity: 1,
  maxCapacity: 8,
  maxConcurrencyPerInstance: 8,
  targetRatio: 0.7,
  shardCount: 2,
  keepData: false,
  trainingInstanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
};

const STAGES: readonly StageConfiguration[] = [
  // Above the cost of eight instances for a month: the guard limits nothing until a run sets a budget of its own.
  { ...SMALL, name: 'local', region: DEFAULT_REGION, budgetUsd: 10_000 },
  { ...SMALL, name: 'dev', budgetUsd: 2_000 },
  {
    name: 'prod',
    instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge', 'ml.g6e.xlarge'],
    // A single instance is a single point of failure (Security Hub control SageMaker.4).
    minCapacity: 2,
    maxCapacity: 16,
    maxConcurrencyPerInstance: 8,
    targetRatio: 0.7,
    trainingInstanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
    trainDaily: true,
    budgetUsd: 20_000,
    accessLogs: true,
  },
];

/** Names of the stages. */
export const STAGE_NAMES: readonly string[] = STAGES.map(({ name }) => name);

/**
 * Returns the checked configuration of a stage.
 *
 * @throws InputError if the stage is unknown (with the nearest names) or its settings contradict each other
 */
export function stageConfiguration(name: string): StageConfiguration {
  const stage = STAGES.find((known) => known.name === name);
  if (stage === undefined)
    throw new InputError(
      `unknown stage '${name}'; nearest: ${nearestNames(name, STAGE_NAMES).join(', ')} (choose with -c stage=NAME)`,
    );
  throwProblems(`stage ${name}`, checkStageConfiguration(stage));
  return stage;
}

/** Returns every problem of a stage's settings; none if it can be deployed. */
export function checkStageConfiguration(stage: StageConfiguration): string[] {
  const types = checkStageTypes(stage);
  if (types.length > 0) return types;
  const problems = [...checkName(stage), ...checkCapacity(stage), ...checkForecast(stage)];
  for (const problem of checkNotificationRecipients(stage.notifications ?? {}))
    problems.push(`notifications.${problem}`);
  const { instanceTypes, trainingInstanceTypes } = stage;
  problems.push(...checkTraining(stage), ...checkImages(stage), ...checkFeatures(stage.features, regionOf(stage)));
  problems.push(...checkKafka(stage.kafka));
  const unpriced = new Set<string>();
  const hosting = priced(stage, instanceTypes, 'hosting', problems, unpriced);
  priced(stage, trainingInstanceTypes ?? [], 'training', problems, unpriced);
  if (unpriced.size > 0) problems.push(wayToGivePrices([...unpriced], regionOf(stage)));
  for (const [property, types] of Object.entries({ instanceTypes, trainingInstanceTypes }))
    if (types?.length === 0) problems.push(`${property} is empty; name at least one instance type`);
  if (!(Number.isFinite(stage.budgetUsd) && stage.budgetUsd > 0))
    problems.push(`budgetUsd (${stage.budgetUsd}) must be above 0; give the budget of a month in USD`);
  else if (hosting.length > 0 && problems.length === 0) problems.push(...checkBudget(stage, Math.max(...hosting)));
  return problems;
}

/**
 * The name becomes part of the names of stack, dashboard and training jobs. A training job's prefix has room for 12 characters, is in
 * lower case, and ends in two hyphens; the stack of the endpoint tour ends in `-tour`.
 */
function checkName({ name }: StageConfiguration): string[] {
  if (name.length > 12 || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    return [
      `name ('${name}') cannot be part of a stack's name; use 1 to 12 lower-case letters, digits or single hyphens, a letter first`,
    ];
  if (name.endsWith('-tour'))
    return [`name ('${name}') ends in -tour, as the stack of the endpoint tour does; use another end`];
  return [];
}

function checkCapacity({ minCapacity, maxCapacity, protectedFloor }: StageConfiguration): string[] {
  const problems = Object.entries({ minCapacity, maxCapacity, protectedFloor })
    .filter(([, value]) => value !== undefined && (!Number.isInteger(value) || value < 1))
    .map(([name, value]) => `${name} (${value}) must be a whole number from 1`);
  if (minCapacity > maxCapacity)
    problems.push(
      `minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity}); lower minCapacity or raise maxCapacity`,
    );
  if (protectedFloor !== undefined && protectedFloor > maxCapacity)
    problems.push(`protectedFloor (${protectedFloor}) is above maxCapacity (${maxCapacity}); lower protectedFloor`);
  return problems;
}

/** Settings of a training pipeline that the stage does not have. */
function checkTraining({ trainingInstanceTypes, trainingImage, trainDaily }: StageConfiguration): string[] {
  if (trainingInstanceTypes !== undefined) return [];
  return Object.entries({ trainingImage, trainDaily: trainDaily === true ? true : undefined })
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name} (${String(value)}) has no effect without training; give trainingInstanceTypes, or leave ${name} out`,
    );
}

/** Images that AWS does not list for the region, with the way out in the stage. */
function checkImages(stage: StageConfiguration): string[] {
  const region = regionOf(stage);
  const { repository, tag, accounts } = SKLEARN_IMAGE;
  const listed = (find: () => unknown): string[] => {
    try {
      find();
      return [];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return [error.message];
    }
  };
  return [
    ...(stage.servingImage === undefined
      ? listed(() =>
          servingImageAccount(
            servingImage('triton'),
            region,
            'give servingImage, a copy of the image in ECR of that region',
          ),
        )
      : []),
    ...(stage.trainingInstanceTypes !== undefined && stage.trainingImage === undefined
      ? listed(() =>
          accountOfImage(
            `${repository}:${tag}`,
            accounts,
            region,
            'give trainingImage, an image with script mode in ECR of that region, or leave trainingInstanceTypes out',
          ),
        )
      : []),
  ];
}

/** Region of a stage. */
export function regionOf({ region }: StageConfiguration): string {
  return region ?? DEFAULT_REGION;
}

function checkForecast({ forecastMode, serviceTime }: StageConfiguration): string[] {
  const problems: string[] = [];
  const known: readonly string[] = Object.values(ForecastMode);
  if (forecastMode !== undefined && !known.includes(forecastMode))
    problems.push(`forecastMode ('${String(forecastMode)}') is unknown; use one of ${known.join(', ')}`);
  const serviceMs = serviceTime?.toMilliseconds({ integral: false });
  if (serviceMs !== undefined && !(serviceMs >= 1))
    problems.push(`serviceTime (${serviceMs} ms) must be at least 1 ms; give the mean time of a request`);
  return problems;
}

/** Returns the prices of the known types; a type that is unknown or has no price is a problem, never free. */
function priced(
  stage: StageConfiguration,
  types: readonly string[],
  purpose: PricePurpose,
  problems: string[],
  unpriced: Set<string>,
): number[] {
  const region = regionOf(stage);
  const overrides = priceOverrides(stage.pricesPerHourUsd ?? {}, stage.priceFile);
  return types.flatMap((instanceType) => {
    if (findInstanceType(instanceType) === undefined) {
      problems.push(unknownInstanceType(instanceType));
      return [];
    }
    try {
      return [instancePrice({ instanceType, region, purpose, overrides }).usdPerHour];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (error instanceof UnknownPriceError) unpriced.add(instanceType);
      problems.push(error.message);
      return [];
    }
  });
}

/** Holds a budget against the cost of the protected floor, as the guard does: it would hold the fleet at its floor for good. */
function checkBudget(stage: StageConfiguration, dearest: number): readonly string[] {
  const { budgetUsd, minCapacity, protectedFloor = minCapacity } = stage;
  const floor = { resourceId: 'endpoint', protectedFloor, pricesPerHourUsd: { dearest } };
  const problems = checkFloors(`budgetUsd (${budgetUsd})`, budgetUsd, [floor], HOURS_PER_LONGEST_MONTH);
  const ceilingUsd = featuresCeilingUsd(stage.features, regionOf(stage), HOURS_PER_LONGEST_MONTH);
  const floorUsd = floorsUsd([floor], HOURS_PER_LONGEST_MONTH * SECONDS_PER_HOUR);
  if (problems.length > 0 || ceilingUsd === 0 || floorUsd + ceilingUsd < budgetUsd) return problems;
  return [
    `budgetUsd (${budgetUsd}) does not cover the protected floor (${floorUsd.toFixed(2)} USD a month) and the ceiling of the feature ` +
      `pipeline (${ceilingUsd.toFixed(2)} USD a month), which the guard does not meter; raise the budget, or lower features.maxWorkers ` +
      'or features.executionTimeout, or raise features.interval',
  ];
}
