import { PermanentError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import { FORECASTER_METRICS, RESOURCE_ID_DIMENSION, type ForecasterConfiguration } from '../../lib/scaling/contract';
import { CapacityForecast, type ForecastDecision } from '../../lib/scaling/decide/forecast';
import type { ForecastStore, StoredForecast } from '../clients/forecast-store';
import type { Metrics } from '../clients/metrics';
import type { RequestHistory } from '../clients/request-history';
import type { ScalingTarget } from '../clients/scaling-target';
import type { Clock } from '../support/clock';
import type { Logger } from '../support/logger';
import { floorOf, type Floor } from './floor';
import { observe, type Observed } from './observe';

/** The outside of the handler. */
export interface ForecasterDependencies {
  readonly configuration: ForecasterConfiguration;
  readonly history: RequestHistory;
  readonly store: ForecastStore;
  /** The fleet's limits; undefined in shadow mode, where nothing is changed. */
  readonly target: ScalingTarget | undefined;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What one look came to. */
export type ForecasterRun = Observed &
  (
    | { /** The newest minute is late or missing: everything stays. */ readonly outcome: 'held' }
    | {
        /** Another run had the same generation and was faster; nothing was done then. */ readonly outcome: 'overtaken';
      }
    | {
        readonly outcome: 'decided';
        readonly decision: ForecastDecision;
        /** The minimum that was written; undefined when the right one was in force, and in shadow mode. */
        readonly written: number | undefined;
      }
  );

/**
 * One look of the forecaster: observe, decide, act, record.
 *
 * A look that cannot read the metrics or what was learned before fails before it has changed anything. What was learned is
 * claimed before the minimum is written; the minimum is absolute, and written only where another is in force, so that doing it
 * twice is doing it once.
 */
export function createHandler(deps: ForecasterDependencies): (event: unknown) => Promise<ForecasterRun> {
  const { configuration, store, target, logger } = deps;
  const { settings, resourceId } = configuration;
  return async () => {
    const stored = await store.load();
    const atSeconds = deps.clock.now();
    const forecast = new CapacityForecast(settings, stored?.state);
    const observed = await observe(forecast, deps.history, atSeconds);
    const generation = (stored?.generation ?? 0) + 1;
    if (target === undefined) warnOfLeftFloor(deps, stored);

    if (!observed.upToDate) {
      const learned = observed.counted + observed.missing > 0;
      const claimed = !learned || (await store.claim({ ...stored, generation, state: forecast.toState() }));
      logger.warn('no new count of requests: the capacity is held', { resourceId, ...observed });
      return { ...observed, outcome: claimed ? 'held' : 'overtaken' };
    }

    const decision = forecast.decide();
    const limits = target === undefined ? undefined : await target.limits();
    if (target !== undefined && limits === undefined)
      throw new PermanentError(
        `${resourceId} is not registered with Application Auto Scaling; deploy its scaling again`,
      );
    const floor = limits === undefined ? undefined : floorOf(decision, settings, limits);
    const claim = { generation, state: forecast.toState(), floor: floor?.minCapacity ?? stored?.floor };
    if (!(await store.claim(claim))) {
      logger.warn('another run was faster; nothing was done', { resourceId, generation });
      return { ...observed, outcome: 'overtaken' };
    }

    const changes = floor !== undefined && limits !== undefined && floor.minCapacity !== limits.minCapacity;
    const written = changes && (await write(deps, floor)) ? floor.minCapacity : undefined;
    await tell(deps, decision, atSeconds);
    logger.info(target === undefined ? 'forecast, in shadow' : 'forecast', {
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

/** Writes the minimum; false when the maximum was lowered below it since it was read: the next look sees the new one. */
async function write({ target, logger, configuration }: ForecasterDependencies, floor: Floor): Promise<boolean> {
  try {
    await target!.setMinimum(floor.minCapacity);
    return true;
  } catch (error) {
    const now = await target!.limits();
    if (now === undefined || now.maxCapacity >= floor.minCapacity) throw error;
    logger.warn('the maximum was lowered meanwhile: the minimum stays', {
      resourceId: configuration.resourceId,
      floor,
      limits: now,
    });
    return false;
  }
}

/** Publishes the numbers. Failing to tell undoes nothing that was done. */
async function tell(
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
    logger.error('cannot tell', { resourceId, error });
  }
}

/** A forecaster that was active and is a shadow now may not take back the minimum it left: a person has to. */
function warnOfLeftFloor({ configuration, logger }: ForecasterDependencies, stored: StoredForecast | undefined): void {
  const { resourceId, settings } = configuration;
  if (stored?.floor === undefined || stored.floor === settings.minCapacity) return;
  logger.warn(
    `the minimum may still be ${stored.floor} from when the forecast was active; set it to ${settings.minCapacity} by hand`,
    { resourceId },
  );
}
