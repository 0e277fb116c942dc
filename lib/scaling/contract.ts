import { InputError } from '../core/errors';
import { finite, parseJson, parseValue, type JsonNode } from '../core/parse';
import type { EpochSeconds } from '../core/time';
import type { ForecastSettings } from './decide/forecast';
import type { CustomMetric } from './decide/plan';

/** Dimension of the metrics of this room. */
export const RESOURCE_ID_DIMENSION = 'ResourceId';

/** Environment variables of the scale-events handler. */
export const SCALE_EVENTS_ENVIRONMENT = {
  tableName: 'TIDEGATE_SCALE_EVENTS_TABLE',
  fleets: 'TIDEGATE_SCALE_EVENTS_FLEETS',
  retentionDays: 'TIDEGATE_SCALE_EVENTS_RETENTION_DAYS',
} as const;

/** Key attributes of the scale-events table. */
export const SCALE_EVENTS_TABLE_KEYS = { partition: 'resourceId', sort: 'eventKey', expiry: 'expiresAt' } as const;

/** Environment variables of the capacity-forecaster handler; the configuration is JSON of {@link ForecasterConfiguration}. */
export const FORECASTER_ENVIRONMENT = {
  configuration: 'TIDEGATE_FORECASTER_CONFIGURATION',
  tableName: 'TIDEGATE_FORECASTER_TABLE',
} as const;

/** Key and attributes of the forecaster's table; its one item is the state of the forecast. */
export const FORECASTER_TABLE = {
  key: 'fleet',
  generation: 'generation',
  state: 'state',
  floor: 'floor',
  countedMinute: 'countedMinute',
} as const;

/** Metrics of the forecaster, with the dimension {@link RESOURCE_ID_DIMENSION}. */
export const FORECASTER_METRICS = {
  /** Requests per second forecast for the time when an instance launched now would serve. */
  predicted: 'ForecastRequestsPerSecond',
  /** Minimum number of instances by the forecast; not applied in shadow mode. */
  floor: 'ForecastFloor',
  /** Error of the forecasts (pinball loss). */
  loss: 'ForecastLoss',
  /** Error of the naive forecast (pinball loss). */
  naiveLoss: 'NaiveForecastLoss',
} as const;

/** Configuration that the construct passes to the capacity-forecaster handler. */
export interface ForecasterConfiguration {
  /** True if the forecast sets the minimum; otherwise it is published and scored only. */
  readonly active: boolean;
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly serviceNamespace: string;
  /** Metric that counts the requests. */
  readonly demand: Omit<CustomMetric, 'kind'>;
  readonly settings: ForecastSettings;
}

/** Kind of a fleet's event. */
export type ScaleEventKind =
  | 'scale-out'
  | 'scale-in'
  | 'limits-changed'
  | 'capacity-error'
  | 'scaling-failed'
  | 'max-reached'
  | 'rollout-rolled-back'
  | 'endpoint-state';

/** Event of a fleet, in one shape for every source. */
export interface ScaleEvent {
  /** Id by content: repeated and late deliveries of an event have the same id. */
  readonly id: string;
  readonly atSeconds: EpochSeconds;
  /** Moment when the event became known, for a failure the end of its attempt; its metric has this time. @default atSeconds */
  readonly knownAtSeconds?: EpochSeconds;
  /** Resource id of the fleet, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  readonly kind: ScaleEventKind;
  /** Capacity before; null where it does not apply. */
  readonly from: number | null;
  /** Capacity after; null where it does not apply. */
  readonly to: number | null;
  /** Reason, in the words of the service. */
  readonly reason: string;
  /** Source of the event. */
  readonly source: 'scaling-activity' | 'event-bus';
}

/** Metric that counts each kind of event. */
export const SCALE_EVENT_METRICS: { readonly [kind in ScaleEventKind]: string } = {
  'scale-out': 'ScaleOuts',
  'scale-in': 'ScaleIns',
  'limits-changed': 'LimitChanges',
  'capacity-error': 'CapacityErrors',
  'scaling-failed': 'ScalingFailures',
  'max-reached': 'MaxCapacityReached',
  'rollout-rolled-back': 'Rollbacks',
  'endpoint-state': 'EndpointStateChanges',
};

/** Metrics of a fleet's state, published with every evaluation, with the dimension {@link RESOURCE_ID_DIMENSION}. */
export const FLEET_STATE_METRICS = {
  /** Desired replicas that are not in service. */
  capacityGap: 'CapacityGap',
  /** 1 while the endpoint runs another configuration than the deployed one, as after a rollback; else 0. */
  configurationDrift: 'ConfigurationDrift',
} as const;

/** State of a fleet at a moment. */
export interface FleetState {
  /** Status of the endpoint or component, in the service's words. */
  readonly status: string;
  /** Endpoint configuration in use; null for inference components. */
  readonly configName: string | null;
  /** Desired and current number of replicas; null while the service reports none. */
  readonly desired: number | null;
  readonly current: number | null;
}

/** Fleet that the handler records, as the construct passes it. */
export interface WatchedFleet {
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly serviceNamespace: string;
  /** Name of the endpoint, as in state-change events. */
  readonly fleetName: string;
  readonly initialCapacity: number;
  /** True if its state can be read. */
  readonly hasState: boolean;
  /** Endpoint configuration that was deployed. */
  readonly declaredConfigName?: string;
  /** Beginning of the names of configurations that rollouts of models put in its place. */
  readonly rolloutConfigPrefix?: string;
}

/** Status of a scaling activity, in the service's words. */
export type ScalingActivityStatus = 'Pending' | 'InProgress' | 'Successful' | 'Overridden' | 'Unfulfilled' | 'Failed';

