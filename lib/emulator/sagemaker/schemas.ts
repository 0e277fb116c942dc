import { z } from 'zod';
import {
  decimal,
  flag,
  keptAsIs,
  notAvailable,
  resourceName,
  s3Uri,
  tags,
  textMap,
  wholeNumber,
} from '../http/schema-parts';
import { RESERVATION_ARN } from '../account/reservations';

/** Form of SageMaker's instance types; the catalog has those that exist. */
export const sageMakerInstanceType = () =>
  z.string().regex(/^ml\.[a-z0-9-]+\.[a-z0-9]+$/, 'must be an instance type such as ml.g5.xlarge');

const containerDefinition = z.strictObject({
  ContainerHostname: z.string().optional(),
  Image: z.string().optional(),
  ImageConfig: keptAsIs().optional(),
  Mode: z.enum(['SingleModel', 'MultiModel']).optional(),
  ModelDataUrl: s3Uri().optional(),
  ModelDataSource: z
    .strictObject({
      S3DataSource: z.strictObject({
        S3Uri: s3Uri(),
        S3DataType: z.enum(['S3Prefix', 'S3Object']),
        CompressionType: z.enum(['None', 'Gzip']),
        ModelAccessConfig: keptAsIs().optional(),
        HubAccessConfig: keptAsIs().optional(),
        ManifestS3Uri: z.string().optional(),
        ETag: z.string().optional(),
        ManifestEtag: z.string().optional(),
      }),
    })
    .optional(),
  AdditionalModelDataSources: z.array(keptAsIs()).optional(),
  Environment: textMap().optional(),
  ModelPackageName: notAvailable('ModelPackageName'),
  InferenceSpecificationName: z.string().optional(),
  MultiModelConfig: keptAsIs().optional(),
});

export const vpcConfigSchema = z.strictObject({
  SecurityGroupIds: z.array(z.string()).min(1).max(5),
  Subnets: z.array(z.string()).min(1).max(16),
});

export const modelSchema = z
  .strictObject({
    ModelName: resourceName(),
    PrimaryContainer: containerDefinition.optional(),
    Containers: z.array(containerDefinition).max(15).optional(),
    InferenceExecutionConfig: keptAsIs().optional(),
    ExecutionRoleArn: z.string().optional(),
    Tags: tags().optional(),
    VpcConfig: vpcConfigSchema.optional(),
    EnableNetworkIsolation: flag().optional(),
  })
  .refine((model) => (model.PrimaryContainer === undefined) !== (model.Containers === undefined), {
    message: 'exactly one of PrimaryContainer and Containers must be given',
  });

/** Source: API reference, PrefixAwareRoutingConfig. */
const routingConfig = z
  .strictObject({
    RoutingStrategy: z.enum(['LEAST_OUTSTANDING_REQUESTS', 'RANDOM', 'PREFIX_AWARE']),
    PrefixAwareRoutingConfig: z
      .strictObject({ PrefixLength: wholeNumber(1024, 65_536), ConcurrencyThreshold: wholeNumber(1, 1024) })
      .optional(),
  })
  .refine((config) => (config.RoutingStrategy === 'PREFIX_AWARE') === (config.PrefixAwareRoutingConfig !== undefined), {
    message: 'PrefixAwareRoutingConfig must be given with the RoutingStrategy PREFIX_AWARE, and only with it',
  });

const capacityReservationConfig = z.strictObject({
  CapacityReservationPreference: z.enum(['capacity-reservations-only']),
  MlReservationArn: z.string().regex(RESERVATION_ARN, 'must be the ARN of an ml-reservation'),
});

const managedInstanceScaling = z.strictObject({
  Status: z.enum(['ENABLED', 'DISABLED']),
  MinInstanceCount: wholeNumber(0).default(1),
  MaxInstanceCount: wholeNumber(1).default(1),
  ScaleInPolicy: z
    .strictObject({
      Strategy: z.enum(['IDLE_RELEASE', 'CONSOLIDATION']).optional(),
      MaximumStepSize: wholeNumber(1).optional(),
      CooldownInMinutes: wholeNumber(5, 1440).optional(),
    })
    .optional(),
});

