import { CAPACITY_RULES } from '../../../lib/proof/rules/capacity';
import { custom, endpointArn, gpu, provisioned, scaledRealTime, tested } from '../support/fleets';
import { rulesOf, testRules } from '../support/rule-cases';
import {
  asynchronous,
  backlog,
  components,
  realTime,
  resource,
  type Resources,
  serverless,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

const concurrency = {
  PredefinedMetricSpecification: {
    PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
  },
};

testRules(
  CAPACITY_RULES,
  {
    'initial-above-max': [
      [scaledRealTime({}, {}, { InitialInstanceCount: 5 }), scaledRealTime({}, {}, { InitialInstanceCount: 4 })],
      [
        scaledRealTime({}, { MaxCapacity: 2 }, { InitialInstanceCount: 3 }),
        // A schedule raises the maximum.
        scaledRealTime(
          {},
          {
            MaxCapacity: 2,
            ScheduledActions: [
              {
                ScheduledActionName: 'day',
                Schedule: 'cron(0 8 * * ? *)',
                ScalableTargetAction: { MaxCapacity: 6 },
              },
            ],
          },
          { InitialInstanceCount: 3 },
        ),
      ],
      [
        scaledRealTime({}, { MaxCapacity: '3' }, { InitialInstanceCount: '8' }),
        scaledRealTime({}, { MaxCapacity: { Ref: 'Most' } }, { InitialInstanceCount: 8 }),
      ],
    ],
    'scalable-target-invalid': [
      [scaledRealTime({}, { MaxCapacity: undefined }), scaledRealTime({}, { MaxCapacity: { Ref: 'Most' } })],
      [scaledRealTime({}, { ServiceNamespace: 'ecs' }), scaledRealTime({}, { ServiceNamespace: { Ref: 'Service' } })],
      [
        scaledRealTime({}, { ResourceId: 'endpoint/undefined/variant/AllTraffic' }),
        scaledRealTime({}, { ResourceId: 'endpoint/null-1/variant/AllTraffic' }),
      ],
      [
        { ...serverless(), Target: variantTarget() },
        {
          ...realTime(
            {},
            { ProductionVariants: [{ 'Fn::If': ['C', { VariantName: 'a' }, { VariantName: 'AllTraffic' }] }] },
          ),
          Target: variantTarget(),
        },
      ],
      [
        scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        {
          ...serverless(),
          Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        },
      ],
      [
        scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint}/variant/AllTraffic' } }),
        scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/AllTraffic' } }),
      ],
      [
        scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/other' } }),
        scaledRealTime(
          {},
          {
            ResourceId: {
              'Fn::Join': [
                '/',
                ['endpoint', { 'Fn::Select': [1, { 'Fn::Split': ['/', endpointArn] }] }, 'variant', 'AllTraffic'],
              ],
            },
          },
        ),
      ],
      [
        scaledRealTime({}, { ResourceId: 'chat' }),
        { Target: variantTarget({ ResourceId: 'endpoint/mine/variant/v' }) },
      ],
      [
        scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:InstanceCount' }),
        scaledRealTime({}, { ResourceId: { 'Fn::If': ['C', 'a', 'endpoint/x/variant/b'] } }),
      ],
    ],
    'zero-where-impossible': [
      [
        { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MinCapacity: 0 }) },
        { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MinCapacity: 1 }) },
      ],
      [scaledRealTime({}, { MinCapacity: 0 }), scaledRealTime()],
      [
        scaledRealTime({}, { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 } }] }),
        scaledRealTime({}, { MinCapacity: { 'Fn::If': ['Prod', 1, 0] } }),
      ],
    ],
    'managed-scaling-on-model-variant': [
      [
        realTime({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 2 } }),
        components(),
      ],
    ],
    'instances-scaled-twice': [
      [
        { ...components(), Target: variantTarget() },
        { ...components({ ManagedInstanceScaling: { Status: 'DISABLED' } }), Target: variantTarget() },
      ],
    ],
    'min-above-max': [
      [
        components({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 3, MaxInstanceCount: 2 } }),
        components({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 2, MaxInstanceCount: 2 } }),
      ],
      [scaledRealTime({}, { MinCapacity: 5 }), scaledRealTime({}, { MinCapacity: 4, MaxCapacity: 4 })],
    ],
    'fixed-capacity': [[scaledRealTime({ P: tracking() }, { MaxCapacity: 1 }), scaledRealTime({}, { MaxCapacity: 1 })]],
    'target-above-capacity': [
      [
        {
          ...asynchronous({}, { AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 } } }),
          Target: variantTarget(),
          P: trackingOf(backlog, { TargetValue: 100 }),
        },
        {
          ...asynchronous({}, { AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 4 } } }),
          Target: variantTarget(),
          P: trackingOf(backlog, { TargetValue: 5 }),
        },
      ],
      [scaledRealTime({ P: tracking({ TargetValue: 0 }) }), scaledRealTime({ P: tracking({ TargetValue: 0.5 }) })],
      [
        { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 20 }) },
        { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 6 }) },
      ],
      [
        scaledRealTime({ P: trackingOf(gpu, { TargetValue: 150 }) }),
        scaledRealTime(
          { P: trackingOf(gpu, { TargetValue: 150 }) },
          {},
          { InstancePools: undefined, InstanceType: 'ml.g5.12xlarge' },
        ),
      ],
      [
        {
          ...serverless(),
          Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
          P: trackingOf(custom('ServerlessProvisionedConcurrencyUtilization'), { TargetValue: 70 }),
        },
        {
          ...serverless(),
          Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
          P: trackingOf(custom('ServerlessProvisionedConcurrencyUtilization'), { TargetValue: 0.7 }),
        },
      ],
    ],
  },
  ['quota-exceeded'],
);

test('quota-exceeded adds up the maxima of every fleet', () => {
  const two: Resources = {
    ...scaledRealTime(),
    OtherConfig: resource('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [{ VariantName: 'v', ModelName: 'm', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' }],
    }),
  };
  expect(rulesOf(two, { 'ml.g5.xlarge': 5 })).toContain('quota-exceeded');
  expect(rulesOf(two, { 'ml.g5.xlarge': 6 })).not.toContain('quota-exceeded');
});
