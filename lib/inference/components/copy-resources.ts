import { SizeRoundingBehavior, Token, type Size } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { findInstanceType } from '../../catalog/instance-types';
import { checkWhole, type Resolved } from '../value-checks';

/** Resources of one copy of a model. */
export interface CopyResourceProps {
  /**
   * Accelerators of one copy.
   *
   * @default 1
   */
  readonly accelerators?: number;

  /** Memory of the instance that one copy reserves, at least 128 MiB. This is the main memory, not that of the accelerators. */
  readonly memory: Size;

  /**
   * Maximum memory of the instance that one copy may use; beyond it the container is stopped.
   *
   * @default - no limit
   */
  readonly maxMemory?: Size;

  /**
   * CPU cores of one copy, at least 0.25.
   *
   * @default - whatever is free
   */
  readonly cpuCores?: number;
}

/** Limits of the SageMaker API reference, InferenceComponentComputeResourceRequirements. */
const MIN_MEMORY_MIB = 128;
const MIN_CPU_CORES = 0.25;

/**
 * Resources of one copy with their defaults.
 *
 * @internal
 */
export interface CopyResources {
  readonly accelerators: number;
  readonly memoryMib: number;
  readonly maxMemoryMib: number | undefined;
  readonly cpuCores: number | undefined;
}

/**
 * Resolves the resources of one copy on instances of some types.
 *
 * @internal
 */
export function resolveCopyResources(
  props: CopyResourceProps,
  instanceTypes: readonly string[],
): Resolved<CopyResources> {
  const rounding = SizeRoundingBehavior.NONE;
  const resources: CopyResources = {
    accelerators: props.accelerators ?? 1,
    memoryMib: props.memory.toMebibytes({ rounding }),
    maxMemoryMib: props.maxMemory?.toMebibytes({ rounding }),
    cpuCores: props.cpuCores,
  };
  return {
    value: resources,
    problems: [...checkAccelerators(resources, instanceTypes), ...checkMemory(resources), ...checkCores(resources)],
  };
}

function checkAccelerators({ accelerators }: CopyResources, instanceTypes: readonly string[]): string[] {
  const problems = checkWhole('accelerators', accelerators, 1, Infinity);
  for (const name of instanceTypes) {
    const count = findInstanceType(name)?.accelerator?.count;
    if (count !== undefined && accelerators > count) {
      problems.push(
        `accelerators (${accelerators}) is more than ${name} has (${count}), so no copy fits; use a larger type or fewer accelerators`,
      );
    }
  }
  return problems;
}

function checkMemory({ memoryMib, maxMemoryMib }: CopyResources): string[] {
  const problems = checkWhole('memory', memoryMib, MIN_MEMORY_MIB, Infinity, 'MiB');
  if (maxMemoryMib === undefined) return problems;
  problems.push(...checkWhole('maxMemory', maxMemoryMib, MIN_MEMORY_MIB, Infinity, 'MiB'));
  if (maxMemoryMib < memoryMib) {
    problems.push(`maxMemory (${maxMemoryMib} MiB) is below memory (${memoryMib} MiB); raise it or lower memory`);
  }
  return problems;
}

function checkCores({ cpuCores }: CopyResources): string[] {
  if (cpuCores === undefined || Token.isUnresolved(cpuCores) || cpuCores >= MIN_CPU_CORES) return [];
  return [`cpuCores (${cpuCores}) must be at least ${MIN_CPU_CORES}`];
}

/**
 * Renders the resources for an inference component.
 *
 * @internal
 */
export function copyResourceConfig(
  resources: CopyResources,
): sagemaker.CfnInferenceComponent.InferenceComponentComputeResourceRequirementsProperty {
  return {
    numberOfAcceleratorDevicesRequired: resources.accelerators,
    numberOfCpuCoresRequired: resources.cpuCores,
    minMemoryRequiredInMb: resources.memoryMib,
    maxMemoryRequiredInMb: resources.maxMemoryMib,
  };
}
