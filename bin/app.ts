import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { InputError } from '../lib/core/errors';
import { EndpointTourStack } from '../lib/platform/endpoint-tour-stack';
import { PlatformStack } from '../lib/platform/platform-stack';
import type { StageConfiguration } from '../lib/platform/stage-configuration';
import { stageConfiguration } from '../lib/platform/stages';
import { DEFAULT_STAGE, TOUR_STATES, type TourState } from '../lib/platform/contract';
import { PolicyProof } from '../lib/proof/policy-proof';

/** Returns the tour state that the context names. */
function tourState(value: unknown): TourState {
  const state = TOUR_STATES.find((one) => one === value);
  if (state !== undefined) return state;
  throw new InputError(
    `unknown tour state '${String(value)}'; choose with -c tour=STATE, one of ${TOUR_STATES.join(', ')}`,
  );
}

/** Returns the stage that the context names, with what the context and the AWS profile add to its configuration. */
function deployedStage(app: App): StageConfiguration {
  const context = (name: string): string | undefined => {
    const value: unknown = app.node.tryGetContext(name);
    return value === undefined ? undefined : String(value);
  };
  const configured = stageConfiguration(context('stage') ?? DEFAULT_STAGE);
  // The toolkit sets the region of AWS_REGION or of the profile.
  const region = context('region') ?? configured.region ?? process.env['CDK_DEFAULT_REGION'];
  const priceFile = context('prices') ?? configured.priceFile;
  const email = context('notifyEmail');
  const kafkaCluster = context('kafkaCluster');
  const { notifications } = configured;
  return {
    ...configured,
    ...(region !== undefined && { region }),
    ...(priceFile !== undefined && { priceFile }),
    ...(kafkaCluster !== undefined && { kafka: { ...configured.kafka, clusterArn: kafkaCluster } }),
    ...(email !== undefined && {
      notifications: { ...notifications, emailAddresses: [...(notifications?.emailAddresses ?? []), email] },
    }),
  };
}

try {
  // Warnings of the template validation end the synthesis too.
  const app = new App({ postCliContext: { '@aws-cdk/core:strictCfnValidateErrors': true } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PolicyProof({ strict: true }));
  const stage = deployedStage(app);
  const tour = app.node.tryGetContext('tour') as unknown;
  if (tour === undefined) new PlatformStack(app, `Tidegate-${stage.name}`, { stage });
  else new EndpointTourStack(app, `Tidegate-${stage.name}-tour`, { stage, state: tourState(tour) });
  app.synth();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
