import {
  FLEET_METRICS,
  guardPlan,
  GUARD_METRICS,
  type GuardConfiguration,
  type GuardRecord,
} from '../../lib/cost/contract';
import { beforeEffects, decideGuardLevel, withFailedActions } from '../../lib/cost/decide/guard-level';
import { levelRank } from '../../lib/cost/decide/levels';
import type { GuardDecision, GuardSeen } from '../../lib/cost/decide/plan';
import type { FleetClient } from '../clients/fleet';
import type { GuardStore } from '../clients/guard-store';
import type { Metrics, MetricValue } from '../clients/metrics';
import type { Notifier } from '../clients/notifier';
import type { Parameters } from '../clients/parameters';
import type { TrainingJobsClient } from '../clients/training-jobs';
import type { Clock } from '../support/clock';
import type { Logger } from '../support/logger';
import { levelNotice } from './notice';
import { observe } from './observe';

/** The outside of the handler. */
export interface GuardDependencies {
  readonly configuration: GuardConfiguration;
  readonly budgetParameter: string;
  readonly parameters: Parameters;
  readonly fleets: FleetClient;
  readonly trainingJobs: TrainingJobsClient;
  readonly store: GuardStore;
  readonly metrics: Metrics;
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What one run did. */
export interface GuardRun {
  readonly decision: GuardDecision;
  /** False when another run had the same generation and was faster; nothing was done then. */
  readonly claimed: boolean;
  readonly records: readonly GuardRecord[];
}

/**
 * One look of the guard: observe, decide, act, record.
 *
 * The look is claimed before anything is done, and its level, limits and records are written together afterwards. A run
 * that dies in between leaves the charged time and nothing else, so that the next one decides the same effects again;
 * they are absolute, so doing them twice is doing them once.
 */
export function createHandler(dependencies: GuardDependencies): (event: unknown) => Promise<GuardRun> {
  const { configuration, parameters, budgetParameter, store, clock, logger } = dependencies;
  const plan = guardPlan(configuration);
  const sights = { ...dependencies, readBudget: () => parameters.read(budgetParameter) };

  return async () => {
    const state = await store.load();
    const seen = await observe(sights, state?.memory, clock.now());
    const { decision, memory } = decideGuardLevel(plan, seen, state?.memory);
    const generation = (state?.generation ?? 0) + 1;
    const changes = decision.actions.length > 0 || decision.levelChanges.length > 0;

    const claim = changes ? beforeEffects(memory, state?.memory) : memory;
    if (!(await store.claim({ generation, memory: claim }))) {
      logger.warn('another run was faster; nothing was done', { generation });
      return { decision, claimed: false, records: [] };
    }

    const failed = await act(dependencies, decision);
    const records = recordsOf(decision, memory.atSeconds, failed, configuration.dryRun);
    if (changes) await store.settle({ generation, memory: withFailedActions(memory, state?.memory, failed) }, records);
    await tell(dependencies, decision, seen, records, failed.length);
    logger.info('looked', { ...decision, generation, dryRun: configuration.dryRun, failed });
    return { decision, claimed: true, records };
  };
}

/** Does what was decided; returns the fleets where it failed. One that fails keeps no other waiting. */
async function act(
  { configuration, fleets, logger }: GuardDependencies,
  { actions }: GuardDecision,
): Promise<readonly string[]> {
  if (configuration.dryRun) return [];
  const outcomes = await Promise.all(
    actions.map(async ({ resourceId, minCapacity, maxCapacity }) => {
      try {
        const target = configuration.fleets.find((fleet) => fleet.resourceId === resourceId)!;
        await fleets.setBounds(target, { minCapacity, maxCapacity });
        return undefined;
      } catch (error) {
        logger.error(`cannot limit ${resourceId}`, { error, minCapacity, maxCapacity });
        return resourceId;
      }
    }),
  );
  return outcomes.filter((resourceId) => resourceId !== undefined);
}

/** One record for every level entered, the limits with the last; or one for limits that changed alone. */
function recordsOf(
  decision: GuardDecision,
  atSeconds: number,
  failedResourceIds: readonly string[],
  dryRun: boolean,
): GuardRecord[] {
  const { level, spentUsd, budgetUsd, burnRateUsdPerHour, forecastUsd, actions, steps, levelChanges } = decision;
  const numbers = { atSeconds, spentUsd, budgetUsd, burnRateUsdPerHour, forecastUsd, dryRun };
  if (levelChanges.length === 0) {
    if (actions.length === 0) return [];
    const reason = steps
      .filter(({ stage }) => actions.some(({ resourceId }) => stage === `limit:${resourceId}`))
      .map((step) => step.reason)
      .join('; ');
    return [{ ...numbers, level, previousLevel: level, actions, failedResourceIds, reason }];
  }
  return levelChanges.map((change, index) => {
    const last = index === levelChanges.length - 1;
    return {
      ...numbers,
      ...change,
      actions: last ? actions : [],
      failedResourceIds: last ? failedResourceIds : [],
    };
  });
}

/** Publishes the numbers and, when the level changed, tells people. Failing to tell undoes nothing that was done. */
async function tell(
  { configuration, budgetParameter, metrics, notifier, logger }: GuardDependencies,
  decision: GuardDecision,
  seen: GuardSeen,
  records: readonly GuardRecord[],
  failures: number,
): Promise<void> {
  const told = await Promise.allSettled([
    metrics.put([...guardValues(configuration.name, decision, seen, failures), ...fleetValues(seen)]),
    decision.levelChanges.length > 0
      ? notifier.notify(levelNotice(configuration, records, budgetParameter))
      : Promise.resolve(),
  ]);
  for (const outcome of told)
    if (outcome.status === 'rejected') logger.error('cannot tell', { error: outcome.reason as unknown });
}

function guardValues(name: string, decision: GuardDecision, { atSeconds }: GuardSeen, failures: number): MetricValue[] {
  const dimensions = { [GUARD_METRICS.dimension]: name };
  const values: [metricName: string, value: number, unit: string][] = [
    [GUARD_METRICS.spend, decision.spentUsd, 'None'],
    [GUARD_METRICS.budget, decision.budgetUsd, 'None'],
    [GUARD_METRICS.burnRate, decision.burnRateUsdPerHour, 'None'],
    [GUARD_METRICS.budgetUsed, decision.usedPercent, 'Percent'],
    [GUARD_METRICS.forecast, decision.forecastUsd, 'None'],
    [GUARD_METRICS.level, levelRank(decision.level), 'None'],
    [GUARD_METRICS.problems, decision.problems.length + failures, 'Count'],
  ];
  return values.map(([metricName, value, unit]) => ({ metricName, value, unit, atSeconds, dimensions }));
}

/** What was seen of each fleet; what was not seen is left out, so that a gap shows as a gap. */
function fleetValues({ fleets, atSeconds }: GuardSeen): MetricValue[] {
  return fleets.flatMap(({ resourceId, capacity, bounds }) => {
    const dimensions = { [FLEET_METRICS.dimension]: resourceId };
    const values: [metricName: string, value: number | undefined][] = [
      [FLEET_METRICS.current, capacity?.currentCapacity],
      [FLEET_METRICS.desired, capacity?.desiredCapacity],
      [FLEET_METRICS.maximum, bounds?.maxCapacity],
    ];
    return values.flatMap(([metricName, value]) =>
      value === undefined ? [] : [{ metricName, value, unit: 'Count', atSeconds, dimensions }],
    );
  });
}
