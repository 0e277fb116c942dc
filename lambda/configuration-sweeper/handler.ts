import { hostedBy, type SweeperConfiguration, type SweptHost } from '../../lib/inference/contract';
import { decideSweep, type HostingNames } from '../../lib/inference/decide/sweep';
import type { HostingConfigurations } from '../clients/hosting-configurations';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';

/** Everything outside the handler. */
export interface SweeperDependencies {
  readonly configuration: SweeperConfiguration;
  readonly hosting: HostingConfigurations;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Deletes the endpoint configurations and models that updates replaced and nothing needs any more.
 *
 * A host that cannot be read loses nothing, and one that fails keeps no other from being swept. Deleting twice is harmless, so the next
 * run makes up for a failed one.
 */
export function createHandler(deps: SweeperDependencies): () => Promise<HostingNames> {
  const { configuration, hosting, clock, logger } = deps;
  return async () => {
    const configs = await hosting.taggedConfigs();
    const models = await hosting.taggedModels();
    const declared = {
      configNames: configuration.declaredConfigNames,
      modelNames: configuration.declaredModelNames,
    };
    const deleted = { configNames: [] as string[], modelNames: [] as string[] };
    const failures: string[] = [];

    const sweep = async (host: SweptHost): Promise<void> => {
      const own = (one: { readonly hostedBy: string }): boolean => one.hostedBy === hostedBy(host);
      // The last look before deleting: what a deployment has taken into use since is in it.
      const { isSettled, names: inUse } = await hosting.inUse(host);
      const observation = { isSettled, inUse, configs: configs.filter(own), models: models.filter(own) };
      const swept = decideSweep(observation, declared, clock.now(), configuration.retentionSeconds);
      for (const name of swept.configNames) {
        await hosting.deleteConfig(name);
        deleted.configNames.push(name);
      }
      for (const name of swept.modelNames) {
        await hosting.deleteModel(name);
        deleted.modelNames.push(name);
      }
    };
    for (const host of configuration.hosts) {
      try {
        await sweep(host);
      } catch (error) {
        failures.push(`${hostedBy(host)}: ${String(error)}`);
      }
    }
    logger.info('replaced configurations swept', { hosts: configuration.hosts.map(hostedBy), ...deleted, failures });
    if (failures.length > 0) throw new Error(`some hosts could not be swept: ${failures.join('; ')}`);
    return deleted;
  };
}
