import type { Duration, Size } from 'aws-cdk-lib';
import type * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { EdgeModel } from './edge-model';
import type { EdgeRollout } from './edge-rollout';

/** Results that a device drops first when its store is full. */
export enum EdgeDropPolicy {
  /** Oldest results. */
  OLDEST = 'oldest',
  /** Results from which the next training learns least: those that the model was surest of, the oldest of them first. */
  LEAST_USEFUL = 'least-useful',
}

/** Threshold at which a deployment is cancelled for the devices that it has not reached. */
export interface EdgeAbort {
  /** Share of failed devices, percent: above 0, up to 100. */
  readonly failedPercentage: number;

  /**
   * Devices that must have ended before the share counts.
   *
   * @default 1
   */
  readonly minDevices?: number;
}

/** Properties of {@link EdgeFleet}. */
export interface EdgeFleetProps {
  /** Model of the devices. */
  readonly model: EdgeModel;

  /**
   * Stream of the results: a line of JSON each, with `id`, `device`, `features`, `label`, `confidence` and `source`. A result that is put twice after a
   * crash is the same bytes with the same `id`.
   */
  readonly stream: kinesis.IStream;

  /**
   * Cloud endpoint that devices ask when their model is unsure, with the tensors of the Open Inference Protocol in JSON.
   *
   * @default - the model on the device answers every request
   */
  readonly endpoint?: IInvocableEndpoint;

  /**
   * Confidence of the model, 0 to 1, below which the endpoint is asked.
   *
   * @default 0.8
   */
  readonly confidenceThreshold?: number;

  /**
   * Maximum time for an answer of the endpoint; afterwards the answer of the device counts, and the endpoint is asked again later.
   *
   * @default Duration.seconds(3)
   */
  readonly endpointTimeout?: Duration;

  /**
   * Space on the disk of a device for results that wait for the stream, reserved when the component starts: at least 4 MiB.
   *
   * @default Size.mebibytes(64)
   */
  readonly storeSize?: Size;

  /**
   * Results that a device drops first when its store is full. They are counted.
   *
   * @default EdgeDropPolicy.LEAST_USEFUL
   */
  readonly dropPolicy?: EdgeDropPolicy;

  /**
   * Beginning of the topics: requests come on the local topic `<prefix>/requests`, responses go to `<prefix>/responses`, metrics to
   * `<prefix>/metrics` of AWS IoT Core.
   *
   * @default - `tidegate/` and the name of the fleet
   */
  readonly topicPrefix?: string;

  /**
   * Maximum time that a result waits for others before it is forwarded.
   *
   * @default Duration.seconds(5)
   */
  readonly forwardInterval?: Duration;

  /**
   * Time between two metrics messages of a device: 10 seconds to an hour.
   *
   * @default Duration.minutes(1)
   */
  readonly metricsInterval?: Duration;

  /**
   * Name of the fleet: its thing group, role alias and policy, and the dimension of its metrics.
   *
   * @default - derived from the construct's path
   */
  readonly fleetName?: string;

  /**
   * Name of an existing thing group above the new one.
   *
   * @default - none
   */
  readonly parentThingGroupName?: string;

  /**
   * Beginning of the names of the devices. Policies of core devices cannot name the device itself, so that it limits the topics of a device.
   *
   * @default - the name of the fleet and a hyphen
   */
  readonly thingNamePrefix?: string;

  /**
   * Speed at which devices get a new version.
   *
   * @default - exponential from 10 devices a minute
   */
  readonly rollout?: EdgeRollout;

  /**
   * Threshold at which a deployment is cancelled.
   *
   * @default - 20 % of at least 5 devices
   */
  readonly abort?: EdgeAbort;

  /**
   * Maximum time in which a device deploys a version, 1 minute to 7 days. Afterwards it counts as failed.
   *
   * @default Duration.minutes(30)
   */
  readonly deploymentTimeout?: Duration;

  /**
   * Return a device to the version before when a new one cannot be installed on it.
   *
   * @default true
   */
  readonly rollback?: boolean;

  /**
   * Number of devices that should report, for the alarm on missing ones.
   *
   * @default - no alarm on missing devices
   */
  readonly expectedDevices?: number;
}