/** Source: API reference, ProductionVariantServerlessConfig. */
const serverlessConfig = z
  .strictObject({
    MemorySizeInMB: wholeNumber(1024, 6144).refine((memory) => memory % 1024 === 0, {
      message: 'must be 1024, 2048, 3072, 4096, 5120 or 6144',
    }),
    MaxConcurrency: wholeNumber(1, 200),
    ProvisionedConcurrency: wholeNumber(1, 200).optional(),
  })
  .refine((config) => (config.ProvisionedConcurrency ?? 0) <= config.MaxConcurrency, {
    message: 'ProvisionedConcurrency must not be above MaxConcurrency',
  });

const productionVariant = z
  .strictObject({
    VariantName: resourceName(),
    ModelName: resourceName().optional(),
    InstanceType: sageMakerInstanceType().optional(),
    InstancePools: z
      .array(
        z.strictObject({
          InstanceType: sageMakerInstanceType(),
          Priority: wholeNumber(1, 5).optional(),
          ModelNameOverride: notAvailable('ModelNameOverride'),
        }),
      )
      .min(1)
      .max(5)
      .optional(),
    InitialInstanceCount: wholeNumber(1).default(1),
    InitialVariantWeight: decimal(0).default(1),
    ContainerStartupHealthCheckTimeoutInSeconds: wholeNumber(60, 3600).optional(),
    ModelDataDownloadTimeoutInSeconds: wholeNumber(60, 3600).optional(),
    VariantInstanceProvisionTimeoutInSeconds: wholeNumber(300, 3600).optional(),
    VolumeSizeInGB: wholeNumber(1, 512).optional(),
    EnableSSMAccess: flag().optional(),
    InferenceAmiVersion: z.string().optional(),
    RoutingConfig: routingConfig.optional(),
    CoreDumpConfig: keptAsIs().optional(),
    CapacityReservationConfig: capacityReservationConfig.optional(),
    ManagedInstanceScaling: managedInstanceScaling.optional(),
    ServerlessConfig: serverlessConfig.optional(),
    AcceleratorType: notAvailable('AcceleratorType'),
  })
  .refine(
    ({ InstanceType, InstancePools, ServerlessConfig }) =>
      [InstanceType, InstancePools, ServerlessConfig].filter((one) => one !== undefined).length === 1,
    { message: 'exactly one of InstanceType, InstancePools and ServerlessConfig must be given' },
  )
  .refine((variant) => variant.ModelName === undefined || variant.ManagedInstanceScaling === undefined, {
    message: 'ManagedInstanceScaling is for variants without a ModelName, whose models are inference components',
  })
  .refine(
    ({ ManagedInstanceScaling: managed }) =>
      managed === undefined || managed.MinInstanceCount <= managed.MaxInstanceCount,
    { message: 'MinInstanceCount must not be above MaxInstanceCount' },
  );

const includedIn = z.array(z.enum(['SUCCESS_NOTIFICATION_TOPIC', 'ERROR_NOTIFICATION_TOPIC'])).max(2);

const asyncInferenceConfig = z.strictObject({
  ClientConfig: z.strictObject({ MaxConcurrentInvocationsPerInstance: wholeNumber(1, 1000).optional() }).optional(),
  OutputConfig: z.strictObject({
    S3OutputPath: s3Uri(),
    S3FailurePath: s3Uri().optional(),
    KmsKeyId: z.string().optional(),
    NotificationConfig: z
      .strictObject({
        SuccessTopic: z.string().optional(),
        ErrorTopic: z.string().optional(),
        IncludeInferenceResponseIn: includedIn.optional(),
      })
      .optional(),
  }),
});

/** Source: API reference, DataCaptureConfig. */
const dataCaptureConfig = z.strictObject({
  EnableCapture: flag().optional(),
  InitialSamplingPercentage: wholeNumber(0, 100),
  DestinationS3Uri: s3Uri(),
  KmsKeyId: z.string().max(2048).optional(),
  CaptureOptions: z
    .array(z.strictObject({ CaptureMode: z.enum(['Input', 'Output', 'InputAndOutput']) }))
    .min(1)
    .max(32),
  CaptureContentTypeHeader: z
    .strictObject({
      CsvContentTypes: z.array(z.string()).min(1).max(10).optional(),
      JsonContentTypes: z.array(z.string()).min(1).max(10).optional(),
    })
    .optional(),
});

export type DataCaptureConfig = z.output<typeof dataCaptureConfig>;

