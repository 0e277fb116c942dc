import { Duration, Stack, Token } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { IConstruct } from 'constructs';
import { refusesScaleToZero } from '../../catalog/scale-to-zero-regions';
import type { InstanceCapacity } from '../endpoint/capacity';
import { checkWhole, type Resolved } from '../value-checks';

/** Strategies to release instances that copies no longer need. */
export enum InstanceScaleIn {
  /** Releases an instance without copies. */
  IDLE_RELEASE = 'IDLE_RELEASE',

  /** Moves copies together, so that instances become free. */
  CONSOLIDATION = 'CONSOLIDATION',
}

/** Instances of a shared endpoint, which SageMaker adds and removes as copies need them. */
export interface InstanceScalingProps {
  /**
   * Minimum number of instances; 0 releases the fleet once no model has a copy.
   *
   * @default 0, and 1 where `allowZeroInstances` is false
   */
  readonly minInstances?: number;

  /** Maximum number of instances: the limit of the bill. */
  readonly maxInstances: number;

  /**
   * True if the region allows an endpoint of inference components to have no instance. AWS publishes no list; set it where you know better.
   *
   * @default true, and false in regions that were seen to refuse it (eu-west-3, on 2026-08-27)
   */
  readonly allowZeroInstances?: boolean;

  /**
   * Strategy to release instances.
   *
   * @default InstanceScaleIn.IDLE_RELEASE
   */
  readonly instanceScaleIn?: InstanceScaleIn;

  /**
   * Minimum interval between two scale-ins of instances, 5 minutes to a day.
   *
   * @default Duration.minutes(20)
   */
  readonly instanceScaleInCooldown?: Duration;
}

/** Limits of the SageMaker API reference, ProductionVariantManagedInstanceScaling. */
const MIN_COOLDOWN_MINUTES = 5;
const MAX_COOLDOWN_MINUTES = 1440;

/**
 * Scaling of instances with its defaults.
 *
 * @internal
 */
export interface InstanceScaling {
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly scaleIn: InstanceScaleIn;
  readonly cooldownMinutes: number;
  /** Reason why the endpoint cannot have zero instances; undefined where it can. */
  readonly scaleToZeroBlockedReason: string | undefined;
}

/**
 * Resolves the scaling of the instances of a shared endpoint.
 *
 * @internal
 */
export function resolveInstanceScaling(
  scope: IConstruct,
  props: InstanceScalingProps,
  { quota }: Pick<InstanceCapacity, 'quota'>,
): Resolved<InstanceScaling> {
  const scaleToZeroBlockedReason = scaleToZeroBlocked(scope, props.allowZeroInstances);
  const cooldown = props.instanceScaleInCooldown ?? Duration.minutes(20);
  const scaling: InstanceScaling = {
    minInstances: props.minInstances ?? (scaleToZeroBlockedReason === undefined ? 0 : 1),
    maxInstances: props.maxInstances,
    scaleIn: props.instanceScaleIn ?? InstanceScaleIn.IDLE_RELEASE,
    cooldownMinutes: cooldown.toSeconds({ integral: false }) / 60,
    scaleToZeroBlockedReason,
  };
  return { value: scaling, problems: checkInstances(scaling, quota) };
}

/**
 * Reason why an endpoint of inference components keeps an instance in the scope's region; undefined where it need not.
 *
 * @internal
 */
export function scaleToZeroBlocked(scope: IConstruct, allowed: boolean | undefined): string | undefined {
  if (allowed === true) return undefined;
  if (allowed === false) return 'allowZeroInstances of the shared endpoint is false';
  const { region } = Stack.of(scope);
  const refusal = Token.isUnresolved(region) ? undefined : refusesScaleToZero(region);
  if (refusal === undefined) return undefined;
  return (
    `${region} refused inference components at zero when it was last seen (${refusal.seenOn}, ${refusal.source}); ` +
    'where it accepts them now, set allowZeroInstances: true on the shared endpoint'
  );
}

function checkInstances(scaling: InstanceScaling, quota: number | undefined): string[] {
  const { minInstances, maxInstances, scaleToZeroBlockedReason } = scaling;
  const problems = [
    ...checkWhole('minInstances', minInstances, 0, Infinity),
    ...checkWhole('maxInstances', maxInstances, 1, Infinity),
    ...checkWhole(
      'instanceScaleInCooldown',
      scaling.cooldownMinutes,
      MIN_COOLDOWN_MINUTES,
      MAX_COOLDOWN_MINUTES,
      'minutes',
    ),
  ];
  if (minInstances > maxInstances) {
    problems.push(
      `minInstances (${minInstances}) is above maxInstances (${maxInstances}); lower minInstances or raise maxInstances`,
    );
  }
  if (minInstances === 0 && scaleToZeroBlockedReason !== undefined) {
    problems.push(`minInstances (0) must be 1 or more: ${scaleToZeroBlockedReason}`);
  }
  if (quota !== undefined && maxInstances > quota) {
    problems.push(
      `maxInstances (${maxInstances}) is above ${quota}, all instances that capacity.quotas allow; lower it, add a pool, or request ` +
        'quota in Service Quotas',
    );
  }
  return problems;
}

/**
 * Renders the scaling of instances for a production variant.
 *
 * @internal
 */
export function instanceScalingConfig({
  minInstances,
  maxInstances,
  scaleIn,
  cooldownMinutes,
}: InstanceScaling): sagemaker.CfnEndpointConfig.ManagedInstanceScalingProperty {
  return {
    status: 'ENABLED',
    minInstanceCount: minInstances,
    maxInstanceCount: maxInstances,
    scaleInPolicy: { strategy: scaleIn, cooldownInMinutes: cooldownMinutes },
  };
}