/** Scaling activity of Application Auto Scaling. */
export interface ScalingActivity {
  readonly activityId: string;
  readonly resourceId: string;
  readonly description: string;
  readonly cause: string;
  readonly startedAt: EpochSeconds;
  /** End of the activity; absent while it is in progress. */
  readonly endedAt?: EpochSeconds;
  readonly status: ScalingActivityStatus;
  readonly statusMessage?: string;
}

/** Input of the handler: a tick of the schedule, or an event of a fleet. */
export type ScaleNotice =
  | { readonly kind: 'reconcile' }
  | {
      readonly kind: 'endpoint-state';
      readonly endpointName: string;
      /** Status in UPPER_SNAKE, as in the event, for example `IN_SERVICE`. */
      readonly status: string;
      readonly atSeconds: EpochSeconds;
      readonly failureReason?: string;
    }
  | {
      readonly kind: 'max-reached';
      readonly resourceId: string;
      readonly atSeconds: EpochSeconds;
      readonly from: number | null;
      readonly to: number | null;
    };

/** Returns the sort key of an event: ordered by time, and the same for a repeated event. */
export function scaleEventKey(event: ScaleEvent): string {
  return `${String(Math.round(event.atSeconds * 1000)).padStart(14, '0')}#${event.id}`;
}

/** Kinds of events that the handler is invoked with. */
const DETAIL_TYPES = [
  'Scheduled Event',
  'SageMaker Endpoint State Change',
  'Application Auto Scaling Scaling Activity State Change',
] as const;

/**
 * Parses an event of Amazon EventBridge: a tick of the schedule, a state change of a SageMaker endpoint or of a scaling activity.
 *
 * @throws InputError for any other event
 */
export function parseScaleNotice(event: unknown): ScaleNotice {
  return parseValue('event', event, (envelope) => {
    const detailType = envelope.at('detail-type').oneOf(DETAIL_TYPES);
    switch (detailType) {
      case 'Scheduled Event':
        return { kind: 'reconcile' };
      case 'SageMaker Endpoint State Change':
        return parseEndpointState(envelope);
      case 'Application Auto Scaling Scaling Activity State Change':
        return parseActivityState(envelope);
    }
  });
}

/** Parses the fleets that the construct passes in the environment. */
export function parseWatchedFleets(json: string): WatchedFleet[] {
  return parseJson(SCALE_EVENTS_ENVIRONMENT.fleets, json, 'a list of fleets', (fleets) =>
    fleets.items().map((fleet) => {
      const { initialCapacity, hasState, declaredConfigName, rolloutConfigPrefix } = fleet.object();
      return {
        resourceId: fleet.at('resourceId').text(),
        scalableDimension: fleet.at('scalableDimension').text(),
        serviceNamespace: fleet.at('serviceNamespace').text(),
        fleetName: fleet.at('fleetName').text(),
        initialCapacity: finite(initialCapacity) ?? 0,
        hasState: hasState === true,
        ...(isText(declaredConfigName) ? { declaredConfigName } : {}),
        ...(isText(rolloutConfigPrefix) ? { rolloutConfigPrefix } : {}),
      };
    }),
  );
}

function parseEndpointState(event: JsonNode): ScaleNotice {
  const detail = event.at('detail');
  const { FailureReason: failureReason, LastModifiedTime: modified } = detail.object();
  const modifiedAt = finite(modified);
  return {
    kind: 'endpoint-state',
    endpointName: detail.at('EndpointName').text(),
    status: detail.at('EndpointStatus').text(),
    atSeconds: modifiedAt === undefined ? event.at('time').time() : modifiedAt / 1000,
    ...(isText(failureReason) ? { failureReason } : {}),
  };
}

function parseActivityState(event: JsonNode): ScaleNotice {
  const detail = event.at('detail');
  const { oldDesiredCapacity, newDesiredCapacity, maxCapacity } = detail.object();
  const startTime = detail.at('startTime');
  return {
    kind: 'max-reached',
    resourceId: detail.at('resourceId').text(),
    atSeconds: (startTime.isAbsent ? event.at('time') : startTime).time(),
    from: finite(oldDesiredCapacity) ?? null,
    to: finite(newDesiredCapacity) ?? finite(maxCapacity) ?? null,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Parses the value of {@link FORECASTER_ENVIRONMENT}`.configuration`; throws an {@link InputError} that lists every problem. */
export function parseForecasterConfiguration(json: string): ForecasterConfiguration {
  const where = FORECASTER_ENVIRONMENT.configuration;
  const configuration = parseJson(where, json, 'the configuration of a forecaster', (root) => {
    const demand = root.at('demand');
    const settings = root.at('settings');
    const positive = (node: JsonNode): number => node.number('a number above 0', (value) => value > 0);
    return {
      active: root.at('active').flag(),
      resourceId: root.at('resourceId').text(),
      scalableDimension: root.at('scalableDimension').text(),
      serviceNamespace: root.at('serviceNamespace').text(),
      demand: {
        namespace: demand.at('namespace').text(),
        metricName: demand.at('metricName').text(),
        dimensions: demand.at('dimensions').map((value) => value.text()),
        statistic: demand.at('statistic').oneOf(['Sum'] as const),
      },
      settings: {
        slotsPerInstance: positive(settings.at('slotsPerInstance')),
        serviceSeconds: positive(settings.at('serviceSeconds')),
        provisioningSeconds: positive(settings.at('provisioningSeconds')),
        minCapacity: settings.at('minCapacity').count(),
        maxCapacity: settings.at('maxCapacity').count(),
      },
    };
  });
  const { minCapacity, maxCapacity } = configuration.settings;
  if (minCapacity > maxCapacity)
    throw new InputError(
      `${where}: settings.minCapacity (${minCapacity}) is above settings.maxCapacity (${maxCapacity})`,
    );
  return configuration;
}
