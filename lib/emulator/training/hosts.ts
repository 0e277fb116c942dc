import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { findInstanceType } from '../../catalog/instance-types';
import type { TrainingJobRequest } from '../sagemaker/training-schema';
import {
  CONTAINER_ROOT,
  decodeHyperparameter,
  hostNames,
  scriptArguments,
  type TrainingCluster,
  type TrainingDirectory,
  trainingDirectory,
  trainingEnvironment,
} from './directory';
import { GroupedProcess, type ProcessEnd } from './process';

/** Instances of one type in a job. */
export interface InstanceGroup {
  readonly name: string;
  readonly type: string;
  readonly count: number;
}

/** Name that SageMaker gives the only group of a job whose instances are alike. */
const HOMOGENEOUS_GROUP = 'homogeneousCluster';

/** Instances that a job may run on, in order of preference: one group each, or the groups of a heterogeneous cluster. */
export function instanceChoices({ ResourceConfig: resources }: TrainingJobRequest): InstanceGroup[][] {
  const { InstanceType, InstanceCount = 1, InstanceGroups, InstancePreferences } = resources;
  const alike = (type: string, count = InstanceCount): InstanceGroup[] => [{ name: HOMOGENEOUS_GROUP, type, count }];
  if (InstanceGroups !== undefined) {
    return [
      InstanceGroups.map((group) => ({
        name: group.InstanceGroupName,
        type: group.InstanceType,
        count: group.InstanceCount,
      })),
    ];
  }
  return (
    InstancePreferences?.map((preference) => alike(preference.InstanceType, preference.InstanceCount)) ?? [
      alike(InstanceType!),
    ]
  );
}

/** Host of a job, with the folders that its container has below `/opt/ml`. */
export interface TrainingHost {
  readonly name: string;
  readonly group: InstanceGroup;
  readonly directory: TrainingDirectory;
}

/** Hosts of a job below its folder. */
export function trainingHosts(root: string, groups: readonly InstanceGroup[]): TrainingHost[] {
  const places = groups.flatMap((group) => Array.from({ length: group.count }, () => group));
  const names = hostNames(places.length);
  return places.map((group, index) => ({
    name: names[index]!,
    group,
    directory: trainingDirectory(path.join(root, names[index]!)),
  }));
}

/** Hyperparameters with which SageMaker's PyTorch images start the script by torchrun, one process a GPU, or one a host without GPUs; and where. */
const TORCHRUN = 'sagemaker_torch_distributed_enabled';
const TORCHRUN_GROUPS = 'sagemaker_distribution_instance_groups';

function usesTorchrun(job: TrainingJobRequest, group: Pick<InstanceGroup, 'name'>): boolean {
  const { [TORCHRUN]: enabled, [TORCHRUN_GROUPS]: groups } = job.HyperParameters ?? {};
  if (enabled === undefined || decodeHyperparameter(enabled) !== true) return false;
  const named = groups === undefined ? undefined : decodeHyperparameter(groups);
  return !Array.isArray(named) || named.includes(group.name);
}

/** Processes of the script on each host of a group: those that torchrun would start, or else one. */
export function processesPerHost(job: TrainingJobRequest, group: Pick<InstanceGroup, 'name' | 'type'>): number {
  return usesTorchrun(job, group) ? Math.max(1, gpusOf(group.type)) : 1;
}

function gpusOf(instanceType: string): number {
  const accelerator = findInstanceType(instanceType)?.accelerator;
  return accelerator?.kind === 'gpu' ? accelerator.count : 0;
}

