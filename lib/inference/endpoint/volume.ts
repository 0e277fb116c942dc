import { SizeRoundingBehavior, type Size } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { findInstanceType } from '../../catalog/instance-types';
import { acknowledgeVolumeEncryption } from '../../runtime/acknowledge';
import { checkWhole, type Resolved } from '../value-checks';

/** Properties of the volumes of the instances. */
export interface VolumeProps {
  /**
   * Key for the volumes of the instances. Only for types without local NVMe disks, which the hardware encrypts.
   *
   * @default - encryption of the service
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * Size of the volumes of the instances, 1 to 512 GiB. Only for types without local NVMe disks.
   *
   * @default - chosen by SageMaker
   */
  readonly volumeSize?: Size;
}

/** Limit of the SageMaker API reference, ProductionVariant. */
const MAX_GIB = 512;

/**
 * Volumes as they are declared.
 *
 * @internal
 */
export interface Volume {
  readonly encryptionKey: kms.IKey | undefined;
  readonly sizeGib: number | undefined;
}

/**
 * Resolves the volumes of instances of some types.
 *
 * @internal
 */
export function resolveVolume(props: VolumeProps, instanceTypes: readonly string[]): Resolved<Volume> {
  const { encryptionKey } = props;
  const sizeGib = props.volumeSize?.toGibibytes({ rounding: SizeRoundingBehavior.NONE });
  const volume = { encryptionKey, sizeGib };
  return {
    value: volume,
    problems: [
      ...checkLocalDisks(volume, instanceTypes),
      ...(sizeGib === undefined ? [] : checkWhole('volumeSize', sizeGib, 1, MAX_GIB, 'GiB')),
    ],
  };
}

/**
 * Problems of a key or a size for instances with local disks.
 *
 * @internal
 */
export function checkLocalDisks({ encryptionKey, sizeGib }: Volume, instanceTypes: readonly string[]): string[] {
  const nvme = [...new Set(instanceTypes)].filter((name) => findInstanceType(name)?.localNvme === true).join(', ');
  const problems: string[] = [];
  if (nvme !== '' && encryptionKey !== undefined) {
    problems.push(
      `encryptionKey cannot be used with ${nvme}: the hardware encrypts their local NVMe disks and SageMaker refuses a key; omit encryptionKey`,
    );
  }
  if (nvme !== '' && sizeGib !== undefined) {
    problems.push(`volumeSize cannot be used with ${nvme}: the size of their local disks is fixed; omit volumeSize`);
  }
  return problems;
}

/**
 * Accepts the finding on a configuration without a key, where it has none.
 *
 * @internal
 */
export function acknowledgeServiceEncryption(config: sagemaker.CfnEndpointConfig, { encryptionKey }: Volume): void {
  if (encryptionKey !== undefined) return;
  acknowledgeVolumeEncryption(
    config,
    'types with local NVMe disks, which the hardware encrypts, refuse a key, and `encryptionKey` sets one for the others.',
  );
}
