import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { LOCAL_REGION } from '../credentials';
import { sageMakerArn } from '../account/arns';
import type { TrainingJobRequest } from '../sagemaker/training-schema';

/** Hosts of one instance type. */
export interface HostGroup {
  readonly name: string;
  readonly instanceType: string;
  readonly gpus: number;
  readonly hosts: readonly string[];
}

/** Instances of a job, which are processes on this machine here. */
export interface TrainingCluster {
  readonly groups: readonly HostGroup[];
  /** Names of the hosts in the order of their ranks, `algo-1` first, as SageMaker names them. */
  readonly hosts: readonly string[];
  /** Address and port at which the processes of a distributed job meet. In SageMaker they are the first host and 7777. */
  readonly masterAddress: string;
  readonly masterPort: number;
  readonly networkInterface: string;
}

/** Names of a number of hosts. */
export function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `algo-${index + 1}`);
}

/** Folder that a job's folders are below in a container. */
export const CONTAINER_ROOT = '/opt/ml/';

/** Folders of one job, below `root` as a training container has them below `/opt/ml`. */
export interface TrainingDirectory {
  readonly root: string;
  readonly code: string;
  readonly config: string;
  readonly data: string;
  readonly model: string;
  readonly output: string;
  readonly outputData: string;
  readonly tensorBoard: string;
  readonly tensors: string;
  readonly checkpoints: string;
  readonly log: string;
}

export function trainingDirectory(root: string): TrainingDirectory {
  const at = (...parts: string[]): string => path.join(root, ...parts);
  return {
    root,
    code: at('code'),
    config: at('input', 'config'),
    data: at('input', 'data'),
    model: at('model'),
    output: at('output'),
    outputData: at('output', 'data'),
    tensorBoard: at('output', 'tensorboard'),
    tensors: at('output', 'tensors'),
    checkpoints: at('checkpoints'),
    log: at('training.log'),
  };
}

/** Creates the folders and writes the configuration files of the container contract. */
export async function createDirectory(
  directory: TrainingDirectory,
  job: TrainingJobRequest,
  cluster: TrainingCluster,
  host: string,
): Promise<void> {
  const { code, config, model, outputData, tensorBoard, tensors, checkpoints } = directory;
  const channels = (job.InputDataConfig ?? []).map((channel) => path.join(directory.data, channel.ChannelName));
  for (const folder of [
    code,
    config,
    directory.data,
    model,
    outputData,
    tensorBoard,
    tensors,
    checkpoints,
    ...channels,
  ]) {
    await fs.mkdir(folder, { recursive: true });
  }
  const write = (name: string, value: unknown): Promise<void> =>
    fs.writeFile(path.join(config, name), JSON.stringify(value));
  await write('hyperparameters.json', job.HyperParameters ?? {});
  await write('inputdataconfig.json', inputDataConfig(job));
  await write('resourceconfig.json', resourceConfig(cluster, host));
  if (job.DebugHookConfig !== undefined) await write('debughookconfig.json', job.DebugHookConfig);
}

function inputDataConfig(job: TrainingJobRequest): { [channel: string]: { [setting: string]: string } } {
  return Object.fromEntries(
    (job.InputDataConfig ?? []).map((channel) => [
      channel.ChannelName,
      {
        ContentType: channel.ContentType ?? '',
        TrainingInputMode: channel.InputMode ?? job.AlgorithmSpecification.TrainingInputMode,
        S3DistributionType: channel.DataSource.S3DataSource.S3DataDistributionType ?? 'FullyReplicated',
        RecordWrapperType: channel.RecordWrapperType ?? 'None',
      },
    ]),
  );
}

function resourceConfig(cluster: TrainingCluster, host: string): { [member: string]: unknown } {
  const { name, instanceType } = groupOf(cluster, host);
  return {
    current_host: host,
    current_instance_type: instanceType,
    current_group_name: name,
    hosts: cluster.hosts,
    instance_groups: cluster.groups.map((group) => ({
      instance_group_name: group.name,
      instance_type: group.instanceType,
      hosts: group.hosts,
    })),
    network_interface_name: cluster.networkInterface,
  };
}

function groupOf({ groups }: TrainingCluster, host: string): HostGroup {
  return groups.find(({ hosts }) => hosts.includes(host))!;
}

