import { sageMakerArn } from '../../account/arns';
import { validationError } from '../../http/service-error';
import type { Endpoint, WantedVariant } from './endpoint';
import type { StoredEndpointConfig } from './endpoint-configs';
import type { UpdateEndpointRequest } from '../schemas';

/** Throws a ValidationException while another change of the endpoint is in progress, or after its creation failed. */
export function refuseWhileChanging(endpoint: Endpoint): void {
  if (!endpoint.isUpdatingConfiguration && endpoint.status !== 'Failed') return;
  throw validationError(
    `Cannot update in-progress endpoint "${sageMakerArn('endpoint', endpoint.name)}" (status ${endpoint.status}).`,
  );
}

/** Throws a ValidationException for a configuration that the endpoint cannot change to. */
export function refuseUpdate(endpoint: Endpoint, config: StoredEndpointConfig): void {
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
}

/** Requested state after an update: the configuration's own numbers, or the present ones where they are retained. */
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
