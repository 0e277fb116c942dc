import type { EpochSeconds } from '../../lib/core/time';
import { parseBudget, type GuardConfiguration, type GuardedFleetConfiguration } from '../../lib/cost/contract';
import type { Budget } from '../../lib/cost/decide/budget-period';
import type { TrainingJobSeen } from '../../lib/cost/decide/meter';
import type { FleetSeen, GuardMemory, GuardSeen } from '../../lib/cost/decide/plan';
import type { FleetClient } from '../clients/fleet';
import type { TrainingJobsClient } from '../clients/training-jobs';
import type { Logger } from '../support/logger';

/** Where the guard looks. */
export interface Sights {
  readonly configuration: GuardConfiguration;
  readonly fleets: FleetClient;
  readonly trainingJobs: TrainingJobsClient;
  readonly readBudget: () => Promise<string>;
  readonly logger: Logger;
}

/** How far before the last look changed jobs are asked for: a job that could not be described is met again. */
const TRAINING_OVERLAP_SECONDS = 3600;

/** How far the first look goes back. */
const FIRST_LOOK_SECONDS = 86_400;

/** Looks at everything at once. What cannot be seen is null, is logged, and keeps nobody else from being seen. */
export async function observe(
  sights: Sights,
  memory: GuardMemory | undefined,
  atSeconds: EpochSeconds,
): Promise<GuardSeen> {
  const [budget, trainingJobs, ...fleets] = await Promise.all([
    orNull(sights, 'budget', async (): Promise<Budget> => parseBudget(await sights.readBudget())),
    orNull(sights, 'training jobs', () => lookAtTraining(sights, memory, atSeconds)),
    ...sights.configuration.fleets.map((fleet) => lookAtFleet(sights, fleet)),
  ]);
  return { atSeconds, budget, trainingJobs, fleets };
}

async function lookAtFleet(sights: Sights, fleet: GuardedFleetConfiguration): Promise<FleetSeen> {
  const { resourceId, endpointName, variantName } = fleet;
  const [capacity, bounds] = await Promise.all([
    orNull(sights, resourceId, () => sights.fleets.capacity(endpointName, variantName)),
    // In a dry run the limits are never ours, so what they are says nothing about what is left to do.
    sights.configuration.dryRun ? null : orNull(sights, `limits of ${resourceId}`, () => sights.fleets.bounds(fleet)),
  ]);
  return { resourceId, capacity, bounds };
}

async function lookAtTraining(
  sights: Sights,
  memory: GuardMemory | undefined,
  atSeconds: EpochSeconds,
): Promise<readonly TrainingJobSeen[]> {
  const { training } = sights.configuration;
  if (training === null) return [];
  const since =
    memory === undefined
      ? atSeconds - FIRST_LOOK_SECONDS
      : Math.min(memory.atSeconds, atSeconds) - TRAINING_OVERLAP_SECONDS;
  const changed = await sights.trainingJobs.changedSince(training.jobNamePrefix, since);
  const settled = memory?.training.settledAt ?? {};
  const names = new Set([...changed.filter((name) => !(name in settled)), ...Object.keys(memory?.training.open ?? {})]);
  const jobs = await Promise.all(
    [...names].map((name) => orNull(sights, `training job ${name}`, () => sights.trainingJobs.describe(name))),
  );
  return jobs.filter((job) => job !== null);
}

async function orNull<T>({ logger }: Sights, what: string, look: () => Promise<T>): Promise<T | null> {
  try {
    return await look();
  } catch (error) {
    logger.error(`cannot see ${what}`, { error });
    return null;
  }
}
