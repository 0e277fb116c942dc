import { InputError } from '../../lib/core/errors';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, type EpochSeconds } from '../../lib/core/time';
import { parseBudget, type GuardConfiguration, type GuardedFleetConfiguration } from '../../lib/cost/contract';
import { isExecution, type FleetSeen, type TrainingJobSeen } from '../../lib/cost/decide/meter';
import type { GuardMemory, GuardSeen } from '../../lib/cost/decide/plan';
import type { LimitsSeen } from '../../lib/scaling/decide/limits';
import type { EndpointStates } from '../clients/endpoint-state';
import type { ScalableTargetId, ScalableTargets } from '../clients/scalable-target';
import type { MeteredExecutions } from '../clients/metered-executions';
import type { TrainingJobsClient } from '../clients/training-jobs';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';

/** Sources of the guard's observations. */
export interface ObservationSources {
  readonly configuration: GuardConfiguration;
  readonly endpoints: Pick<EndpointStates, 'variantCapacity'>;
  readonly targets: Pick<ScalableTargets, 'limits'>;
  readonly trainingJobs: Pick<TrainingJobsClient, 'changedSince' | 'describe'>;
  readonly executions: Pick<MeteredExecutions, 'since' | 'describe'>;
  readonly readBudget: (signal: AbortSignal) => Promise<string>;
  readonly logger: Logger;
}

/** Overlap with the previous evaluation when listing changed jobs: a job that could not be described is listed again. */
const TRAINING_OVERLAP_SECONDS = SECONDS_PER_HOUR;

/** Time span of changed jobs that the first evaluation lists. */
const FIRST_SPAN_SECONDS = SECONDS_PER_DAY;

/** Reads every source at once. A source that fails, or is silent until its deadline, is null and logged; the others are read all the same. */
export async function observe(
  sources: ObservationSources,
  memory: GuardMemory | undefined,
  atSeconds: EpochSeconds,
): Promise<GuardSeen> {
  const since =
    memory === undefined
      ? atSeconds - FIRST_SPAN_SECONDS
      : Math.min(memory.atSeconds, atSeconds) - TRAINING_OVERLAP_SECONDS;
  const [budget, training, executions, ...fleets] = await Promise.all([
    observeBudget(sources, atSeconds),
    attempt(sources, 'training jobs', () => observeTraining(sources, memory, since)),
    attempt(sources, 'executions', () => observeExecutions(sources, memory, since)),
    ...sources.configuration.fleets.map((fleet) => observeFleet(sources, fleet)),
    ...departed(sources, memory).map((target) => observeDeparted(sources, target)),
  ]);
  const jobs = { training, executions };
  return {
    atSeconds,
    ...budget,
    trainingJobs: training === null && executions === null ? null : Object.values(jobs).flatMap((seen) => seen ?? []),
    unreadJobs: (['training', 'executions'] as const).filter((kind) => jobs[kind] === null),
    fleets,
  };
}

/** Reads the budget. A refused value differs from an unread one: it stays until a person corrects it. */
async function observeBudget(
  sources: ObservationSources,
  atSeconds: EpochSeconds,
): Promise<Pick<GuardSeen, 'budget' | 'budgetRefusal'>> {
  const text = await look(sources, 'budget', (signal) => sources.readBudget(signal));
  if (text === null) return { budget: null, budgetRefusal: null };
  try {
    return { budget: parseBudget(text, atSeconds), budgetRefusal: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { budget: null, budgetRefusal: error.message };
  }
}

async function observeFleet(sources: ObservationSources, fleet: GuardedFleetConfiguration): Promise<FleetSeen> {
  const { resourceId, endpointName, variantName } = fleet;
  const [capacity, limits] = await Promise.all([
    look(sources, resourceId, (signal) => sources.endpoints.variantCapacity(endpointName, variantName, signal)),
    observeLimits(sources, fleet),
  ]);
  return { resourceId, capacity, limits };
}

/** Returns the scalable targets whose limits the guard holds although their fleets have left the configuration. */
function departed({ configuration }: ObservationSources, memory: GuardMemory | undefined): readonly ScalableTargetId[] {
  return Object.entries(memory?.holds ?? {})
    .filter(([held]) => !configuration.fleets.some(({ resourceId }) => resourceId === held))
    .map(([resourceId, { scalableDimension }]) => ({ resourceId, scalableDimension }));
}

async function observeDeparted(sources: ObservationSources, target: ScalableTargetId): Promise<FleetSeen> {
  return { resourceId: target.resourceId, capacity: null, limits: await observeLimits(sources, target) };
}

async function observeLimits(sources: ObservationSources, target: ScalableTargetId): Promise<LimitsSeen> {
  const limits = await look(sources, `limits of ${target.resourceId}`, (signal) =>
    sources.targets.limits(target, signal),
  );
  return limits ?? { kind: 'unreadable' };
}

async function observeTraining(
  sources: ObservationSources,
  memory: GuardMemory | undefined,
  since: EpochSeconds,
): Promise<readonly TrainingJobSeen[]> {
  const { training } = sources.configuration;
  if (training === null) return [];
  const changed = await withDeadline(LOOK_DEADLINE_SECONDS, 'the list of training jobs', (signal) =>
    sources.trainingJobs.changedSince(training.jobNamePrefix, since, signal),
  );
  const settled = memory?.training.settledAt ?? {};
  const open = Object.keys(memory?.training.open ?? {}).filter((name) => !isExecution(name));
  const names = new Set([...changed.filter((name) => !(name in settled)), ...open]);
  const jobs = await Promise.all(
    [...names].map((name) =>
      look(sources, `training job ${name}`, (signal) => sources.trainingJobs.describe(name, signal)),
    ),
  );
  return jobs.filter((job) => job !== null);
}

async function observeExecutions(
  sources: ObservationSources,
  memory: GuardMemory | undefined,
  since: EpochSeconds,
): Promise<readonly TrainingJobSeen[]> {
  const { executions: machines = [] } = sources.configuration;
  const settled = memory?.training.settledAt ?? {};
  const listed = await Promise.all(
    machines.map((machine) =>
      withDeadline(LOOK_DEADLINE_SECONDS, `the executions of ${machine.stateMachineArn}`, (signal) =>
        sources.executions.since(machine, since, signal),
      ),
    ),
  );
  const fresh = listed.flat().filter(({ name }) => !(name in settled));
  const names = new Set(fresh.map(({ name }) => name));
  const left = Object.keys(memory?.training.open ?? {}).filter((name) => isExecution(name) && !names.has(name));
  const others = await Promise.all(
    left.map((name) =>
      look(sources, `execution ${name}`, (signal) => sources.executions.describe(name, machines, signal)),
    ),
  );
  return [...fresh, ...others.filter((job) => job !== null)];
}

/** Reads one source before the deadline of a look. */
function look<T>(
  sources: ObservationSources,
  subject: string,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T | null> {
  return attempt(sources, subject, () => withDeadline(LOOK_DEADLINE_SECONDS, subject, read));
}

/** Returns the result of a read; null, with a line in the log, when it fails. */
async function attempt<T>({ logger }: ObservationSources, subject: string, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    logger.error(`cannot read ${subject}`, { error });
    return null;
  }
}
