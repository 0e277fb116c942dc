import { z } from 'zod';
import { flag, keptAsIs, notAvailable, resourceName, s3Uri, tags, textMap, wholeNumber } from '../http/schema-parts';
import { sageMakerInstanceType, vpcConfigSchema } from './schemas';

/** Source of the ranges and lengths here: API reference of CreateTrainingJob and of its types. */
const groupName = () => z.string().min(1).max(64);
const keepAliveSeconds = () => wholeNumber(0, 21_600);
const localPath = () => z.string().max(4096);

const s3DataSource = z.strictObject({
  S3DataType: z.enum(['S3Prefix', 'ManifestFile'], {
    error: 'the local engine reads S3Prefix and ManifestFile only',
  }),
  S3Uri: s3Uri(),
  S3DataDistributionType: z.enum(['FullyReplicated', 'ShardedByS3Key']).optional(),
  AttributeNames: notAvailable('AttributeNames'),
  InstanceGroupNames: z.array(groupName()).max(5).optional(),
  ModelAccessConfig: z.strictObject({ AcceptEula: flag() }).optional(),
  HubAccessConfig: notAvailable('HubAccessConfig'),
});

const channel = z
  .strictObject({
    ChannelName: z.string().regex(/^[A-Za-z0-9.\-_]{1,64}$/, 'must match [A-Za-z0-9.\\-_]+'),
    DataSource: z.strictObject({
      S3DataSource: s3DataSource,
      FileSystemDataSource: notAvailable('FileSystemDataSource'),
      DatasetSource: notAvailable('DatasetSource'),
    }),
    ContentType: z.string().max(256).optional(),
    CompressionType: z.enum(['None', 'Gzip']).optional(),
    RecordWrapperType: z.enum(['None', 'RecordIO']).optional(),
    InputMode: z
      .enum(['File', 'FastFile'], { error: 'the local engine has no pipes; use File or FastFile' })
      .optional(),
    ShuffleConfig: z.strictObject({ Seed: wholeNumber(Number.MIN_SAFE_INTEGER) }).optional(),
  })
  .refine(
    ({ CompressionType = 'None', RecordWrapperType = 'None' }) =>
      CompressionType === 'None' && RecordWrapperType === 'None',
    {
      message: 'CompressionType and RecordWrapperType are for the input mode Pipe; leave them unset or None',
    },
  );

const experimentName = () =>
  z.string().regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}$/, 'must match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}');

const configMap = () =>
  textMap().refine((map) => Object.entries(map).every(([key, value]) => key.length <= 256 && value.length <= 256), {
    message: 'keys and values have at most 256 characters',
  });
const upTo20 = () => configMap().refine((map) => Object.keys(map).length <= 20, { message: 'at most 20 entries' });

const debugHookConfig = z.strictObject({
  LocalPath: localPath().optional(),
  S3OutputPath: s3Uri(),
  HookParameters: upTo20().optional(),
  CollectionConfigurations: z
    .array(z.strictObject({ CollectionName: z.string().min(1).max(256), CollectionParameters: upTo20().optional() }))
    .max(20)
    .optional(),
});

const PROFILING_MILLISECONDS = [100, 200, 500, 1000, 5000, 60_000];

const profilerConfig = z
  .strictObject({
    S3OutputPath: s3Uri().optional(),
    ProfilingIntervalInMilliseconds: wholeNumber(0)
      .refine((interval) => PROFILING_MILLISECONDS.includes(interval), {
        message: `must be one of ${PROFILING_MILLISECONDS.join(', ')}`,
      })
      .optional(),
    ProfilingParameters: upTo20().optional(),
    DisableProfiler: flag().optional(),
  })
  .refine((config) => config.DisableProfiler === true || config.S3OutputPath !== undefined, {
    message: 'S3OutputPath must be given unless DisableProfiler is true',
  });

