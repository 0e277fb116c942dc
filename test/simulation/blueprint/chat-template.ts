import type { Budget } from '../../../lib/cost/decide/budget-period';
import { DEFAULT_THRESHOLDS } from '../../../lib/cost/decide';

export const CHAT = 'endpoint/chat/variant/main';

type Json = { readonly [name: string]: unknown };

/** What a test's template differs in from the plainest one. */
export interface ChatTemplate {
  readonly variant?: Json;
  readonly config?: Json;
  readonly target?: Json;
  /** Further resources, or others in place of these: Config, Endpoint, Target, Tracking. */
  readonly resources?: { readonly [logicalId: string]: Json | null };
  readonly parameters?: Json;
}

/** A CloudFormation template with one real-time fleet of ml.g5.xlarge, 1 to 8 instances, that tracks 5.6 requests an instance. */
export function chatTemplate({ variant, config, target, resources = {}, parameters }: ChatTemplate = {}): Json {
  const all: { [logicalId: string]: Json | null } = {
    Config: {
      Type: 'AWS::SageMaker::EndpointConfig',
      Properties: {
        ProductionVariants: [
          {
            VariantName: 'main',
            InitialInstanceCount: 2,
            InstancePools: [
              { InstanceType: 'ml.g5.xlarge', Priority: 1 },
              { InstanceType: 'ml.g6.xlarge', Priority: 2 },
            ],
            RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
            ...variant,
          },
        ],
        Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }],
        ...config,
      },
    },
    Endpoint: {
      Type: 'AWS::SageMaker::Endpoint',
      Properties: { EndpointName: 'chat', EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] } },
    },
    Target: {
      Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
      Properties: {
        ServiceNamespace: 'sagemaker',
        ResourceId: {
          'Fn::Join': ['', ['endpoint/', { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] }, '/variant/main']],
        },
        ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        MinCapacity: 1,
        MaxCapacity: 8,
        ...target,
      },
    },
    Tracking: {
      Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
      Properties: {
        PolicyName: 'concurrency',
        PolicyType: 'TargetTrackingScaling',
        ScalingTargetId: { Ref: 'Target' },
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 5.6,
          ScaleOutCooldown: 60,
          ScaleInCooldown: 300,
          PredefinedMetricSpecification: {
            PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
          },
        },
      },
    },
    ...resources,
  };
  const present = Object.fromEntries(Object.entries(all).filter(([, resource]) => resource !== null));
  return { Resources: present, ...(parameters !== undefined && { Parameters: parameters }) };
}

/** The resources of a guard over the fleet: its handler and the parameter with its budget. */
export function guardResources(budget: Budget, { dryRun = false } = {}): { readonly [logicalId: string]: Json } {
  const configuration = {
    name: 'guard',
    dryRun,
    fleets: [
      {
        resourceId: CHAT,
        endpointName: 'chat',
        variantName: 'main',
        scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        minCapacity: 1,
        maxCapacity: 8,
        protectedFloor: 1,
        pricesPerHourUsd: { 'ml.g5.xlarge': 2, 'ml.g6.xlarge': 3 },
      },
    ],
    training: null,
    thresholds: DEFAULT_THRESHOLDS,
    forecastSmoothingSeconds: 600,
  };
  return {
    Budget: { Type: 'AWS::SSM::Parameter', Properties: { Type: 'String', Value: JSON.stringify(budget) } },
    Guard: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Environment: {
          Variables: {
            TIDEGATE_GUARD_CONFIGURATION: JSON.stringify(configuration),
            TIDEGATE_GUARD_BUDGET_PARAMETER: { Ref: 'Budget' },
          },
        },
      },
    },
  };
}
