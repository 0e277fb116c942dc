import { OptimizationJobDeploymentInstanceType } from '@aws-sdk/client-sagemaker';
import { lacksQuantization, OPTIMIZATION_INSTANCE_TYPES } from '../../lib/catalog/optimization-jobs';

describe('instance types of optimisation jobs', () => {
  test('are those of the SDK', () => {
    expect([...OPTIMIZATION_INSTANCE_TYPES].sort()).toEqual(
      Object.values(OptimizationJobDeploymentInstanceType).sort(),
    );
  });

  test('quantise on GPUs alone, of which there are 48', () => {
    const gpus = OPTIMIZATION_INSTANCE_TYPES.filter((type) => !lacksQuantization(type));
    expect(gpus).toHaveLength(48);
    expect(gpus.every((type) => /^ml\.[gp]/.test(type))).toBe(true);
  });
});