const resourceConfig = z
  .strictObject({
    InstanceType: sageMakerInstanceType().optional(),
    InstanceCount: wholeNumber(1).optional(),
    InstanceGroups: z
      .array(
        z.strictObject({
          InstanceGroupName: groupName(),
          InstanceType: sageMakerInstanceType(),
          InstanceCount: wholeNumber(1),
        }),
      )
      .min(1)
      .max(5)
      .optional(),
    InstancePreferences: z
      .array(
        z.strictObject({
          InstanceType: sageMakerInstanceType(),
          InstanceCount: wholeNumber(1).optional(),
          TrainingPlanArns: notAvailable('TrainingPlanArns'),
        }),
      )
      .min(1)
      .max(5)
      .optional(),
    VolumeSizeInGB: wholeNumber(0).optional(),
    VolumeKmsKeyId: z.string().max(2048).optional(),
    KeepAlivePeriodInSeconds: keepAliveSeconds().optional(),
    TrainingPlanArn: notAvailable('TrainingPlanArn'),
    InstancePlacementConfig: notAvailable('InstancePlacementConfig'),
  })
  .superRefine(({ InstanceType, InstanceCount, InstanceGroups, InstancePreferences }, context) => {
    const refuse = (message: string): void => void context.addIssue({ code: 'custom', message });
    if ([InstanceType, InstanceGroups, InstancePreferences].filter((one) => one !== undefined).length !== 1) {
      refuse('exactly one of InstanceType, InstanceGroups and InstancePreferences must be given');
    }
    if (InstanceGroups !== undefined) {
      if (InstanceCount !== undefined) refuse('InstanceCount cannot be used with InstanceGroups');
      if (new Set(InstanceGroups.map((group) => group.InstanceGroupName)).size < InstanceGroups.length) {
        refuse('the names of InstanceGroups must be unique');
      }
    }
    if (InstancePreferences !== undefined) {
      const counted = InstancePreferences.filter((preference) => preference.InstanceCount !== undefined).length;
      const isPerPreference = counted === InstancePreferences.length && InstanceCount === undefined;
      if (!isPerPreference && !(counted === 0 && InstanceCount !== undefined)) {
        refuse('InstanceCount must be given for every one of InstancePreferences, or once in ResourceConfig');
      }
      if (new Set(InstancePreferences.map((preference) => preference.InstanceType)).size < InstancePreferences.length) {
        refuse('an instance type can appear only once in InstancePreferences');
      }
    }
  });

const stoppingCondition = z.strictObject({
  MaxRuntimeInSeconds: wholeNumber(1, 2_419_200).optional(),
  MaxWaitTimeInSeconds: wholeNumber(1).optional(),
  MaxPendingTimeInSeconds: wholeNumber(1800, 2_419_200).optional(),
});

