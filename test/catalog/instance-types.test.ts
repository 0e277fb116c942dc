import { findInstanceType, instanceType, instanceTypeNames } from '../../lib/catalog/instance-types';

describe('instance types', () => {
  // [type, accelerator, count, GB each, vCPUs, local NVMe]
  test.each([
    ['ml.g4dn.12xlarge', 'T4', 4, 16, 48, true],
    ['ml.g5.xlarge', 'A10G', 1, 24, 4, true],
    ['ml.g5.48xlarge', 'A10G', 8, 24, 192, true],
    ['ml.g6.16xlarge', 'L4', 1, 24, 64, true],
    ['ml.g6e.24xlarge', 'L40S', 4, 48, 96, true],
    ['ml.g7e.12xlarge', 'RTX PRO 6000', 2, 96, 48, true],
    ['ml.p4de.24xlarge', 'A100', 8, 80, 96, true],
    ['ml.p5.4xlarge', 'H100', 1, 80, 16, true],
    ['ml.inf2.48xlarge', 'Inferentia2', 12, 32, 192, false],
  ])('%s has its accelerators', (name, accelerator, count, memoryGb, vcpus, localNvme) => {
    expect(instanceType(name)).toMatchObject({ accelerator: { name: accelerator, count, memoryGb }, vcpus, localNvme });
  });

  test('marks burstable types and types without an accelerator', () => {
    expect(instanceType('ml.t2.medium')).toMatchObject({ burstable: true });
    expect(instanceType('ml.m5.large').accelerator).toBeUndefined();
  });

  test('offers the nearest names for an unknown one', () => {
    expect(() => instanceType('ml.g5.xlrge')).toThrow(
      "unknown instance type 'ml.g5.xlrge'; nearest known: ml.g5.xlarge",
    );
    expect(findInstanceType('g5.xlarge')).toBeUndefined();
    // A caller of JavaScript may give what is no text.
    expect(() => instanceType(null as unknown as string)).toThrow("unknown instance type 'null'; nearest known: ml.");
  });

  test('names every type once, in the form SageMaker takes', () => {
    const names = instanceTypeNames();
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^ml\.[a-z0-9-]+\.(medium|large|\d*xlarge)$/.test(name))).toBe(true);
  });
});