/** Finds out at which address the processes of a job meet. */
export async function trainingCluster(hosts: readonly TrainingHost[]): Promise<TrainingCluster> {
  const loopback = Object.entries(os.networkInterfaces()).find(([, addresses]) => addresses?.some((at) => at.internal));
  const groups = [...new Set(hosts.map(({ group }) => group))];
  return {
    groups: groups.map((group) => ({
      name: group.name,
      instanceType: group.type,
      gpus: gpusOf(group.type),
      hosts: hosts.filter((host) => host.group === group).map(({ name }) => name),
    })),
    hosts: hosts.map(({ name }) => name),
    masterAddress: '127.0.0.1',
    masterPort: await freePort(),
    networkInterface: loopback?.[0] ?? 'lo',
  };
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** End of a job's processes: the first that failed, or the last one. */
export interface ClusterEnd extends ProcessEnd {
  readonly host: TrainingHost;
}

/** The processes of a job on all of its hosts. They end together: when one fails, the others are ended. */
export class ClusterProcesses {
  public readonly ended: Promise<ClusterEnd>;
  private readonly processes: readonly { readonly host: TrainingHost; readonly process: GroupedProcess }[];

  public constructor(options: {
    readonly job: TrainingJobRequest;
    readonly hosts: readonly TrainingHost[];
    readonly cluster: TrainingCluster;
    readonly python: string;
    readonly program: string;
    readonly environment: { readonly [name: string]: string };
  }) {
    const { job, hosts, cluster } = options;
    const distributed = hosts.filter(({ group }) => usesTorchrun(job, group));
    const worldSize = distributed.reduce((sum, { group }) => sum + processesPerHost(job, group), 0);
    let firstRank = 0;
    const ranked = hosts.map((host) => {
      const place = { host, firstRank, perHost: processesPerHost(job, host.group) };
      if (distributed.includes(host)) firstRank += place.perHost;
      return place;
    });
    this.processes = ranked.flatMap(({ host, firstRank: first, perHost }) =>
      Array.from({ length: perHost }, (_, localRank) => ({
        host,
        process: new GroupedProcess({
          ...commandOf(job, host, options),
          directory: host.directory.code,
          environment: {
            PATH: process.env['PATH'] ?? '/usr/bin:/bin',
            HOME: host.directory.root,
            TMPDIR: host.directory.root,
            LANG: 'C.UTF-8',
            PYTHONUNBUFFERED: '1',
            PYTHONDONTWRITEBYTECODE: '1',
            ...options.environment,
            ...trainingEnvironment(host.directory, job, cluster, host.name, options.program),
            ...(distributed.includes(host)
              ? torchrunEnvironment(cluster, { rank: first + localRank, localRank, perHost, worldSize })
              : {}),
            ...job.Environment,
          },
          logFile: host.directory.log,
        }),
      })),
    );
    this.ended = this.end();
  }

  public kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const { process } of this.processes) process.kill(signal);
  }

  private async end(): Promise<ClusterEnd> {
    let failed: ClusterEnd | undefined;
    const ends = await Promise.all(
      this.processes.map(async ({ host, process }) => {
        const end = { ...(await process.ended), host };
        if (end.exitCode !== 0 && failed === undefined) {
          failed = end;
          this.kill('SIGKILL');
        }
        return end;
      }),
    );
    return failed ?? ends.at(-1)!;
  }
}

/**
 * Command of a job on a host: its own entry point, in which the folders of the container are those of the host, or the script with its hyperparameters as
 * arguments. An entry point finds the hyperparameters in `input/config/hyperparameters.json`.
 */
function commandOf(
  job: TrainingJobRequest,
  { directory }: TrainingHost,
  { python, program }: { readonly python: string; readonly program: string },
): { readonly command: string; readonly arguments: readonly string[] } {
  const { ContainerEntrypoint, ContainerArguments = [] } = job.AlgorithmSpecification;
  if (ContainerEntrypoint === undefined) {
    return { command: python, arguments: [path.join(directory.code, program), ...scriptArguments(job)] };
  }
  const [command, ...rest] = [...ContainerEntrypoint, ...ContainerArguments].map((text) =>
    text.replaceAll(CONTAINER_ROOT, `${directory.root}/`),
  );
  return { command: /^python3?$/.test(command!) ? python : command!, arguments: rest };
}

/** Variables that torchrun gives each process. */
function torchrunEnvironment(
  { masterAddress, masterPort }: TrainingCluster,
  place: { readonly rank: number; readonly localRank: number; readonly perHost: number; readonly worldSize: number },
): { [name: string]: string } {
  return {
    RANK: String(place.rank),
    LOCAL_RANK: String(place.localRank),
    LOCAL_WORLD_SIZE: String(place.perHost),
    WORLD_SIZE: String(place.worldSize),
    MASTER_ADDR: masterAddress,
    MASTER_PORT: String(masterPort),
  };
}
