import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { InputError } from '../lib/core/errors';
import { PlatformStack } from '../lib/platform/platform-stack';
import { DEFAULT_STAGE, stageConfiguration } from '../lib/platform/stage-configuration';
import { PolicyProof } from '../lib/proof/policy-proof';

try {
  // Warnings of the template validation end the synthesis too.
  const app = new App({ postCliContext: { '@aws-cdk/core:strictCfnValidateErrors': true } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PolicyProof({ strict: true }));
  const stage = stageConfiguration(String(app.node.tryGetContext('stage') ?? DEFAULT_STAGE));
  new PlatformStack(app, `Tidegate-${stage.name}`, { stage });
  app.synth();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
