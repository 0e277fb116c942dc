import { SECONDS_PER_MINUTE, type EpochSeconds } from '../../lib/core/time';
import { FORECASTER_METRICS, RESOURCE_ID_DIMENSION, type ForecasterConfiguration } from '../../lib/scaling/contract';
import { CapacityForecast, type ForecastDecision } from '../../lib/scaling/decide/forecast';
import type { ForecastStore, StoredForecast } from '../clients/forecast-store';
import type { Metrics } from '../clients/metrics';
import type { RequestHistory } from '../clients/request-history';
import type { ScalableTargets } from '../clients/scalable-target';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import { floorOf, heldFloorOf, type Floor } from './floor';
import { observe, type Observed } from './observe';

/** Everything outside the handler. */
export interface ForecasterDependencies {
  readonly configuration: ForecasterConfiguration;
  readonly history: RequestHistory;
  readonly store: ForecastStore;
  /** Undefined in shadow mode, where nothing is changed. */
  readonly targets: ScalableTargets | undefined;
  readonly metrics: Metrics;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Result of one evaluation. */
export type ForecasterRun = Observed &
  (
    | {
        /** The newest minute is late or missing: the minimum is held, up to a limit. */
        readonly outcome: 'held';
        /** Minimum that was set because the hold ended, or the maximum was lowered. */
        readonly written: number | undefined;
      }
    | { /** Another run claimed the same generation first: nothing was done. */ readonly outcome: 'overtaken' }
    | {
        readonly outcome: 'decided';
        readonly decision: ForecastDecision;
        /** Minimum that was set; undefined when the right one was in force, and in shadow mode. */
        readonly written: number | undefined;
      }
  );

/**
 * One evaluation of the forecaster: observe, decide, act, record.
 *
 * An evaluation that cannot read the metrics or the stored forecast fails before it has changed anything. The forecast is claimed
 * before the minimum is set; the minimum is absolute, and set only where another is in force, so that setting it twice equals setting
 * it once.
 */
export function createHandler(deps: ForecasterDependencies): (event: unknown) => Promise<ForecasterRun> {
  const { configuration, store, targets, logger } = deps;
  const { settings, resourceId } = configuration;
  return async () => {
    const stored = await store.load();
    const atSeconds = deps.clock.now();
    const forecast = new CapacityForecast(settings, stored?.state);
    const look = <T>(subject: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      withDeadline(LOOK_DEADLINE_SECONDS, subject, work);
    const observed = await look('counts of requests', (signal) => observe(forecast, deps.history, atSeconds, signal));
    const readLimits = () => look(`limits of ${resourceId}`, async (signal) => targets?.limits(configuration, signal));
    const generation = (stored?.generation ?? 0) + 1;
    if (targets === undefined) warnOfRemainingFloor(deps, stored);

    if (!observed.upToDate) {
      const minute = Math.floor(atSeconds / SECONDS_PER_MINUTE);
      const countedMinute = stored?.countedMinute ?? stored?.state.lastMinute ?? minute;
      const limits = stored === undefined ? undefined : await readLimits();
      const floor = limits?.kind === 'in-force' ? heldFloorOf(minute - countedMinute, settings, limits) : undefined;
      const changes = floor !== undefined && limits?.kind === 'in-force' && floor.minCapacity !== limits.minCapacity;
      const learned = observed.counted + observed.missing > 0;
      const claim = {
        ...stored,
        generation,
        state: forecast.toState(),
        countedMinute,
        ...(changes && { floor: floor.minCapacity }),
      };
      const claimed = !(learned || changes) || (await store.claim(claim));
      if (!claimed) return { ...observed, outcome: 'overtaken' };
      const written = changes && (await setMinimum(deps, targets!, floor)) ? floor.minCapacity : undefined;
      logger.warn('no new count of requests', { resourceId, ...observed, limits, floor, written });
      return { ...observed, outcome: 'held', written };
    }

    const decision = forecast.decide();
    const limits = await readLimits();
    const floor = limits?.kind === 'in-force' ? floorOf(decision, settings, limits) : undefined;
    // To deregister a target is the first step of changing an endpoint's instance types; it stays so until someone registers it again.
    if (limits?.kind === 'not-registered')
      logger.warn(`${resourceId} is not registered with Application Auto Scaling: no minimum is set`, { generation });
    const claim = {
      generation,
      state: forecast.toState(),
      floor: floor?.minCapacity ?? stored?.floor,
      countedMinute: Math.floor(atSeconds / SECONDS_PER_MINUTE),
    };
    if (!(await store.claim(claim))) {
      logger.warn('another run claimed this generation first; nothing was done', { resourceId, generation });
      return { ...observed, outcome: 'overtaken' };
    }

    const changes = limits?.kind === 'in-force' && floor !== undefined && floor.minCapacity !== limits.minCapacity;
    const written = changes && (await setMinimum(deps, targets!, floor)) ? floor.minCapacity : undefined;
    await publish(deps, decision, atSeconds);
    logger.info(targets === undefined ? 'forecast, in shadow' : 'forecast', {
      resourceId,
      generation,
      ...observed,
      ...decision,
      limits,
      floor,
      written,
    });
    return { ...observed, outcome: 'decided', decision, written };
  };
}

/**
 * Sets the minimum; false when the maximum was lowered below it, or the target deregistered, since the limits were read: the next
 * evaluation reads them again.
 */
async function setMinimum(
  { logger, configuration }: ForecasterDependencies,
  targets: ScalableTargets,
  floor: Floor,
): Promise<boolean> {
  try {
    await withDeadline(LOOK_DEADLINE_SECONDS, `minimum of ${configuration.resourceId}`, (signal) =>
      targets.setLimits(configuration, { minCapacity: floor.minCapacity }, signal),
    );
    return true;
  } catch (error) {
    const now = await targets.limits(configuration);
    if (now.kind === 'in-force' && now.maxCapacity >= floor.minCapacity) throw error;
    logger.warn('the limits were changed meanwhile: the minimum stays', {
      resourceId: configuration.resourceId,
      floor,
      limits: now,
    });
    return false;
  }
}

/** Publishes the metrics. A failure here undoes nothing. */
async function publish(
  { metrics, logger, configuration: { resourceId } }: ForecasterDependencies,
  decision: ForecastDecision,
  atSeconds: EpochSeconds,
): Promise<void> {
  const values: [metricName: string, value: number, unit: string][] = [
    [FORECASTER_METRICS.predicted, decision.predictedRequestsPerSecond, 'Count/Second'],
    [FORECASTER_METRICS.floor, decision.capacity, 'Count'],
    [FORECASTER_METRICS.loss, decision.score.forecast, 'None'],
    [FORECASTER_METRICS.naiveLoss, decision.score.naive, 'None'],
  ];
  const dimensions = { [RESOURCE_ID_DIMENSION]: resourceId };
  try {
    await metrics.put(
      values
        .filter(([, value]) => Number.isFinite(value))
        .map(([metricName, value, unit]) => ({ metricName, value, unit, atSeconds, dimensions })),
    );
  } catch (error) {
    logger.error('cannot publish', { resourceId, error });
  }
}

/** Warns of a minimum that remains from an active forecaster: in shadow mode a person has to lower it. */
function warnOfRemainingFloor(
  { configuration, logger }: ForecasterDependencies,
  stored: StoredForecast | undefined,
): void {
  const { resourceId, settings } = configuration;
  if (stored?.floor === undefined || stored.floor === settings.minCapacity) return;
  logger.warn(
    `the minimum may still be ${stored.floor} from when the forecast was active; set it to ${settings.minCapacity} by hand`,
    { resourceId },
  );
}
