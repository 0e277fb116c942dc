import {
  INFERENCE_AMIS,
  servingImage,
  servingImageAccount,
  servingImageAccounts,
} from '../../lib/catalog/serving-images';

describe('serving images', () => {
  test('offer Triton with the AMI its CUDA needs', () => {
    const triton = servingImage('triton');
    expect(triton.repository).toBe('sagemaker-tritonserver');
    expect(INFERENCE_AMIS).toContain(triton.inferenceAmi);
  });

  test.each([
    ['us-east-1', '763104351884'],
    ['eu-south-1', '692866216735'],
    ['cn-north-1', '727897471807'],
  ])('are published in %s by %s', (region, account) => {
    expect(servingImageAccount(region)).toBe(account);
    expect(servingImageAccounts()[region]).toBe(account);
  });

  test('of unknown servers and regions name what is known', () => {
    expect(() => servingImage('triton2')).toThrow(/known: triton, /);
    expect(() => servingImageAccount('us-east-9')).toThrow(/nearest known: us-east-1/);
  });
});
