import { Size, Token } from 'aws-cdk-lib';
import { checkWholeDurations } from '../runtime/whole-amounts';
import { MIN_STORE_BYTES } from './contract';
import type { EdgeFleetProps } from './edge-fleet-props';
import type { EdgeRollout } from './edge-rollout';

/** Properties with their defaults. */
export interface EdgeSettings {
  readonly confidenceThreshold: number;
  readonly storeSize: Size;
  readonly endpointTimeoutSeconds: number;
  readonly forwardIntervalSeconds: number;
  readonly metricsIntervalSeconds: number;
  readonly deploymentTimeoutMinutes: number;
  readonly abort: { readonly failedPercentage: number; readonly minDevices: number };
  readonly rollout: EdgeRollout;
  readonly fleetName: string;
  readonly topicPrefix: string;
  readonly thingNamePrefix: string;
}

/** Maximum length of topics (quotas of AWS IoT Core). */
const MAX_TOPIC_BYTES = 256;
const METRICS_SECONDS = { min: 10, max: 3600 };
/** Range of `inProgressTimeoutInMinutes` (API reference of IoTJobTimeoutConfig). */
const TIMEOUT_MINUTES = { min: 1, max: 10_080 };

/** Returns every setting that AWS refuses, or with which devices cannot work. */
export function checkEdgeFleet(props: EdgeFleetProps, settings: EdgeSettings): string[] {
  const { model, endpoint, expectedDevices } = props;
  return [
    ...model._check(),
    ...checkConfidence(settings.confidenceThreshold, endpoint === undefined && props.confidenceThreshold !== undefined),
    ...(endpoint?.isAsynchronous === true
      ? [
          'endpoint is asynchronous, and a device waits for the answer; give an endpoint in real time or a serverless one',
        ]
      : []),
    ...checkStore(settings.storeSize),
    ...checkNames(settings),
    ...settings.rollout._check(),
    ...checkAbort(settings.abort),
    ...checkTimes(settings),
    ...checkWholeDurations('seconds', {
      metricsInterval: props.metricsInterval,
      forwardInterval: props.forwardInterval,
      endpointTimeout: props.endpointTimeout,
    }),
    ...checkWholeDurations('minutes', { deploymentTimeout: props.deploymentTimeout }),
    ...checkReach(props),
    ...(expectedDevices === undefined || Token.isUnresolved(expectedDevices) || isCount(expectedDevices)
      ? []
      : [`expectedDevices (${expectedDevices}) must be a whole number from 1`]),
  ];
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;

function checkConfidence(threshold: number, isUseless: boolean): string[] {
  if (Token.isUnresolved(threshold)) return [];
  const problems: string[] = [];
  if (!(threshold >= 0 && threshold <= 1)) {
    problems.push(`confidenceThreshold (${threshold}) is out of range; 0 to 1 is allowed`);
  }
  if (isUseless)
    problems.push('confidenceThreshold has no effect without an endpoint; give an endpoint or leave it out');
  return problems;
}

function checkStore(size: Size): string[] {
  if (size.isUnresolved() || size.toBytes() >= MIN_STORE_BYTES) return [];
  return [`storeSize (${size.toBytes()} bytes) is too small; at least ${MIN_STORE_BYTES} bytes (4 MiB) are allowed`];
}

function checkNames({ fleetName, topicPrefix, thingNamePrefix }: EdgeSettings): string[] {
  const problems: string[] = [];
  if (!Token.isUnresolved(fleetName) && !/^[a-zA-Z0-9_-]{1,64}$/.test(fleetName)) {
    problems.push(`fleetName ('${fleetName}') is not allowed; use 1 to 64 letters, digits, hyphens and underscores`);
  }
  if (!Token.isUnresolved(thingNamePrefix) && !/^[a-zA-Z0-9:_-]{1,64}$/.test(thingNamePrefix)) {
    problems.push(
      `thingNamePrefix ('${thingNamePrefix}') is not allowed; use 1 to 64 letters, digits, colons, hyphens and underscores`,
    );
  }
  if (!Token.isUnresolved(topicPrefix)) {
    const isTopic = /^[^\s+#$/][^\s+#]*[^\s+#/]$/.test(topicPrefix);
    if (!isTopic || Buffer.byteLength(`${topicPrefix}/responses`) > MAX_TOPIC_BYTES) {
      problems.push(
        `topicPrefix ('${topicPrefix}') is not allowed; use levels between slashes without '+', '#' and blanks, at most ${MAX_TOPIC_BYTES} bytes with '/responses'`,
      );
    }
  }
  return problems;
}

function checkAbort({ failedPercentage, minDevices }: EdgeSettings['abort']): string[] {
  const problems: string[] = [];
  if (!(failedPercentage > 0 && failedPercentage <= 100)) {
    problems.push(`abort.failedPercentage (${failedPercentage}) is out of range; above 0 and up to 100 is allowed`);
  }
  if (!isCount(minDevices)) problems.push(`abort.minDevices (${minDevices}) must be a whole number from 1`);
  return problems;
}

/** Problem of a fleet that is too small for its threshold, so that no failure would cancel a rollout. */
function checkReach({ abort, expectedDevices }: EdgeFleetProps): string[] {
  const least = abort?.minDevices;
  if (least === undefined || expectedDevices === undefined) return [];
  if (Token.isUnresolved(least) || Token.isUnresolved(expectedDevices) || least <= expectedDevices) return [];
  return [
    `abort.minDevices (${least}) is above expectedDevices (${expectedDevices}), so that no failure would cancel a rollout; lower it`,
  ];
}

function checkTimes(settings: EdgeSettings): string[] {
  const problems: string[] = [];
  const check = (name: string, value: number, { min, max }: { min: number; max: number }, unit: string): void => {
    if (value < min || value > max) {
      problems.push(`${name} (${value} ${unit}) is out of range; ${min} to ${max} ${unit} is allowed`);
    }
  };
  check('metricsInterval', settings.metricsIntervalSeconds, METRICS_SECONDS, 's');
  check('forwardInterval', settings.forwardIntervalSeconds, { min: 1, max: 3600 }, 's');
  check('endpointTimeout', settings.endpointTimeoutSeconds, { min: 1, max: 60 }, 's');
  check('deploymentTimeout', settings.deploymentTimeoutMinutes, TIMEOUT_MINUTES, 'minutes');
  return problems;
}
