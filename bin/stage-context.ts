import { InputError } from '../lib/core/errors';
import {
  DEFAULT_STAGE,
  ENDPOINT_TOUR_STATES,
  type EndpointTourState,
  LEARNING_TOUR_STATES,
  type LearningTourState,
} from '../lib/platform/contract';
import type { StageConfiguration } from '../lib/platform/stage-configuration';
import { stageConfiguration } from '../lib/platform/stages';

/** Returns a value of the context, of `-c` or of cdk.json; undefined where it is not given. */
type Context = (name: string) => unknown;

/**
 * Returns the stage that the context names, with what the context and the AWS profile add to its configuration.
 *
 * @param profileRegion region of the AWS profile; undefined without one
 * @throws InputError for a value that is not text, or an unknown stage
 */
export function deployedStage(context: Context, profileRegion: string | undefined): StageConfiguration {
  const text = (name: string): string | undefined => textOf(name, context(name));
  const configured = stageConfiguration(text('stage') ?? DEFAULT_STAGE);
  const region = text('region') ?? configured.region ?? profileRegion;
  const priceFile = text('prices') ?? configured.priceFile;
  const email = text('notifyEmail');
  const kafkaCluster = text('kafkaCluster');
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

/**
 * Returns the state of the tour that the context names; undefined without one.
 *
 * @throws InputError for another one
 */
export function tourState(context: Context): EndpointTourState | LearningTourState | undefined {
  const states = [...ENDPOINT_TOUR_STATES, ...LEARNING_TOUR_STATES];
  const value = textOf('tour', context('tour'));
  const state = states.find((one) => one === value);
  if (value === undefined || state !== undefined) return state;
  throw new InputError(`unknown tour state '${value}'; choose with -c tour=STATE, one of ${states.join(', ')}`);
}

/** True for a state of the learning tour, which has a stack of its own. */
export function isLearningTour(state: EndpointTourState | LearningTourState): state is LearningTourState {
  return LEARNING_TOUR_STATES.some((one) => one === state);
}

function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value as string | undefined;
  throw new InputError(
    `the context '${name}' is ${JSON.stringify(value) ?? String(value)}; give text, with -c ${name}=VALUE or in cdk.json, or leave it out`,
  );
}
