import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { InputError } from '../lib/core/errors';
import { EndpointTourStack } from '../lib/platform/endpoint-tour-stack';
import { PlatformStack } from '../lib/platform/platform-stack';
import { DEFAULT_STAGE, stageConfiguration } from '../lib/platform/stage-configuration';
import { TOUR_STATES, type TourState } from '../lib/platform/contract';
import { PolicyProof } from '../lib/proof/policy-proof';

/** The state of the tour that the context names. */
function tourState(value: unknown): TourState {
  const state = TOUR_STATES.find((one) => one === value);
  if (state !== undefined) return state;
  throw new InputError(
    `unknown tour state '${String(value)}'; choose with -c tour=STATE, one of ${TOUR_STATES.join(', ')}`,
  );
}

try {
  // Warnings of the template validation end the synthesis too.
  const app = new App({ postCliContext: { '@aws-cdk/core:strictCfnValidateErrors': true } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PolicyProof({ strict: true }));
  const stage = stageConfiguration(String(app.node.tryGetContext('stage') ?? DEFAULT_STAGE));
  const tour = app.node.tryGetContext('tour') as unknown;
  if (tour === undefined) new PlatformStack(app, `Tidegate-${stage.name}`, { stage });
  else new EndpointTourStack(app, `Tidegate-${stage.name}-tour`, { stage, state: tourState(tour) });
  app.synth();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
