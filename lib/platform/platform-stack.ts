import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { Platform } from './platform';
import { checkStageConfiguration, regionOf } from './stages';
import type { StageConfiguration } from './stage-configuration';

/** Properties of {@link PlatformStack}. */
export interface PlatformStackProps {
  /** Configuration of the stage to deploy. */
  readonly stage: StageConfiguration;
}

/**
 * Stack `Tidegate-<stage>` with the platform of one stage; its outputs are the names of the parts.
 *
 * @example
 * new platform.PlatformStack(app, 'Dev', { stage });
 */
export class PlatformStack extends Stack {
  /** Platform in the stack. */
  public readonly platform: Platform;

  public constructor(scope: Construct, id: string, props: PlatformStackProps) {
    const { stage } = props;
    throwProblems(`stage ${stage.name}`, checkStageConfiguration(stage));
    super(scope, id, {
      stackName: `Tidegate-${stage.name}`,
      description: `Tidegate (${stage.name}): a GPU endpoint that scales with its traffic, within a budget`,
      env: { region: regionOf(stage) },
    });
    const platform = new Platform(this, 'Platform', { stage });
    const { endpoint, ingestion, kafkaIngestion, guard, scaleEvents, features, training, dashboard } = platform;
    const outputs: { readonly [name: string]: string } = {
      StreamName: ingestion.stream.streamName,
      ...(kafkaIngestion !== undefined && { TopicName: kafkaIngestion.topicName }),
      EndpointName: endpoint.endpointName,
      VariantName: endpoint.variantName,
      ResultsBucketName: ingestion.resultsBucket.bucketName,
      GuardTableName: guard.table.tableName,
      ScaleEventsTableName: scaleEvents.table.tableName,
      BudgetParameterName: guard.budgetParameter.parameterName,
      ...(features !== undefined && {
        FeaturesStateMachineArn: features.stateMachine.stateMachineArn,
        FeaturesBucketName: features.featuresBucket.bucketName,
      }),
      ...(training !== undefined && {
        TrainingStateMachineArn: training.stateMachine.stateMachineArn,
        ModelArtifactBucketName: training.modelBucket.bucketName,
      }),
      GuardTopicArn: guard.topic.topicArn,
      DashboardName: dashboard.dashboard.dashboardName,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
    this.platform = platform;
  }
}
