import { Token } from 'aws-cdk-lib';
import {
  lacksQuantization,
  MAX_OPTIMIZATION_IMAGE_LENGTH,
  OPTIMIZATION_ENVIRONMENT,
  OPTIMIZATION_INSTANCE_TYPES,
} from '../catalog/optimization-jobs';
import { nearestNames } from '../core/nearest';
import { checkAutoDeleteObjects } from '../runtime/emptied-bucket';
import { checkKeyPrefix } from '../runtime/key-prefix';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';
import { checkJobNamePrefix } from '../training/training-checks';
import { LanguageModelTechnique, type LanguageModelCompressionProps } from './language-model-props';

/** Variables that the pipeline sets itself. */
const OWN_VARIABLES = ['HF_MODEL_ID', 'OPTION_QUANTIZE'];

/** Longest `maxRuntime`, that of training jobs: SageMaker gives optimisation jobs no other. */
const MAX_RUNTIME_SECONDS = 28 * 86_400;

/** Returns every setting that SageMaker refuses. */
export function checkLanguageModelProps(props: LanguageModelCompressionProps): string[] {
  return [
    ...checkTechnique(props.technique),
    ...checkInstanceType(props.deploymentInstanceType),
    ...checkEnvironment(props.environment ?? {}),
    ...checkImage(props.image),
    ...checkTime(props),
    ...checkKeyPrefix('modelsPrefix', props.modelsPrefix),
    ...checkVpc(props),
    ...checkJobNamePrefix(props.jobNamePrefix),
    ...checkAutoDeleteObjects(props),
  ];
}

function checkTechnique(technique: string): string[] {
  const known: readonly string[] = Object.values(LanguageModelTechnique);
  if (known.includes(technique)) return [];
  return [`technique ('${technique}') is not known; use LanguageModelTechnique.FP8 or LanguageModelTechnique.INT4_AWQ`];
}

function checkInstanceType(type: string): string[] {
  if (Token.isUnresolved(type)) return [];
  if (!OPTIMIZATION_INSTANCE_TYPES.includes(type)) {
    const near = nearestNames(type, OPTIMIZATION_INSTANCE_TYPES).join(', ');
    return [
      `deploymentInstanceType ('${type}') is none for which SageMaker optimises models; use one of the families g4dn to g7e and p4d to p6-b200` +
        (near === '' ? '' : `, such as ${near}`),
    ];
  }
  return lacksQuantization(type)
    ? [`deploymentInstanceType ('${type}') has Neuron chips, for which SageMaker quantises no model; use one with GPUs`]
    : [];
}

function checkEnvironment(environment: { readonly [name: string]: string }): string[] {
  const { maxEntries, maxLength } = OPTIMIZATION_ENVIRONMENT;
  const problems: string[] = [];
  const most = maxEntries - OWN_VARIABLES.length;
  const names = Object.keys(environment);
  if (names.length > most) problems.push(`environment has ${names.length} variables; at most ${most} are allowed`);
  for (const [name, value] of Object.entries(environment)) {
    if (OWN_VARIABLES.includes(name)) {
      problems.push(`environment.${name} is set by the pipeline; leave it out`);
      continue;
    }
    if (name.trim() === '' || name.length > maxLength) {
      problems.push(`environment has a name of ${name.length} characters; 1 to ${maxLength} are allowed`);
    }
    if (!Token.isUnresolved(value) && value.length > maxLength) {
      problems.push(`environment.${name} has ${value.length} characters; at most ${maxLength} are allowed`);
    }
  }
  return problems;
}

function checkImage(image: string | undefined): string[] {
  if (image === undefined || Token.isUnresolved(image) || image.length <= MAX_OPTIMIZATION_IMAGE_LENGTH) return [];
  return [`image has ${image.length} characters; at most ${MAX_OPTIMIZATION_IMAGE_LENGTH} are allowed`];
}

function checkVpc({ vpc, vpcSubnets, securityGroups }: LanguageModelCompressionProps): string[] {
  return vpc === undefined && (vpcSubnets !== undefined || securityGroups !== undefined)
    ? ['vpcSubnets and securityGroups belong to a VPC; give vpc too, or omit them']
    : [];
}

function checkTime({ maxRuntime }: LanguageModelCompressionProps): string[] {
  const problems = checkWholeDurations('seconds', { maxRuntime });
  const seconds = secondsOf(maxRuntime);
  if (seconds < 60 || seconds > MAX_RUNTIME_SECONDS) {
    problems.push(`maxRuntime (${seconds} s) is out of range; a minute to 28 days is allowed`);
  }
  return problems;
}
