import {
  FLEET_METRICS,
  guardPlan,
  GUARD_METRICS,
  MAX_WAITING_NOTICES,
  type GuardConfiguration,
  type GuardNotice,
  type GuardRecord,
  type GuardState,
} from '../../lib/cost/contract';
import {
  decideGuardLevel,
  withFailedActions,
  withPendingActions,
  type GuardDecision,
} from '../../lib/cost/decide/guard-level';
import { levelRank } from '../../lib/cost/decide/levels';
import { isExecution } from '../../lib/cost/decide/meter';
import type { GuardMemory, GuardSeen } from '../../lib/cost/decide/plan';
import type { CapacityLimits } from '../../lib/scaling/decide/limits';
import type { EndpointStates } from '../clients/endpoint-state';
import type { GuardStore } from '../clients/guard-store';
import type { Metrics, MetricValue } from '../clients/metrics';
import type { Notifier } from '../clients/notifier';
import type { Parameters } from '../clients/parameters';
import type { ScalableTargets } from '../clients/scalable-target';
import type { MeteredExecutions } from '../clients/metered-executions';
import type { TrainingJobsClient } from '../clients/training-jobs';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import { levelNotification } from './notification';
import { observe } from './observe';

/** Everything outside the handler. */
export interface GuardDependencies {
  readonly configuration: GuardConfiguration;
  readonly budgetParameter: string;
  readonly parameters: Parameters;
  readonly endpoints: Pick<EndpointStates, 'variantCapacity'>;
  readonly targets: ScalableTargets;
  readonly trainingJobs: TrainingJobsClient;
  readonly executions: MeteredExecutions;
  readonly store: GuardStore;
  readonly metrics: Metrics;
  readonly notifier: Notifier;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Result of one evaluation. */
export interface GuardRun {
  readonly decision: GuardDecision;
  /** True if another run was first: this one recorded and told nothing, and the next one decides from the stored state. */
  readonly overtaken: boolean;
  readonly records: readonly GuardRecord[];
}

/**
 * One evaluation of the guard: observe, decide, act, record, tell.
 *
 * The evaluation is claimed before anything is done, together with the limits that it is about to set. Its level, limits, records and
 * notice are written together afterwards, and the notice is removed once it is sent. A run that dies in between leaves the charged time
 * and the claimed limits, so that the next one decides the same actions again; they are absolute, so doing them twice equals doing them
 * once. A notice that the state still holds may have been sent before: it is sent again, marked as repeated.
 */
export function createHandler(dependencies: GuardDependencies): (event: unknown) => Promise<GuardRun> {
  const { configuration, parameters, budgetParameter, store, clock, logger } = dependencies;
  const plan = guardPlan(configuration);
  const sources = { ...dependencies, readBudget: (signal: AbortSignal) => parameters.read(budgetParameter, signal) };

  return async () => {
    const state = await store.load();
    const seen = await observe(sources, state?.memory, clock.now());
    const { decision, memory } = decideGuardLevel(plan, seen, state?.memory);
    const waiting = state?.notices ?? [];
    const { actions, withheldActions, levelChanges, stops } = decision;
    const changes = [actions, withheldActions, levelChanges, stops, decision.notices].some(({ length }) => length > 0);

    let written: GuardState = {
      generation: (state?.generation ?? 0) + 1,
      memory: changes ? withPendingActions(memory, state?.memory, decision.actions) : memory,
      notices: waiting,
    };
    if (!(await store.write(written))) {
      logger.warn('another run claimed this generation first; nothing was done', { generation: written.generation });
      return { decision, overtaken: true, records: [] };
    }

    const [failed, failedJobNames] = await Promise.all([
      act(dependencies, decision, memory),
      stop(dependencies, decision),
    ]);
    const numbers = numbersOf(decision, memory.atSeconds, configuration.dryRun);
    const changed = recordsOf(decision, numbers, { failedResourceIds: failed, failedJobNames });
    const noted = noticeRecords(decision, numbers);
    const records = [...changed, ...noted];
    if (changes) {
      written = {
        generation: written.generation + 1,
        memory: withFailedActions(memory, failed),
        notices: withNotices(waiting, [levelChanges.length > 0 ? changed : [], noted], logger),
      };
      if (!(await store.write(written, records))) {
        logger.warn('another run was first to write; this one tells nothing', { generation: written.generation });
        return { decision, overtaken: true, records: [] };
      }
    }
    await Promise.all([
      publish(dependencies, decision, seen, failed.length + failedJobNames.length + waiting.length),
      tell(dependencies, written, waiting),
    ]);
    logger.info('evaluated', {
      ...decision,
      generation: written.generation,
      dryRun: configuration.dryRun,
      failed,
      failedJobNames,
    });
    return { decision, overtaken: false, records };
  };
}

/** Sets the limits; returns the fleets where it failed. A failure or a silence does not delay the other fleets. */
async function act(
  { targets, logger }: GuardDependencies,
  { actions, limitsBefore }: GuardDecision,
  { holds }: GuardMemory,
): Promise<readonly string[]> {
  const outcomes = await Promise.all(
    actions.map(async ({ resourceId, minCapacity, maxCapacity }) => {
      try {
        const { scalableDimension } = holds[resourceId]!;
        const before = limitsBefore[resourceId]!;
        const limits = changedLimits(before, { minCapacity, maxCapacity });
        await withDeadline(LOOK_DEADLINE_SECONDS, `limits of ${resourceId}`, (signal) =>
          targets.setLimits({ resourceId, scalableDimension }, limits, signal, before),
        );
        return undefined;
      } catch (error) {
        logger.error(`cannot limit ${resourceId}`, { error, minCapacity, maxCapacity });
        return resourceId;
      }
    }),
  );
  return outcomes.filter((resourceId) => resourceId !== undefined);
}

/** Stops jobs; returns those for which it failed. */
async function stop(
  { configuration, trainingJobs, executions, logger }: GuardDependencies,
  { stops }: GuardDecision,
): Promise<readonly string[]> {
  if (configuration.dryRun) return [];
  const outcomes = await Promise.all(
    stops.map(async ({ jobName }) => {
      try {
        await withDeadline(LOOK_DEADLINE_SECONDS, `stop of ${jobName}`, (signal) =>
          isExecution(jobName) ? executions.stop(jobName, signal) : trainingJobs.stop(jobName, signal),
        );
        return undefined;
      } catch (error) {
        logger.error(`cannot stop job ${jobName}`, { error });
        return jobName;
      }
    }),
  );
  return outcomes.filter((jobName) => jobName !== undefined);
}

/** Returns the limits that change, so that a change of the other one by someone else stays; the maximum, where none changes. */
function changedLimits(before: CapacityLimits, { minCapacity, maxCapacity }: CapacityLimits): Partial<CapacityLimits> {
  if (before.minCapacity === minCapacity) return { maxCapacity };
  return before.maxCapacity === maxCapacity ? { minCapacity } : { minCapacity, maxCapacity };
}

/** Adds the notices that are not empty to those that wait. Where too many wait, the oldest are dropped; the table has their records. */
function withNotices(
  waiting: readonly GuardNotice[],
  notices: readonly GuardNotice[],
  logger: Logger,
): readonly GuardNotice[] {
  const all = [...waiting, ...notices.filter(({ length }) => length > 0)];
  if (all.length > MAX_WAITING_NOTICES) logger.error('too many notices wait: the oldest is dropped', { waiting });
  return all.slice(-MAX_WAITING_NOTICES);
}

/**
 * Sends the notices of the state in order and removes the sent ones. A failure delays the later notices, so that their order stays; the
 * next evaluation sends them again.
 *
 * @param waiting notices that an earlier run may have sent
 */
async function tell(
  { configuration, budgetParameter, notifier, store, logger }: GuardDependencies,
  { generation, memory, notices }: GuardState,
  waiting: readonly GuardNotice[],
): Promise<void> {
  let sent = 0;
  try {
    for (const notice of notices) {
      const repeated = waiting.includes(notice);
      await notifier.notify(levelNotification(configuration, notice, budgetParameter, repeated));
      sent++;
    }
  } catch (error) {
    logger.error('cannot publish', { error });
  }
  if (sent === 0) return;
  try {
    await store.write({ generation: generation + 1, memory, notices: notices.slice(sent) });
  } catch (error) {
    logger.error('cannot remove the notices that were sent; they are repeated', { error });
  }
}

/** Members that every record of an evaluation has. */
type RecordNumbers = Omit<GuardRecord, 'level' | 'previousLevel' | 'reason' | keyof RecordEffects>;
type RecordEffects = Pick<
  GuardRecord,
  'actions' | 'withheldActions' | 'stops' | 'failedResourceIds' | 'failedJobNames'
>;

const NO_EFFECTS: RecordEffects = {
  actions: [],
  withheldActions: [],
  stops: [],
  failedResourceIds: [],
  failedJobNames: [],
};

function numbersOf(decision: GuardDecision, atSeconds: number, dryRun: boolean): RecordNumbers {
  const { spentUsd, budgetUsd, committedUsd, burnRateUsdPerHour, forecastUsd, liftingBudgetUsd } = decision;
  return {
    atSeconds,
    spentUsd,
    budgetUsd,
    committedUsd,
    burnRateUsdPerHour,
    forecastUsd,
    liftingBudgetUsd,
    dryRun,
  };
}

/** Returns one record for every level entered, the last one with the effects; or one record for effects alone. */
function recordsOf(
  { level, actions, withheldActions, stops, steps, levelChanges }: GuardDecision,
  numbers: RecordNumbers,
  failed: Pick<RecordEffects, 'failedResourceIds' | 'failedJobNames'>,
): GuardRecord[] {
  const effects = { actions, withheldActions, stops, ...failed };
  if (levelChanges.length === 0) {
    const stages = [
      ...[...actions, ...withheldActions].map(({ resourceId }) => `limit:${resourceId}`),
      ...stops.map(({ jobName }) => `stop:${jobName}`),
    ];
    if (stages.length === 0) return [];
    const reason = steps
      .filter(({ stage }) => stages.includes(stage))
      .map((step) => step.reason)
      .join('; ');
    return [{ ...numbers, ...effects, level, previousLevel: level, reason }];
  }
  return levelChanges.map((change, index) => ({
    ...numbers,
    ...change,
    ...(index === levelChanges.length - 1 ? effects : NO_EFFECTS),
  }));
}

/** Returns one record of everything else that people are to know; none where there is nothing new. */
function noticeRecords({ level, notices }: GuardDecision, numbers: RecordNumbers): GuardRecord[] {
  if (notices.length === 0) return [];
  return [{ ...numbers, ...NO_EFFECTS, level, previousLevel: level, reason: notices.join('; ') }];
}

/** Publishes the metrics. A failure here undoes nothing. */
async function publish(
  { configuration, metrics, logger }: GuardDependencies,
  decision: GuardDecision,
  seen: GuardSeen,
  failures: number,
): Promise<void> {
  try {
    await metrics.put([...guardValues(configuration.name, decision, seen, failures), ...fleetValues(seen)]);
  } catch (error) {
    logger.error('cannot publish', { error });
  }
}

function guardValues(name: string, decision: GuardDecision, { atSeconds }: GuardSeen, failures: number): MetricValue[] {
  const dimensions = { [GUARD_METRICS.dimension]: name };
  const values: [metricName: string, value: number, unit: string][] = [
    [GUARD_METRICS.spend, decision.spentUsd, 'None'],
    [GUARD_METRICS.budget, decision.budgetUsd, 'None'],
    [GUARD_METRICS.burnRate, decision.burnRateUsdPerHour, 'None'],
    [GUARD_METRICS.budgetUsed, decision.usedPercent, 'Percent'],
    [GUARD_METRICS.committed, decision.committedUsd, 'None'],
    [GUARD_METRICS.forecast, decision.forecastUsd, 'None'],
    [GUARD_METRICS.level, levelRank(decision.level), 'None'],
    [GUARD_METRICS.problems, decision.problems.length + failures, 'Count'],
  ];
  return values.map(([metricName, value, unit]) => ({ metricName, value, unit, atSeconds, dimensions }));
}

/** Returns the observed values of each fleet; missing ones are left out, so that a gap shows as a gap. */
function fleetValues({ fleets, atSeconds }: GuardSeen): MetricValue[] {
  return fleets.flatMap(({ resourceId, capacity, limits }) => {
    const dimensions = { [FLEET_METRICS.dimension]: resourceId };
    const values: [metricName: string, value: number | undefined][] = [
      [FLEET_METRICS.current, capacity?.currentCapacity],
      [FLEET_METRICS.desired, capacity?.desiredCapacity],
      [FLEET_METRICS.maximum, limits.kind === 'in-force' ? limits.maxCapacity : undefined],
    ];
    return values.flatMap(([metricName, value]) =>
      value === undefined ? [] : [{ metricName, value, unit: 'Count', atSeconds, dimensions }],
    );
  });
}