/** Decodes a hyperparameter: the SDKs send JSON inside text, people send plain text. */
export function decodeHyperparameter(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The caller's hyperparameters, without those that name the program for the container. */
function userHyperparameters(job: TrainingJobRequest): { [name: string]: unknown } {
  return Object.fromEntries(
    Object.entries(job.HyperParameters ?? {})
      .filter(([name]) => !name.startsWith('sagemaker_'))
      .map(([name, value]) => [name, decodeHyperparameter(value)]),
  );
}

/** Command-line arguments of the script, `--name value` in order of name, as SageMaker's training toolkit passes them. */
export function scriptArguments(job: TrainingJobRequest): string[] {
  return Object.entries(userHyperparameters(job))
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([name, value]) => [name.length === 1 ? `-${name}` : `--${name}`, asText(value)]);
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Environment variables of a training container: those of the service and those of SageMaker's container drivers. */
export function trainingEnvironment(
  directory: TrainingDirectory,
  job: TrainingJobRequest,
  cluster: TrainingCluster,
  host: string,
  program: string,
): { [name: string]: string } {
  const hyperparameters = userHyperparameters(job);
  const channels = (job.InputDataConfig ?? []).map((channel) => channel.ChannelName);
  const resources = resourceConfig(cluster, host);
  const group = groupOf(cluster, host);
  const perChannel = channels.map((name) => [`SM_CHANNEL_${variable(name)}`, path.join(directory.data, name)]);
  const perHyperparameter = Object.entries(hyperparameters).map(([name, value]) => [
    `SM_HP_${variable(name)}`,
    asText(value),
  ]);
  const summary = {
    channel_input_dirs: Object.fromEntries(channels.map((name) => [name, path.join(directory.data, name)])),
    current_host: host,
    hosts: cluster.hosts,
    hyperparameters,
    input_dir: path.join(directory.root, 'input'),
    job_name: job.TrainingJobName,
    model_dir: directory.model,
    num_gpus: group.gpus,
    output_data_dir: directory.outputData,
    resource_config: resources,
  };
  return {
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    TRAINING_JOB_NAME: job.TrainingJobName,
    TRAINING_JOB_ARN: sageMakerArn('training-job', job.TrainingJobName),
    SM_MODEL_DIR: directory.model,
    SM_INPUT_DIR: path.join(directory.root, 'input'),
    SM_INPUT_CONFIG_DIR: directory.config,
    SM_OUTPUT_DIR: directory.output,
    SM_OUTPUT_DATA_DIR: directory.outputData,
    SM_CHECKPOINT_DIR: directory.checkpoints,
    SM_INPUT_DATA_CONFIG: JSON.stringify(inputDataConfig(job)),
    SM_RESOURCE_CONFIG: JSON.stringify(resources),
    SM_CHANNELS: JSON.stringify(channels),
    SM_HPS: JSON.stringify(hyperparameters),
    SM_HOSTS: JSON.stringify(cluster.hosts),
    SM_HOST_COUNT: String(cluster.hosts.length),
    SM_CURRENT_HOST: host,
    SM_CURRENT_HOST_RANK: String(cluster.hosts.indexOf(host)),
    SM_CURRENT_INSTANCE_TYPE: group.instanceType,
    SM_CURRENT_INSTANCE_GROUP: group.name,
    SM_CURRENT_INSTANCE_GROUP_HOSTS: JSON.stringify(group.hosts),
    SM_INSTANCE_GROUPS: JSON.stringify(cluster.groups.map(({ name }) => name)),
    SM_IS_HETERO: String(cluster.groups.length > 1),
    SM_NUM_GPUS: String(group.gpus),
    SM_NUM_NEURONS: '0',
    SM_MASTER_ADDR: cluster.masterAddress,
    SM_MASTER_PORT: String(cluster.masterPort),
    SM_NETWORK_INTERFACE_NAME: cluster.networkInterface,
    SM_MODULE_DIR: directory.code,
    SM_MODULE_NAME: program.replace(/\.py$/, ''),
    SM_USER_ARGS: JSON.stringify(scriptArguments(job)),
    SM_TRAINING_ENV: JSON.stringify(summary),
    ...Object.fromEntries(perChannel),
    ...Object.fromEntries(perHyperparameter),
  };
}

const variable = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
