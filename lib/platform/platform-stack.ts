import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { Platform } from './platform';
import { checkStage, DEFAULT_REGION } from './stage-configuration';
import type { Stage } from './stage';

/** Properties of {@link PlatformStack}. */
export interface PlatformStackProps {
  /** The stage to deploy. */
  readonly stage: Stage;
}

/**
 * The platform of one stage as a stack, `Tidegate-<stage>`, with the names of its parts as outputs.
 *
 * @example
 * new platform.PlatformStack(app, 'Dev', { stage: { name: 'dev', ... } });
 */
export class PlatformStack extends Stack {
  /** The platform. */
  public readonly platform: Platform;

  public constructor(scope: Construct, id: string, { stage }: PlatformStackProps) {
    throwProblems(`stage ${stage.name}`, checkStage(stage));
    super(scope, id, {
      stackName: `Tidegate-${stage.name}`,
      description: `Tidegate (${stage.name}): a GPU endpoint that scales with its traffic, within a budget`,
      env: { region: stage.region ?? DEFAULT_REGION },
    });
    const platform = new Platform(this, 'Platform', { stage });
    const { endpoint, ingestion, guard, scaleEvents, training, dashboard } = platform;
    const outputs: { readonly [name: string]: string } = {
      StreamName: ingestion.stream.streamName,
      EndpointName: endpoint.endpointName,
      VariantName: endpoint.variantName,
      ResultsBucketName: ingestion.resultsBucket.bucketName,
      GuardTableName: guard.table.tableName,
      ScaleEventsTableName: scaleEvents.table.tableName,
      BudgetParameterName: guard.budgetParameter.parameterName,
      TrainingStateMachineArn: training.stateMachine.stateMachineArn,
      ModelArtifactBucketName: training.modelBucket.bucketName,
      GuardTopicArn: guard.topic.topicArn,
      DashboardName: dashboard.dashboard.dashboardName,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
    this.platform = platform;
  }
}
