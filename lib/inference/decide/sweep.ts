import type { EpochSeconds } from '../../core/time';

/** Model in the account that was made for one host. */
export interface StoredHostModel {
  readonly name: string;
  readonly createdAt: EpochSeconds;
}

/** Endpoint configuration in the account that was made for one host. */
export interface StoredHostConfig extends StoredHostModel {
  /** Models that it names, in its production and shadow variants. */
  readonly modelNames: readonly string[];
}

/** Names of the configurations and models that something needs. */
export interface HostingNames {
  readonly configNames: readonly string[];
  readonly modelNames: readonly string[];
}

/** Observation of one endpoint or inference component. */
export interface SweepObservation {
  /** True if the host is in service and no deployment is in progress. */
  readonly isSettled: boolean;
  /** Configurations and models that the host runs on. */
  readonly inUse: HostingNames;
  /** All configurations and models that were made for the host. */
  readonly configs: readonly StoredHostConfig[];
  readonly models: readonly StoredHostModel[];
}

/**
 * Decides which replaced configurations and models are deleted. They cost nothing, so whatever may still be needed stays: what the host
 * runs on, what the stack declares, everything while a deployment is in progress, and the predecessor of each for a retention period, to
 * which a failed deployment of the stack returns. A model stays as long as any configuration names it.
 */
export function decideSweep(
  { isSettled, inUse, configs, models }: SweepObservation,
  declared: HostingNames,
  now: EpochSeconds,
  retentionSeconds: number,
): HostingNames {
  if (!isSettled) return { configNames: [], modelNames: [] };
  const isReplaced = (one: StoredHostModel, all: readonly StoredHostModel[]): boolean => {
    const newer = all.map(({ createdAt }) => createdAt).filter((createdAt) => createdAt > one.createdAt);
    return newer.length > 0 && Math.min(...newer) <= now - retentionSeconds;
  };
  const neededConfigs = new Set([...inUse.configNames, ...declared.configNames]);
  const neededModels = new Set([
    ...inUse.modelNames,
    ...declared.modelNames,
    ...configs.flatMap(({ modelNames }) => modelNames),
  ]);
  const swept = (all: readonly StoredHostModel[], needed: ReadonlySet<string>): string[] =>
    all.filter((one) => !needed.has(one.name) && isReplaced(one, all)).map(({ name }) => name);
  return { configNames: swept(configs, neededConfigs), modelNames: swept(models, neededModels) };
}
