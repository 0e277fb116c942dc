import { variantResourceId } from '../../catalog/scalable-resource';
import { validationError } from '../http/service-error';
import type { StoredEndpointConfig } from '../sagemaker/endpoints/endpoint-configs';
import type { Endpoint } from '../sagemaker/endpoints/endpoint';
import type { VariantSpec } from '../sagemaker/endpoints/variant-spec';

/** Throws a ValidationException for an update that removes a scaled variant or changes its instance types, as SageMaker does. */
export function checkScaledVariants(
  endpoint: Endpoint,
  config: StoredEndpointConfig,
  isScalableTarget: (resourceId: string) => boolean,
): void {
  for (const variant of endpoint.currentVariants()) {
    if (!isScalableTarget(variantResourceId(endpoint.name, variant.name))) continue;
    const next = config.specs.find((spec) => !spec.isShadow && spec.variantName === variant.name);
    const types = (spec: VariantSpec): string => spec.pools.map((pool) => pool.instanceType).join(',');
    if (!next || types(next) !== types(variant.spec)) {
      throw validationError(
        `The variant ${variant.name} is registered as a scalable target: its instance type cannot be changed and it ` +
          'cannot be removed. Deregister the scalable target first.',
      );
    }
  }
}
