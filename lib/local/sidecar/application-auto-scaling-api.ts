import type { EpochSeconds } from '../../core/time';
import { callApplicationAutoScaling } from '../../simulation/application-auto-scaling';
import type { Scaling } from './scaling';
import { ServiceError } from './service-error';

type Json = { readonly [member: string]: unknown };

/** Answers one call of the Application Auto Scaling API by the name of its operation. */
export function callScaling(
  parts: { readonly scaling: Scaling; readonly onChange: () => void },
  operation: string,
  input: Json,
  at: EpochSeconds,
): Json {
  const { status, body } = callApplicationAutoScaling(parts.scaling.service, operation, input, at);
  if (status !== 200) {
    const { __type, message } = body as { __type?: string; message?: string };
    throw new ServiceError(__type ?? 'InternalServiceException', message ?? 'the call was refused', status);
  }
  if (!operation.startsWith('Describe') && !operation.startsWith('List')) parts.onChange();
  return body;
}
