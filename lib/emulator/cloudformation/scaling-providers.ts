import { z } from 'zod';
import type { Json } from '../../core/parse';
import type { Driver } from '../driver';
import { decimal, flag, notAvailable, parseWith, wholeNumber } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';
import type { Scaling } from '../scaling/scaling';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';

export interface ScalingProviderParts {
  readonly scaling: Scaling;
  readonly driver: Driver;
}

const moment = () =>
  z
    .string()
    .transform((text) => Date.parse(text) / 1000)
    .refine(Number.isFinite, { message: 'must be a timestamp' });

const targetSchema = z.strictObject({
  ServiceNamespace: z.string(),
  ResourceId: z.string(),
  ScalableDimension: z.string(),
  MinCapacity: wholeNumber(0),
  MaxCapacity: wholeNumber(0),
  RoleARN: z.string().optional(),
  SuspendedState: z
    .strictObject({
      DynamicScalingInSuspended: flag().optional(),
      DynamicScalingOutSuspended: flag().optional(),
      ScheduledScalingSuspended: flag().optional(),
    })
    .optional(),
  ScheduledActions: z
    .array(
      z.strictObject({
        ScheduledActionName: z.string(),
        Schedule: z.string(),
        Timezone: z.string().optional(),
        StartTime: moment().optional(),
        EndTime: moment().optional(),
        ScalableTargetAction: z
          .strictObject({ MinCapacity: wholeNumber(0).optional(), MaxCapacity: wholeNumber(0).optional() })
          .optional(),
      }),
    )
    .default([]),
});

const dimensions = () => z.array(z.strictObject({ Name: z.string(), Value: z.string() })).optional();

