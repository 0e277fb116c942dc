import type { Duration } from 'aws-cdk-lib';
import { checkWhole, type Resolved } from '../value-checks';

/** Properties of the start of a model on a new instance. */
export interface StartTimeoutProps {
  /**
   * Time until the container has to pass the health check `/ping`, 1 to 60 minutes.
   *
   * @default Duration.minutes(10), or the endpoint's where a further variant leaves it out
   */
  readonly startupTimeout?: Duration;

  /**
   * Time until the model has to be downloaded, 1 to 60 minutes.
   *
   * @default Duration.minutes(10), or the endpoint's where a further variant leaves it out
   */
  readonly modelDownloadTimeout?: Duration;
}

/** Limits of the SageMaker API reference, ProductionVariant and InferenceComponentStartupParameters. */
const MIN_SECONDS = 60;
const MAX_SECONDS = 3600;

/**
 * Timeouts with their defaults.
 *
 * @internal
 */
export interface StartTimeouts {
  readonly startupSeconds: number;
  readonly modelDownloadSeconds: number;
}

const DEFAULTS: StartTimeouts = { startupSeconds: 600, modelDownloadSeconds: 600 };

/**
 * Resolves the timeouts; further variants inherit those of the first.
 *
 * @internal
 */
export function resolveStartTimeouts(props: StartTimeoutProps, inherited = DEFAULTS): Resolved<StartTimeouts> {
  const startupSeconds = props.startupTimeout?.toSeconds({ integral: false }) ?? inherited.startupSeconds;
  const modelDownloadSeconds =
    props.modelDownloadTimeout?.toSeconds({ integral: false }) ?? inherited.modelDownloadSeconds;
  return {
    value: { startupSeconds, modelDownloadSeconds },
    problems: [
      ...checkWhole('startupTimeout', startupSeconds, MIN_SECONDS, MAX_SECONDS, 's'),
      ...checkWhole('modelDownloadTimeout', modelDownloadSeconds, MIN_SECONDS, MAX_SECONDS, 's'),
    ],
  };
}

/**
 * Renders the timeouts, for a production variant and for the startup parameters of an inference component alike.
 *
 * @internal
 */
export function startTimeoutConfig({ startupSeconds, modelDownloadSeconds }: StartTimeouts): {
  readonly containerStartupHealthCheckTimeoutInSeconds: number;
  readonly modelDataDownloadTimeoutInSeconds: number;
} {
  return {
    containerStartupHealthCheckTimeoutInSeconds: startupSeconds,
    modelDataDownloadTimeoutInSeconds: modelDownloadSeconds,
  };
}
