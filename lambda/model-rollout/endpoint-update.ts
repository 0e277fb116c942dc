import { HOSTED_BY_TAG } from '../../lib/inference/contract';
import type { RolloutCandidate, RolloutConfiguration } from '../../lib/rollout/contract';
import type { DeploymentConfig, EndpointDeployments, Tag } from '../clients/endpoint-deployments';
import { alarmLike, modelLike, variantOf, watchesConfig } from './endpoint-change';

/** Endpoint that is changed. */
export interface ChangedEndpoint {
  readonly configuration: RolloutConfiguration;
  readonly endpoints: EndpointDeployments;
}

/** Artifact that the endpoint's variant serves under a configuration. */
export async function servedModel(
  { endpoints, configuration }: ChangedEndpoint,
  configName: string,
): Promise<string | undefined> {
  const { config } = await endpoints.config(configName);
  const { PrimaryContainer } = await endpoints.model(variantOf(config, configuration.variantName).ModelName!);
  return PrimaryContainer?.ModelDataSource?.S3DataSource?.S3Uri ?? PrimaryContainer?.ModelDataUrl;
}

/** Creates the model of a candidate, like the one that the endpoint serves. */
export async function createCandidateModel(
  { endpoints, configuration }: ChangedEndpoint,
  modelName: string,
  name: string,
  { modelDataUrl }: RolloutCandidate,
): Promise<void> {
  const tags: Tag[] = [{ Key: HOSTED_BY_TAG, Value: configuration.hostedBy }];
  await endpoints.createModel(modelLike(await endpoints.model(modelName), name, modelDataUrl, tags));
}

/** Alarms that roll the update back: those of the endpoint, and copies of those that watch one configuration alone. */
export async function watchingAlarms(
  { endpoints, configuration }: ChangedEndpoint,
  name: string,
): Promise<{ readonly all: readonly string[]; readonly created: readonly string[] }> {
  const { AutoRollbackConfiguration } = configuration.deployment as DeploymentConfig;
  const names = (AutoRollbackConfiguration?.Alarms ?? []).flatMap(({ AlarmName }) => AlarmName ?? []);
  const found = await endpoints.alarms(names);
  const all: string[] = [];
  const created: string[] = [];
  for (const [index, alarmName] of names.entries()) {
    const alarm = found.find((one) => one.AlarmName === alarmName);
    if (alarm === undefined || !watchesConfig(alarm)) {
      all.push(alarmName);
      continue;
    }
    const copy = `${name}-${index}`;
    await endpoints.putAlarm(alarmLike(alarm, copy, name));
    all.push(copy);
    created.push(copy);
  }
  return { all, created };
}

/** Begins an update of the endpoint, watched by alarms. */
export async function update(
  { endpoints, configuration }: ChangedEndpoint,
  configName: string,
  alarmNames: readonly string[],
): Promise<void> {
  const { AutoRollbackConfiguration: _replaced, ...deployment } = configuration.deployment as DeploymentConfig;
  await endpoints.updateEndpoint({
    EndpointName: configuration.endpointName,
    EndpointConfigName: configName,
    RetainAllVariantProperties: true,
    DeploymentConfig: {
      ...deployment,
      ...(alarmNames.length > 0 && {
        AutoRollbackConfiguration: { Alarms: alarmNames.map((AlarmName) => ({ AlarmName })) },
      }),
    },
  });
}
