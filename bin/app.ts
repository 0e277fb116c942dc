import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { InputError } from '../lib/core/errors';
import { EndpointTourStack } from '../lib/platform/endpoint-tour-stack';
import { LearningTourStack } from '../lib/platform/learning-tour-stack';
import { PlatformStack } from '../lib/platform/platform-stack';
import { PolicyProof } from '../lib/proof/policy-proof';
import { deployedStage, isLearningTour, tourState } from './stage-context';

try {
  // Warnings of the template validation end the synthesis too.
  const app = new App({ postCliContext: { '@aws-cdk/core:strictCfnValidateErrors': true } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PolicyProof({ strict: true }));
  const context = (name: string): unknown => app.node.tryGetContext(name) as unknown;
  // The toolkit sets the region of AWS_REGION or of the profile.
  const stage = deployedStage(context, process.env['CDK_DEFAULT_REGION']);
  const state = tourState(context);
  if (state === undefined) new PlatformStack(app, `Tidegate-${stage.name}`, { stage });
  else if (isLearningTour(state)) {
    new LearningTourStack(app, `Tidegate-${stage.name}-learning-tour`, { stage, state });
  } else new EndpointTourStack(app, `Tidegate-${stage.name}-tour`, { stage, state });
  app.synth();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