const trackingSchema = z.strictObject({
  TargetValue: decimal(0),
  ScaleInCooldown: wholeNumber(0).optional(),
  ScaleOutCooldown: wholeNumber(0).optional(),
  DisableScaleIn: flag().optional(),
  PredefinedMetricSpecification: z
    .strictObject({ PredefinedMetricType: z.string(), ResourceLabel: z.string().optional() })
    .optional(),
  CustomizedMetricSpecification: z
    .strictObject({
      MetricName: z.string().optional(),
      Namespace: z.string().optional(),
      Dimensions: dimensions(),
      Statistic: z.string().optional(),
      Unit: z.string().optional(),
      Metrics: z
        .array(
          z.strictObject({
            Id: z.string(),
            Expression: z.string().optional(),
            Label: z.string().optional(),
            ReturnData: flag().optional(),
            MetricStat: z
              .strictObject({
                Metric: z.strictObject({
                  MetricName: z.string().optional(),
                  Namespace: z.string().optional(),
                  Dimensions: dimensions(),
                }),
                Stat: z.string(),
                Unit: z.string().optional(),
              })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

const stepSchema = z.strictObject({
  AdjustmentType: z.string(),
  Cooldown: wholeNumber(0).optional(),
  MetricAggregationType: z.string().optional(),
  MinAdjustmentMagnitude: wholeNumber(1).optional(),
  StepAdjustments: z.array(
    z.strictObject({
      MetricIntervalLowerBound: decimal(-Number.MAX_VALUE).optional(),
      MetricIntervalUpperBound: decimal(-Number.MAX_VALUE).optional(),
      ScalingAdjustment: wholeNumber(Number.MIN_SAFE_INTEGER),
    }),
  ),
});

const policySchema = z.strictObject({
  PolicyName: z.string(),
  PolicyType: z.enum(['TargetTrackingScaling', 'StepScaling']),
  ResourceId: z.string().optional(),
  ScalableDimension: z.string().optional(),
  ServiceNamespace: z.string().optional(),
  ScalingTargetId: z.string().optional(),
  TargetTrackingScalingPolicyConfiguration: trackingSchema.optional(),
  StepScalingPolicyConfiguration: stepSchema.optional(),
  PredictiveScalingPolicyConfiguration: notAvailable('PredictiveScalingPolicyConfiguration'),
});

/** `Ref` of a scalable target: resource, dimension and namespace, separated by bars. */
const targetId = (
  target: Pick<z.output<typeof targetSchema>, 'ResourceId' | 'ScalableDimension' | 'ServiceNamespace'>,
): string => [target.ResourceId, target.ScalableDimension, target.ServiceNamespace].join('|');

function keyOf(id: string): Json {
  const [ResourceId, ScalableDimension, ServiceNamespace] = id.split('|');
  return { ResourceId, ScalableDimension, ServiceNamespace };
}

/** Deletes a resource, which may already be gone: deleting an endpoint deregisters its scalable targets. */
function ignoreAbsence(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'ObjectNotFoundException') throw error;
  }
}

/** `AWS::ApplicationAutoScaling::ScalableTarget`, with its scheduled actions. */
export class ScalableTargetProvider implements ResourceProvider {
  public constructor(private readonly parts: ScalingProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    return this.register(request, []);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const { ScheduledActions } = parseWith(targetSchema, request.previousProperties);
    const id = targetId(parseWith(targetSchema, request.properties));
    const before = id === request.physicalId ? ScheduledActions.map((action) => action.ScheduledActionName) : [];
    return this.register(request, before);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { scaling, driver } = this.parts;
    driver.apply((at) => ignoreAbsence(() => scaling.call('DeregisterScalableTarget', keyOf(physicalId), at)));
  }

  private register(request: ResourceRequest, actionsBefore: readonly string[]): ProvisionedResource {
    const { scaling, driver } = this.parts;
    const { ScheduledActions, ...target } = parseWith(targetSchema, request.properties);
    const id = targetId(target);
    const names = new Set(ScheduledActions.map((action) => action.ScheduledActionName));
    driver.apply((at) => {
      scaling.call('RegisterScalableTarget', target, at);
      for (const action of ScheduledActions) scaling.call('PutScheduledAction', { ...keyOf(id), ...action }, at);
      for (const ScheduledActionName of actionsBefore.filter((name) => !names.has(name))) {
        ignoreAbsence(() => scaling.call('DeleteScheduledAction', { ...keyOf(id), ScheduledActionName }, at));
      }
    });
    return { physicalId: id, attributes: { Id: id } };
  }
}

/** `AWS::ApplicationAutoScaling::ScalingPolicy`. */
export class ScalingPolicyProvider implements ResourceProvider {
  private readonly stored = new Map<string, Json>();

  public constructor(private readonly parts: ScalingProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { scaling, driver } = this.parts;
    const { ScalingTargetId, ...properties } = parseWith(policySchema, request.properties);
    const key = ScalingTargetId === undefined ? policyKey(properties) : keyOf(ScalingTargetId);
    const { PolicyARN } = driver.apply((at) => scaling.call('PutScalingPolicy', { ...properties, ...key }, at));
    const physicalId = String(PolicyARN);
    this.stored.set(physicalId, { ...key, PolicyName: properties.PolicyName });
    return { physicalId, attributes: { Arn: physicalId } };
  }

  /** Puts the policy again: a changed name or target gives another ARN and so replaces it, anything else changes it in place. */
  public update(request: ResourceRequest): Promise<ProvisionedResource> {
    return this.create(request);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { scaling, driver } = this.parts;
    const policy = this.stored.get(physicalId);
    this.stored.delete(physicalId);
    if (!policy) return;
    driver.apply((at) => ignoreAbsence(() => scaling.call('DeleteScalingPolicy', policy, at)));
  }
}

function policyKey(properties: Json): Json {
  const { ResourceId, ScalableDimension, ServiceNamespace } = properties;
  if (ResourceId === undefined || ScalableDimension === undefined || ServiceNamespace === undefined) {
    throw validationError('give either ScalingTargetId or all of ResourceId, ScalableDimension and ServiceNamespace');
  }
  return { ResourceId, ScalableDimension, ServiceNamespace };
}
