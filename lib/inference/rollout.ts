import { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { RolloutStrategy, type RolloutProps } from './gpu-endpoint-props';

/** A rollout with every default filled in. */
export interface Rollout {
  readonly strategy: RolloutStrategy;
  readonly batchPercent: number;
  readonly waitInterval: Duration;
  readonly maxErrorRate: number;
  readonly maxModelLatency: Duration;
  readonly alarms: readonly cloudwatch.IAlarm[];
}

/** Fills in what the props leave out. */
export function rolloutOf(props: RolloutProps = {}): Rollout {
  const strategy = props.strategy ?? RolloutStrategy.ROLLING;
  return {
    strategy,
    batchPercent: props.batchPercent ?? (strategy === RolloutStrategy.CANARY ? 10 : 25),
    waitInterval: props.waitInterval ?? Duration.minutes(5),
    maxErrorRate: props.maxErrorRate ?? 0.05,
    maxModelLatency: props.maxModelLatency ?? Duration.seconds(30),
    alarms: props.alarms ?? [],
  };
}

/** How SageMaker moves the copies of a component to its next version, and which alarms take it back. */
export function componentDeploymentConfig(
  rollout: Rollout,
  alarms: readonly cloudwatch.IAlarm[],
): sagemaker.CfnInferenceComponent.InferenceComponentDeploymentConfigProperty {
  return {
    rollingUpdatePolicy: inBatches(rollout),
    autoRollbackConfiguration: { alarms: alarms.map(({ alarmName }) => ({ alarmName })) },
  };
}

/** Batches of the fleet one after the other, and all of it at once when the rollout is taken back. */
function inBatches({ batchPercent, waitInterval }: Rollout): {
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

/** How SageMaker moves from one configuration to the next, and which alarms take it back. */
export function deploymentConfig(
  rollout: Rollout,
  alarms: readonly cloudwatch.IAlarm[],
): sagemaker.CfnEndpoint.DeploymentConfigProperty {
  const size = { type: 'CAPACITY_PERCENT', value: rollout.batchPercent };
  const waitIntervalInSeconds = rollout.waitInterval.toSeconds();
  const autoRollbackConfiguration = { alarms: alarms.map(({ alarmName }) => ({ alarmName })) };
  switch (rollout.strategy) {
    case RolloutStrategy.ROLLING:
      return { rollingUpdatePolicy: inBatches(rollout), autoRollbackConfiguration };
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
