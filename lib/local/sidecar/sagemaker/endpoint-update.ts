import { sageMakerArn, variantResourceId } from '../arns';
import { validationError } from '../service-error';
import type { Endpoint, WantedVariant } from './endpoint';
import type { StoredEndpointConfig } from './endpoint-configs';
import type { UpdateEndpointRequest } from './schemas';
import type { VariantSpec } from './variant-spec';

/** Throws a ValidationException while another change of the endpoint runs, or after its creation failed. */
export function refuseWhileChanging(endpoint: Endpoint): void {
  if (!endpoint.isUpdatingConfiguration && endpoint.status !== 'Failed') return;
  throw validationError(
    `Cannot update in-progress endpoint "${sageMakerArn('endpoint', endpoint.name)}" (status ${endpoint.status}).`,
  );
}

/** Throws a ValidationException for a configuration that the endpoint cannot take over. */
export function refuseUpdate(
  endpoint: Endpoint,
  config: StoredEndpointConfig,
  isScalableTarget: (resourceId: string) => boolean,
): void {
  if ((config.asyncOutput === undefined) !== (endpoint.queue === undefined)) {
    throw validationError(
      `The endpoint ${endpoint.name} cannot change between real-time and asynchronous; create another endpoint.`,
    );
  }
  if (endpoint.placement !== undefined || config.specs.some(({ managed }) => managed !== undefined)) {
    throw validationError(
      `The configuration of ${endpoint.name} cannot be changed in the local engine, because inference components run on it; create another endpoint.`,
    );
  }
  refuseScaledChanges(endpoint, config, isScalableTarget);
}

/** SageMaker refuses updates that take a scaled variant away or give it other instance types. */
function refuseScaledChanges(
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

/** What an update asks for: the configuration's own numbers, or those the variants have, where they are retained. */
export function wantedAfterUpdate(
  endpoint: Endpoint,
  config: StoredEndpointConfig,
  request: UpdateEndpointRequest,
): WantedVariant[] {
  const excluded = new Set(request.ExcludeRetainedVariantProperties?.map((property) => property.VariantPropertyType));
  const retain = request.RetainAllVariantProperties === true;
  return config.specs.map((spec) => {
    const present = retain ? endpoint.variantLike(spec) : undefined;
    const count = excluded.has('DesiredInstanceCount') ? undefined : present?.desired;
    const weight = excluded.has('DesiredWeight') ? undefined : present?.weight;
    return { spec, count: count ?? spec.initialInstanceCount, weight: weight ?? spec.initialWeight };
  });
}
