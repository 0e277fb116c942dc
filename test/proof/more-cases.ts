import { components, resource, type Properties, type Resources } from './templates';

/** A component with some properties, on an endpoint that takes it. */
function withComponent(properties: Properties): Resources {
  const { Component, ...host } = components();
  return {
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', { ...Component!.Properties, ...properties }),
  };
}

/** rule → [what it accuses, what it leaves alone] */
export const MORE_CASES: {
  readonly [rule: string]: readonly (readonly [accused: Resources, innocent: Resources])[];
} = {
  'component-created-empty': [
    [withComponent({ RuntimeConfig: { CopyCount: 0 } }), withComponent({ RuntimeConfig: { CopyCount: 1 } })],
    [
      withComponent({ RuntimeConfig: { CopyCount: '0' } }),
      withComponent({
        Specification: { BaseInferenceComponentName: 'base', Container: { ArtifactUrl: 's3://adapters/one' } },
        RuntimeConfig: { CopyCount: 0 },
      }),
    ],
    [
      withComponent({ RuntimeConfig: { CopyCount: 0 } }),
      withComponent({ RuntimeConfig: { CopyCount: { Ref: 'Copies' } } }),
    ],
  ],
};
