import {
  componentResourceId,
  isSageMakerTarget,
  parseResourceId,
  resourceMetricDimensions,
  variantResourceId,
} from '../../lib/catalog/scalable-resource';

describe('scalable resources', () => {
  test.each([
    [variantResourceId('chat', 'main'), { kind: 'variant', endpointName: 'chat', variantName: 'main' }],
    [componentResourceId('llama'), { kind: 'inference-component', componentName: 'llama' }],
    [
      'endpoint/arn:aws:sagemaker:us-east-1:1:endpoint/chat/variant/main',
      { kind: 'variant', endpointName: 'arn:aws:sagemaker:us-east-1:1:endpoint/chat', variantName: 'main' },
    ],
    ['endpoint/chat', undefined],
    ['endpoint/chat/variant/', undefined],
    ['inference-component/', undefined],
    ['service/cluster/web', undefined],
  ])('parses %s', (resourceId, resource) => {
    expect(parseResourceId(resourceId)).toEqual(resource);
  });

  test('names the metric dimensions of each kind', () => {
    expect(resourceMetricDimensions(parseResourceId('endpoint/chat/variant/main')!)).toEqual({
      EndpointName: 'chat',
      VariantName: 'main',
    });
    expect(resourceMetricDimensions(parseResourceId('inference-component/llama')!)).toEqual({
      InferenceComponentName: 'llama',
    });
  });

  test('recognizes SageMaker by the namespace or by the dimension', () => {
    expect(isSageMakerTarget('sagemaker', undefined)).toBe(true);
    expect(isSageMakerTarget(undefined, 'sagemaker:variant:DesiredInstanceCount')).toBe(true);
    expect(isSageMakerTarget('ecs', 'ecs:service:DesiredCount')).toBe(false);
    expect(isSageMakerTarget(undefined, undefined)).toBe(false);
  });
});