export const endpointConfigSchema = z.strictObject({
  EndpointConfigName: resourceName(),
  ProductionVariants: z.array(productionVariant).min(1).max(10),
  ShadowProductionVariants: z.array(productionVariant).max(1).optional(),
  AsyncInferenceConfig: asyncInferenceConfig.optional(),
  DataCaptureConfig: dataCaptureConfig.optional(),
  ExplainerConfig: keptAsIs().optional(),
  ExecutionRoleArn: z.string().optional(),
  VpcConfig: vpcConfigSchema.optional(),
  EnableNetworkIsolation: flag().optional(),
  KmsKeyId: z.string().optional(),
  MetricsConfig: z
    .strictObject({
      EnableEnhancedMetrics: flag().optional(),
      EnableDetailedObservability: flag().optional(),
      MetricPublishFrequencyInSeconds: wholeNumber(10, 300).optional(),
    })
    .optional(),
  Tags: tags().optional(),
});

const capacitySize = z.strictObject({
  Type: z.enum(['INSTANCE_COUNT', 'CAPACITY_PERCENT']),
  Value: wholeNumber(1),
});

const deploymentConfigSchema = z
  .strictObject({
    RollingUpdatePolicy: z
      .strictObject({
        MaximumBatchSize: capacitySize,
        WaitIntervalInSeconds: wholeNumber(0, 3600),
        MaximumExecutionTimeoutInSeconds: wholeNumber(600, 28_800).optional(),
        RollbackMaximumBatchSize: capacitySize.optional(),
      })
      .optional(),
    BlueGreenUpdatePolicy: z
      .strictObject({
        TrafficRoutingConfiguration: z.strictObject({
          Type: z.enum(['ALL_AT_ONCE', 'CANARY', 'LINEAR']),
          WaitIntervalInSeconds: wholeNumber(0, 3600),
          CanarySize: capacitySize.optional(),
          LinearStepSize: capacitySize.optional(),
        }),
        TerminationWaitInSeconds: wholeNumber(0, 3600).optional(),
        MaximumExecutionTimeoutInSeconds: wholeNumber(600, 28_800).optional(),
      })
      .optional(),
    AutoRollbackConfiguration: z
      .strictObject({
        Alarms: z
          .array(z.strictObject({ AlarmName: z.string().min(1) }))
          .min(1)
          .max(10),
      })
      .optional(),
  })
  .refine((config) => config.RollingUpdatePolicy === undefined || config.BlueGreenUpdatePolicy === undefined, {
    message: 'only one of RollingUpdatePolicy and BlueGreenUpdatePolicy may be given',
  });

const retained = z.array(
  z.strictObject({ VariantPropertyType: z.enum(['DesiredInstanceCount', 'DesiredWeight', 'DataCaptureConfig']) }),
);

export const createEndpointSchema = z.strictObject({
  EndpointName: resourceName(),
  EndpointConfigName: resourceName(),
  DeploymentConfig: deploymentConfigSchema.optional(),
  Tags: tags().optional(),
});

export const updateEndpointSchema = z.strictObject({
  EndpointName: resourceName(),
  EndpointConfigName: resourceName(),
  RetainAllVariantProperties: flag().optional(),
  ExcludeRetainedVariantProperties: retained.optional(),
  RetainDeploymentConfig: flag().optional(),
  DeploymentConfig: deploymentConfigSchema.optional(),
});

/** Properties of the CloudFormation resource: the input of creation and update. */
export const endpointPropertiesSchema = z.strictObject({
  ...updateEndpointSchema.shape,
  Tags: tags().optional(),
});

export const updateWeightsSchema = z.strictObject({
  EndpointName: resourceName(),
  DesiredWeightsAndCapacities: z
    .array(
      z.strictObject({
        VariantName: resourceName(),
        DesiredWeight: decimal(0).optional(),
        DesiredInstanceCount: wholeNumber(0).optional(),
        ServerlessUpdateConfig: z
          .strictObject({
            MaxConcurrency: wholeNumber(1, 200).optional(),
            ProvisionedConcurrency: wholeNumber(1, 200).optional(),
          })
          .optional(),
      }),
    )
    .min(1),
});

