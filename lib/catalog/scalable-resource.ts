/** Namespace of SageMaker in Application Auto Scaling. */
export const SAGEMAKER_SERVICE_NAMESPACE = 'sagemaker';

/** Scalable dimensions of SageMaker. Source: RegisterScalableTarget, Application Auto Scaling API reference. */
export const SCALABLE_DIMENSIONS = {
  /** Instances of a variant. */
  instanceCount: 'sagemaker:variant:DesiredInstanceCount',
  /** Copies of an inference component. */
  copyCount: 'sagemaker:inference-component:DesiredCopyCount',
  /** Provisioned concurrency of a serverless variant. */
  provisionedConcurrency: 'sagemaker:variant:DesiredProvisionedConcurrency',
} as const;

/** Path and name of the role that Application Auto Scaling assumes to scale SageMaker. */
export const SCALING_ROLE_NAME =
  'aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint';

/** A resource of SageMaker that can be registered as a scalable target. */
export type ScalableResource =
  | { readonly kind: 'variant'; readonly endpointName: string; readonly variantName: string }
  | { readonly kind: 'inference-component'; readonly componentName: string };

/** Resource id of a variant: `endpoint/NAME/variant/NAME`. */
export function variantResourceId(endpointName: string, variantName: string): string {
  return `endpoint/${endpointName}/variant/${variantName}`;
}

/** Resource id of an inference component: `inference-component/NAME`. */
export function componentResourceId(componentName: string): string {
  return `inference-component/${componentName}`;
}

/**
 * Returns the resource that a resource id names; undefined for any other form.
 *
 * The names of an id in a template may still be ARNs or references, with slashes of their own.
 */
export function parseResourceId(resourceId: string): ScalableResource | undefined {
  const [, endpointName, variantName] = /^endpoint\/(.+)\/variant\/([^/]+)$/.exec(resourceId) ?? [];
  if (endpointName !== undefined && variantName !== undefined) return { kind: 'variant', endpointName, variantName };
  const [, componentName] = /^inference-component\/(.+)$/.exec(resourceId) ?? [];
  return componentName === undefined ? undefined : { kind: 'inference-component', componentName };
}

/** CloudWatch dimensions under which SageMaker publishes the metrics of a resource. */
export function resourceMetricDimensions(resource: ScalableResource): { readonly [name: string]: string } {
  return resource.kind === 'variant'
    ? { EndpointName: resource.endpointName, VariantName: resource.variantName }
    : { InferenceComponentName: resource.componentName };
}

/** True if a scalable target or policy belongs to SageMaker; a template may give only one of the two. */
export function isSageMakerTarget(
  serviceNamespace: string | undefined,
  scalableDimension: string | undefined,
): boolean {
  return (
    serviceNamespace === SAGEMAKER_SERVICE_NAMESPACE ||
    scalableDimension?.startsWith(`${SAGEMAKER_SERVICE_NAMESPACE}:`) === true
  );
}
