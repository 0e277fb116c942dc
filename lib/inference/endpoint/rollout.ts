import { Duration, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { checkWhole, type Resolved } from '../value-checks';

/** Strategies to replace the old version with a new one. */
export enum RolloutStrategy {
  /** Replaces the fleet batch by batch: needs only a batch of further instances, the choice for scarce GPUs. */
  ROLLING = 'ROLLING',

  /** Starts a second fleet and shifts a small share of the traffic first, then the rest. Needs twice the instances for the time. */
  CANARY = 'CANARY',

  /** Starts a second fleet and shifts the traffic in equal steps. Needs twice the instances for the time. */
  LINEAR = 'LINEAR',

  /** Starts a second fleet and shifts all traffic at once. Needs twice the instances for the time. */
  ALL_AT_ONCE = 'ALL_AT_ONCE',
}

/** Conditions that roll a deployment back. */
export interface RollbackProps {
  /**
   * Time that the alarms watch a batch or a step before the next one, 0 to 60 minutes.
   *
   * @default Duration.minutes(5)
   */
  readonly waitInterval?: Duration;

  /**
   * Share of server errors among the responses above which the deployment is rolled back, above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRatio?: number;

  /**
   * Average model latency above which the deployment is rolled back.
   *
   * @default Duration.seconds(30)
   */
  readonly maxModelLatency?: Duration;

  /**
   * Further alarms that roll the deployment back, at most 8.
   *
   * @default - none
   */
  readonly alarms?: cloudwatch.IAlarm[];
}

/** Replacement of the old version, rolled back on errors or latency of the new instances. */
export interface RolloutProps extends RollbackProps {
  /**
   * Strategy to replace the old version.
   *
   * @default RolloutStrategy.ROLLING
   */
  readonly strategy?: RolloutStrategy;

  /**
   * In percent: the part of the fleet that is replaced at once (rolling, 5 to 50), the part of the traffic that goes to the new fleet
   * first (canary, 1 to 50) or with each step (linear, 10 to 50). Not with all at once.
   *
   * @default 25, and 10 for a canary
   */
  readonly batchPercent?: number;
}

/** Replacement of the old version of a model on a shared endpoint, batch by batch, rolled back on errors or latency. */
export interface ComponentRolloutProps extends RollbackProps {
  /**
   * Part of the copies that is replaced at once, in percent, 5 to 50.
   *
   * @default 25
   */
  readonly batchPercent?: number;
}

/** Minimum and maximum of one step (API reference: deployment policies). */
const STEP_PERCENT: { readonly [strategy in RolloutStrategy]: readonly [min: number, max: number] } = {
  ROLLING: [5, 50],
  CANARY: [1, 50],
  LINEAR: [10, 50],
  ALL_AT_ONCE: [1, 100],
};

/** Source: API reference, AutoRollbackConfig: 10 alarms, of which 2 are the endpoint's own. */
const MAX_ROLLBACK_ALARMS = 8;

/** Longest time of a model for a request, that of asynchronous endpoints (InvokeEndpointAsync, API reference). */
const MAX_MODEL_LATENCY_SECONDS = 3600;

/**
 * Rollout with its defaults.
 *
 * @internal
 */
export type Rollout = Required<RolloutProps>;

/**
 * Resolves the rollout of an endpoint or of an inference component.
 *
 * @internal
 */
export function resolveRollout(props: RolloutProps = {}): Resolved<Rollout> {
  const strategy = props.strategy ?? RolloutStrategy.ROLLING;
  const rollout: Rollout = {
    strategy,
    batchPercent: props.batchPercent ?? (strategy === RolloutStrategy.CANARY ? 10 : 25),
    waitInterval: props.waitInterval ?? Duration.minutes(5),
    maxErrorRatio: props.maxErrorRatio ?? 0.05,
    maxModelLatency: props.maxModelLatency ?? Duration.seconds(30),
    alarms: props.alarms ?? [],
  };
  return { value: rollout, problems: checkRollout(rollout) };
}

function checkRollout({
  strategy,
  batchPercent,
  waitInterval,
  maxErrorRatio,
  maxModelLatency,
  alarms,
}: Rollout): string[] {
  const problems = [
    ...checkWhole('rollout.batchPercent', batchPercent, ...STEP_PERCENT[strategy], '%'),
    ...checkWhole('rollout.waitInterval', waitInterval.toSeconds({ integral: false }), 0, 3600, 's'),
  ];
  if (!Token.isUnresolved(maxErrorRatio) && !(maxErrorRatio > 0 && maxErrorRatio <= 1)) {
    problems.push(`rollout.maxErrorRatio (${maxErrorRatio}) must be above 0 and at most 1`);
  }
  const latency = maxModelLatency.isUnresolved() ? 1 : maxModelLatency.toSeconds({ integral: false });
  if (!(latency > 0 && latency <= MAX_MODEL_LATENCY_SECONDS)) {
    problems.push(
      `rollout.maxModelLatency (${latency} s) must be above 0 and at most ${MAX_MODEL_LATENCY_SECONDS} s, the longest that SageMaker waits for a model`,
    );
  }
  if (alarms.length > MAX_ROLLBACK_ALARMS) {
    problems.push(`rollout.alarms has ${alarms.length} alarms; SageMaker takes 10, of which 2 are the endpoint's own`);
  }
  return problems;
}

/**
 * Renders the rollout of an endpoint, with the alarms that roll it back.
 *
 * @internal
 */
export function rolloutConfig(
  rollout: Rollout,
  alarms: readonly cloudwatch.IAlarm[],
): sagemaker.CfnEndpoint.DeploymentConfigProperty {
  const size = { type: 'CAPACITY_PERCENT', value: rollout.batchPercent };
  const waitIntervalInSeconds = rollout.waitInterval.toSeconds();
  const autoRollbackConfiguration = rollbackConfig(alarms);
  switch (rollout.strategy) {
    case RolloutStrategy.ROLLING:
      return { rollingUpdatePolicy: rollingPolicy(rollout), autoRollbackConfiguration };
    case RolloutStrategy.CANARY:
      return blueGreen({ type: 'CANARY', canarySize: size, waitIntervalInSeconds });
    case RolloutStrategy.LINEAR:
      return blueGreen({ type: 'LINEAR', linearStepSize: size, waitIntervalInSeconds });
    case RolloutStrategy.ALL_AT_ONCE:
      return blueGreen({ type: 'ALL_AT_ONCE', waitIntervalInSeconds });
  }

  function blueGreen(
    trafficRoutingConfiguration: sagemaker.CfnEndpoint.TrafficRoutingConfigProperty,
  ): sagemaker.CfnEndpoint.DeploymentConfigProperty {
    return { blueGreenUpdatePolicy: { trafficRoutingConfiguration }, autoRollbackConfiguration };
  }
}

/**
 * Renders the rollout of an inference component, with the alarms that roll it back.
 *
 * @internal
 */
export function componentRolloutConfig(
  rollout: Rollout,
  alarms: readonly cloudwatch.IAlarm[],
): sagemaker.CfnInferenceComponent.InferenceComponentDeploymentConfigProperty {
  return { rollingUpdatePolicy: rollingPolicy(rollout), autoRollbackConfiguration: rollbackConfig(alarms) };
}

/** Replaces the fleet batch by batch, and in one batch on a rollback. */
function rollingPolicy({ batchPercent, waitInterval }: Rollout): {
  readonly maximumBatchSize: { readonly type: string; readonly value: number };
  readonly rollbackMaximumBatchSize: { readonly type: string; readonly value: number };
  readonly waitIntervalInSeconds: number;
} {
  return {
    maximumBatchSize: { type: 'CAPACITY_PERCENT', value: batchPercent },
    rollbackMaximumBatchSize: { type: 'CAPACITY_PERCENT', value: 100 },
    waitIntervalInSeconds: waitInterval.toSeconds(),
  };
}

function rollbackConfig(alarms: readonly cloudwatch.IAlarm[]): { readonly alarms: { readonly alarmName: string }[] } {
  return { alarms: alarms.map(({ alarmName }) => ({ alarmName })) };
}
