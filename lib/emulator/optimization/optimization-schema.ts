import { z } from 'zod';
import {
  MAX_OPTIMIZATION_IMAGE_LENGTH,
  OPTIMIZATION_ENVIRONMENT,
  OPTIMIZATION_INSTANCE_TYPES,
} from '../../catalog/optimization-jobs';
import { flag, notAvailable, resourceName, s3Uri, tags, wholeNumber } from '../http/schema-parts';
import { vpcConfigSchema } from '../sagemaker/schemas';

/** Source of the ranges and lengths here: API reference of CreateOptimizationJob and of its types. */
const environment = () => {
  const { maxEntries, maxLength } = OPTIMIZATION_ENVIRONMENT;
  return z
    .record(z.string().max(maxLength).regex(/\S/, 'a name must not be blank'), z.string().max(maxLength))
    .refine((variables) => Object.keys(variables).length <= maxEntries, {
      message: `at most ${maxEntries} entries are allowed`,
    });
};

const containerConfig = z.strictObject({
  Image: z.string().max(MAX_OPTIMIZATION_IMAGE_LENGTH).regex(/^\S+$/, 'must have no spaces').optional(),
  OverrideEnvironment: environment().optional(),
});

/** One technique; the type is a union, of which a request gives one member. */
const optimizationConfig = z
  .strictObject({
    ModelQuantizationConfig: containerConfig.optional(),
    ModelCompilationConfig: containerConfig.optional(),
    ModelShardingConfig: containerConfig.optional(),
    ModelSpeculativeDecodingConfig: notAvailable('ModelSpeculativeDecodingConfig'),
  })
  .refine((config) => Object.values(config).filter((one) => one !== undefined).length === 1, {
    message:
      'exactly one of ModelQuantizationConfig, ModelCompilationConfig, ModelShardingConfig and ModelSpeculativeDecodingConfig must be given',
  });

/** CreateOptimizationJob, as far as a program on this machine can play it. */
export const optimizationJobSchema = z.strictObject({
  OptimizationJobName: resourceName(),
  RoleArn: z
    .string()
    .min(20)
    .max(2048)
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/?[a-zA-Z_0-9+=,.@\-_/]+$/, 'must be the ARN of a role'),
  ModelSource: z.strictObject({
    S3: z.strictObject({
      S3Uri: s3Uri().max(1024),
      ModelAccessConfig: z.strictObject({ AcceptEula: flag() }).optional(),
    }),
    SageMakerModel: notAvailable('SageMakerModel'),
  }),
  DeploymentInstanceType: z.enum(OPTIMIZATION_INSTANCE_TYPES as [string, ...string[]], {
    error: `must be one of ${OPTIMIZATION_INSTANCE_TYPES.join(', ')}`,
  }),
  MaxInstanceCount: wholeNumber(1).optional(),
  OptimizationEnvironment: environment().optional(),
  OptimizationConfigs: z.array(optimizationConfig).max(10),
  OutputConfig: z.strictObject({
    S3OutputLocation: s3Uri().max(1024),
    KmsKeyId: z.string().max(2048).optional(),
    SageMakerModel: notAvailable('SageMakerModel'),
  }),
  StoppingCondition: z.strictObject({
    MaxRuntimeInSeconds: wholeNumber(1).optional(),
    MaxWaitTimeInSeconds: wholeNumber(1).optional(),
    MaxPendingTimeInSeconds: wholeNumber(1800, 2_419_200).optional(),
  }),
  Tags: tags().max(50).optional(),
  VpcConfig: vpcConfigSchema.optional(),
  TrainingPlanArns: notAvailable('TrainingPlanArns'),
});

export type OptimizationJobRequest = z.output<typeof optimizationJobSchema>;
