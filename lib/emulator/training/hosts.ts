import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { findInstanceType } from '../../catalog/instance-types';
import type { TrainingJobRequest } from '../sagemaker/schemas';
import {
  decodeHyperparameter,
  hostNames,
  scriptArguments,
  type TrainingCluster,
  type TrainingDirectory,
  trainingDirectory,
  trainingEnvironment,
} from './directory';
import { GroupedProcess, type ProcessEnd } from './process';

/** Host of a job, with the folders that its container has below `/opt/ml`. */
export interface TrainingHost {
  readonly name: string;
  readonly directory: TrainingDirectory;
}

/** Hosts of a job below its folder. */
export function trainingHosts(root: string, count: number): TrainingHost[] {
  return hostNames(count).map((name) => ({ name, directory: trainingDirectory(path.join(root, name)) }));
}

/** Hyperparameter with which SageMaker's PyTorch images start the script by torchrun, one process a GPU, or one a host without GPUs. */
const TORCHRUN = 'sagemaker_torch_distributed_enabled';

function usesTorchrun(job: TrainingJobRequest): boolean {
  const enabled = job.HyperParameters?.[TORCHRUN];
  return enabled !== undefined && decodeHyperparameter(enabled) === true;
}

/** Processes of the script on each host: those that torchrun would start, or else one. */
export function processesPerHost(job: TrainingJobRequest, instanceType: string): number {
  return usesTorchrun(job) ? Math.max(1, gpusOf(instanceType)) : 1;
}

function gpusOf(instanceType: string): number {
  const accelerator = findInstanceType(instanceType)?.accelerator;
  return accelerator?.kind === 'gpu' ? accelerator.count : 0;
}

/** Finds out at which address the processes of a job meet. */
export async function trainingCluster(instanceType: string, hosts: readonly TrainingHost[]): Promise<TrainingCluster> {
  const loopback = Object.entries(os.networkInterfaces()).find(([, addresses]) => addresses?.some((at) => at.internal));
  return {
    instanceType,
    gpus: gpusOf(instanceType),
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
    const perHost = processesPerHost(job, cluster.instanceType);
    this.processes = hosts.flatMap((host, hostIndex) =>
      Array.from({ length: perHost }, (_, localRank) => ({
        host,
        process: new GroupedProcess({
          command: options.python,
          arguments: [path.join(host.directory.code, options.program), ...scriptArguments(job)],
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
            ...(usesTorchrun(job) ? torchrunEnvironment(cluster, { perHost, hostIndex, localRank }) : {}),
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

/** Variables that torchrun gives each process. */
function torchrunEnvironment(
  cluster: TrainingCluster,
  {
    perHost,
    hostIndex,
    localRank,
  }: { readonly perHost: number; readonly hostIndex: number; readonly localRank: number },
): { [name: string]: string } {
  return {
    RANK: String(hostIndex * perHost + localRank),
    LOCAL_RANK: String(localRank),
    LOCAL_WORLD_SIZE: String(perHost),
    WORLD_SIZE: String(cluster.hosts.length * perHost),
    MASTER_ADDR: cluster.masterAddress,
    MASTER_PORT: String(cluster.masterPort),
  };
}