/** CreateProcessingJob, as far as a process on this machine can play it. */
export const processingJobSchema = z.strictObject({
  ProcessingJobName: resourceName(),
  RoleArn: z.string().min(20),
  AppSpecification: z.strictObject({
    ImageUri: z.string(),
    ContainerEntrypoint: z.array(z.string()).min(1).max(100),
    ContainerArguments: z.array(z.string()).max(100).optional(),
  }),
  ProcessingResources: z.strictObject({
    ClusterConfig: z.strictObject({
      InstanceCount: wholeNumber(1, 1),
      InstanceType: sageMakerInstanceType(),
      VolumeSizeInGB: wholeNumber(1),
      VolumeKmsKeyId: z.string().optional(),
    }),
  }),
  ProcessingInputs: z
    .array(
      z.strictObject({
        InputName: z.string(),
        AppManaged: notAvailable('AppManaged'),
        DatasetDefinition: notAvailable('DatasetDefinition'),
        S3Input: z.strictObject({
          S3Uri: s3Uri(),
          LocalPath: z.string(),
          S3DataType: z.enum(['S3Prefix']),
          S3InputMode: z.enum(['File']).optional(),
          S3DataDistributionType: z.enum(['FullyReplicated']).optional(),
          S3CompressionType: z.enum(['None']).optional(),
        }),
      }),
    )
    .max(10)
    .optional(),
  ProcessingOutputConfig: z
    .strictObject({
      Outputs: z
        .array(
          z.strictObject({
            OutputName: z.string(),
            S3Output: z.strictObject({
              S3Uri: s3Uri(),
              LocalPath: z.string(),
              S3UploadMode: z.enum(['EndOfJob']),
            }),
          }),
        )
        .max(10),
      KmsKeyId: z.string().optional(),
    })
    .optional(),
  StoppingCondition: z.strictObject({ MaxRuntimeInSeconds: wholeNumber(1, 777_600) }).optional(),
  Environment: textMap().optional(),
  NetworkConfig: keptAsIs().optional(),
  Tags: tags().optional(),
  ExperimentConfig: keptAsIs().optional(),
});

const componentSpecification = z.strictObject({
  ModelName: resourceName().optional(),
  BaseInferenceComponentName: resourceName().optional(),
  Container: keptAsIs().optional(),
  StartupParameters: keptAsIs().optional(),
  DataCacheConfig: keptAsIs().optional(),
  SchedulingConfig: keptAsIs().optional(),
  ComputeResourceRequirements: z
    .strictObject({
      NumberOfCpuCoresRequired: decimal(0.25).optional(),
      NumberOfAcceleratorDevicesRequired: decimal(1).optional(),
      MinMemoryRequiredInMb: wholeNumber(128),
      MaxMemoryRequiredInMb: wholeNumber(128).optional(),
    })
    .optional(),
});

const copyCount = z.strictObject({ CopyCount: wholeNumber(0) });

export const createComponentSchema = z
  .strictObject({
    InferenceComponentName: resourceName(),
    EndpointName: resourceName(),
    EndpointArn: z.string().optional(),
    VariantName: resourceName().optional(),
    Specification: componentSpecification,
    RuntimeConfig: copyCount.optional(),
    DeploymentConfig: keptAsIs().optional(),
    Tags: tags().optional(),
  })
  .refine(
    ({ Specification: given }) => (given.BaseInferenceComponentName === undefined) !== (given.ModelName === undefined),
    { message: 'exactly one of Specification.ModelName and Specification.BaseInferenceComponentName must be given' },
  )
  .refine(
    ({ Specification: given }) => given.ModelName === undefined || given.ComputeResourceRequirements !== undefined,
    { message: 'Specification.ComputeResourceRequirements must be given' },
  );

export const updateComponentSchema = z.strictObject({
  InferenceComponentName: resourceName(),
  Specification: componentSpecification.optional(),
  RuntimeConfig: copyCount.optional(),
  DeploymentConfig: keptAsIs().optional(),
});

export const updateRuntimeSchema = z.strictObject({
  InferenceComponentName: resourceName(),
  DesiredRuntimeConfig: copyCount,
});

export type CreateComponentRequest = z.output<typeof createComponentSchema>;
export type ComponentSpecification = z.output<typeof componentSpecification>;
export type ModelRequest = z.output<typeof modelSchema>;
export type EndpointConfigRequest = z.output<typeof endpointConfigSchema>;
export type ProductionVariant = EndpointConfigRequest['ProductionVariants'][number];
export type DeploymentConfig = z.output<typeof deploymentConfigSchema>;
export type CreateEndpointRequest = z.output<typeof createEndpointSchema>;
export type UpdateEndpointRequest = z.output<typeof updateEndpointSchema>;
export type UpdateWeightsRequest = z.output<typeof updateWeightsSchema>;
export type ProcessingJobRequest = z.output<typeof processingJobSchema>;
