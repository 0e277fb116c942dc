import { VARIANT_RULES } from '../../../lib/proof/rules/variants';
import { testRules } from '../support/rule-cases';
import { realTime } from '../support/templates';

testRules(VARIANT_RULES, {
  'variant-invalid': [
    [
      realTime({ ContainerStartupHealthCheckTimeoutInSeconds: 30 }),
      realTime({ ContainerStartupHealthCheckTimeoutInSeconds: 3600 }),
    ],
    [realTime({ InitialInstanceCount: 0 }), realTime({ InitialInstanceCount: 1 })],
    [
      realTime({ InstancePools: undefined, ServerlessConfig: { MemorySizeInMB: 3000, MaxConcurrency: 5 } }),
      realTime({ InstancePools: undefined, ServerlessConfig: { MemorySizeInMB: 3072, MaxConcurrency: 200 } }),
    ],
    [realTime({ InstancePools: undefined }), realTime({ InstancePools: { 'Fn::If': ['C', [], []] } })],
    [
      realTime(
        {},
        {
          ProductionVariants: [
            { VariantName: 'a', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
            { VariantName: 'a', ModelName: 'n', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
          ],
        },
      ),
      realTime(
        {},
        {
          ProductionVariants: [
            { VariantName: 'a', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
            { VariantName: 'b', ModelName: 'n', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
          ],
        },
      ),
    ],
    [realTime({ ModelName: undefined }), realTime({ ModelName: undefined }, { ExecutionRoleArn: { Ref: 'Role' } })],
  ],
});
