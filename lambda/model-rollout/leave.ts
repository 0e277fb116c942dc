import { PermanentError } from '../../lib/core/errors';
import { SHADOW_OF_TAG } from '../../lib/rollout/contract';
import { isSettled } from '../../lib/rollout/decide/deployment';
import { type ChangedEndpoint, update } from './endpoint-update';
import { isShadow, stemOf } from './names';

/** Returns the configuration to which an endpoint returns that loses its shadow. */
export async function withoutShadow({ endpoints }: ChangedEndpoint, shadowConfigName: string): Promise<string> {
  const { tags } = await endpoints.config(shadowConfigName);
  const former = tags.find(({ Key }) => Key === SHADOW_OF_TAG)?.Value;
  if (former !== undefined) return former;
  throw new PermanentError(
    `the configuration ${shadowConfigName} does not say what it was made of (tag ${SHADOW_OF_TAG}); update the endpoint to the one before it`,
  );
}

/**
 * Takes away what an execution that ends early has put on the endpoint: its shadow, whose instances are billed until then, and its alarms. An
 * update after the shadow that is rolled back returns to the configuration with the shadow.
 *
 * @returns name of the configuration in use; undefined while there is more to do, which is looked at again later
 */
export async function leaveEndpoint(changed: ChangedEndpoint, evaluation: string): Promise<string | undefined> {
  const { configuration, endpoints } = changed;
  const current = await endpoints.endpoint(configuration.endpointName);
  if (!isSettled(current)) return undefined;
  if (isShadow(configuration, evaluation, current.configName)) {
    await update(changed, await withoutShadow(changed, current.configName), []);
    return undefined;
  }
  const alarms = await endpoints.alarmsBeginningWith(stemOf(configuration, evaluation));
  await endpoints.deleteAlarms(alarms.flatMap(({ AlarmName }) => AlarmName ?? []));
  return current.configName;
}
