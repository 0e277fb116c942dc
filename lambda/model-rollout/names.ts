import { createHash } from 'node:crypto';
import type { RolloutConfiguration } from '../../lib/rollout/contract';

/** Characters of the hashes of the execution and of the former configuration in names. */
const EXECUTION_LENGTH = 12;
const BASE_LENGTH = 4;

export const SHADOW_SUFFIX = '-shadow';

/** Beginning of the names of an execution. */
export const stemOf = ({ namePrefix }: RolloutConfiguration, evaluation: string): string =>
  `${namePrefix}${evaluation.slice(0, EXECUTION_LENGTH)}-`;

/** Folder of the evaluation of an execution, as the state machine names it: `States.Hash`. */
export const evaluationOf = (executionArn: string): string => createHash('md5').update(executionArn).digest('hex');

/**
 * Name of the model, configuration and alarms that an execution derives from a configuration, within the 63 characters of SageMaker. A deployment
 * that changes the endpoint meanwhile gives another name, because configurations cannot be changed.
 */
export function nameOf(configuration: RolloutConfiguration, evaluation: string, baseName: string): string {
  const base = createHash('sha256').update(baseName).digest('hex').slice(0, BASE_LENGTH);
  return `${stemOf(configuration, evaluation)}${base}`;
}

/** True for the configuration of a rollout of an execution. */
export const isOwn = (configuration: RolloutConfiguration, evaluation: string, configName: string): boolean =>
  configName.startsWith(stemOf(configuration, evaluation)) && !configName.endsWith(SHADOW_SUFFIX);

/** True for the configuration with the shadow of an execution. */
export const isShadow = (configuration: RolloutConfiguration, evaluation: string, configName: string): boolean =>
  configName.startsWith(stemOf(configuration, evaluation)) && configName.endsWith(SHADOW_SUFFIX);

/** Name of the shadow of the variant. */
export const shadowName = ({ variantName }: RolloutConfiguration): string =>
  `${variantName.slice(0, 56)}${SHADOW_SUFFIX}`;