/** CreateTrainingJob, as far as processes on this machine can play it. */
export const trainingJobSchema = z
  .strictObject({
    TrainingJobName: resourceName(),
    RoleArn: z.string().min(20),
    AlgorithmSpecification: z.strictObject({
      TrainingImage: z.string().max(255).optional(),
      AlgorithmName: notAvailable('AlgorithmName'),
      TrainingInputMode: z.enum(['File', 'FastFile']),
      MetricDefinitions: z
        .array(z.strictObject({ Name: z.string().min(1).max(255), Regex: z.string().min(1).max(500) }))
        .max(40)
        .optional(),
      EnableSageMakerMetricsTimeSeries: flag().optional(),
      // Source: API reference, AlgorithmSpecification.
      ContainerEntrypoint: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
      ContainerArguments: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
      TrainingImageConfig: keptAsIs().optional(),
    }),
    HyperParameters: textMap()
      .refine((map) => Object.keys(map).length <= 100, { message: 'at most 100 hyperparameters are allowed' })
      .optional(),
    InputDataConfig: z.array(channel).max(20).optional(),
    OutputDataConfig: z.strictObject({
      S3OutputPath: s3Uri(),
      KmsKeyId: z.string().max(2048).optional(),
      CompressionType: z.enum(['GZIP'], { error: 'the local engine packs models by GZIP only' }).optional(),
    }),
    ResourceConfig: resourceConfig,
    StoppingCondition: stoppingCondition,
    CheckpointConfig: z.strictObject({ S3Uri: s3Uri(), LocalPath: localPath().optional() }).optional(),
    EnableManagedSpotTraining: flag().optional(),
    EnableNetworkIsolation: flag().optional(),
    EnableInterContainerTrafficEncryption: flag().optional(),
    Environment: textMap()
      .refine((map) => Object.keys(map).length <= 100, { message: 'at most 100 environment variables are allowed' })
      .refine(
        (map) => Object.entries(map).every(([key, value]) => /^[a-zA-Z_]\w{0,511}$/.test(key) && value.length <= 512),
        { message: 'names must match [a-zA-Z_][a-zA-Z0-9_]*, and values have at most 512 characters' },
      )
      .optional(),
    RetryStrategy: z.strictObject({ MaximumRetryAttempts: wholeNumber(1, 30) }).optional(),
    VpcConfig: vpcConfigSchema.optional(),
    Tags: tags().max(50).optional(),
    ExperimentConfig: z
      .strictObject({
        ExperimentName: experimentName().optional(),
        TrialName: experimentName().optional(),
        TrialComponentDisplayName: experimentName().optional(),
        RunName: experimentName().optional(),
      })
      .optional(),
    TensorBoardOutputConfig: z.strictObject({ LocalPath: localPath().optional(), S3OutputPath: s3Uri() }).optional(),
    DebugHookConfig: debugHookConfig.optional(),
    DebugRuleConfigurations: notAvailable('DebugRuleConfigurations'),
    ProfilerConfig: profilerConfig.optional(),
    ProfilerRuleConfigurations: notAvailable('ProfilerRuleConfigurations'),
    RemoteDebugConfig: z.strictObject({ EnableRemoteDebug: flag().optional() }).optional(),
    InfraCheckConfig: z.strictObject({ EnableInfraCheck: flag().optional() }).optional(),
    SessionChainingConfig: z.strictObject({ EnableSessionTagChaining: flag().optional() }).optional(),
    MlflowConfig: notAvailable('MlflowConfig'),
    ServerlessJobConfig: notAvailable('ServerlessJobConfig'),
    ModelPackageConfig: notAvailable('ModelPackageConfig'),
  })
  .superRefine((job, context) => {
    const refuse = (message: string): void => void context.addIssue({ code: 'custom', message });
    const groups = job.ResourceConfig.InstanceGroups?.map((group) => group.InstanceGroupName) ?? [];
    for (const { ChannelName, DataSource } of job.InputDataConfig ?? []) {
      const unknown = (DataSource.S3DataSource.InstanceGroupNames ?? []).filter((name) => !groups.includes(name));
      if (unknown.length > 0)
        refuse(`channel ${ChannelName} names groups that are not in InstanceGroups: ${unknown.join(', ')}`);
    }
    if (job.ResourceConfig.KeepAlivePeriodInSeconds) {
      if (job.EnableManagedSpotTraining) refuse('KeepAlivePeriodInSeconds cannot be used with managed spot training');
      if (groups.length > 0) refuse('KeepAlivePeriodInSeconds cannot be used with InstanceGroups');
    }
    const stop = job.StoppingCondition;
    if (!job.EnableManagedSpotTraining) {
      if (stop.MaxWaitTimeInSeconds !== undefined) refuse('MaxWaitTimeInSeconds needs EnableManagedSpotTraining');
      return;
    }
    if (job.ResourceConfig.InstancePreferences !== undefined) {
      refuse('InstancePreferences cannot be used with managed spot training');
    }
    if (stop.MaxWaitTimeInSeconds === undefined || stop.MaxWaitTimeInSeconds < (stop.MaxRuntimeInSeconds ?? 86_400)) {
      refuse('managed spot training needs a MaxWaitTimeInSeconds of at least MaxRuntimeInSeconds');
    }
  });

/** UpdateTrainingJob, as far as it concerns warm pools. */
export const trainingJobUpdateSchema = z.strictObject({
  TrainingJobName: resourceName(),
  ResourceConfig: z.strictObject({ KeepAlivePeriodInSeconds: keepAliveSeconds() }),
  ProfilerConfig: notAvailable('ProfilerConfig'),
  ProfilerRuleConfigurations: notAvailable('ProfilerRuleConfigurations'),
  RemoteDebugConfig: notAvailable('RemoteDebugConfig'),
});

export type TrainingJobRequest = z.output<typeof trainingJobSchema>;
export type TrainingJobChannel = z.output<typeof channel>;
