import type { FleetBlueprint } from '../blueprint';
import type { Provisioning } from '../fleet';
import type { ServiceTimes } from '../traffic/service-times';

/** Service times in a few words, for reports. */
export function describeService(service: ServiceTimes): string {
  switch (service.kind) {
    case 'tokens': {
      const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = service.profile;
      return `${overheadSeconds} s + context / ${prefillTokensPerSecond} + generated / ${decodeTokensPerSecond} tokens per second`;
    }
    case 'distribution': {
      const { distribution, meanSeconds, coefficientOfVariation } = service;
      const spread = coefficientOfVariation === undefined ? '' : `, coefficient of variation ${coefficientOfVariation}`;
      return `${distribution}, mean ${meanSeconds} s${spread}`;
    }
    case 'measured':
      return `${service.seconds.length} measured times`;
  }
}

/** Provisioning times in a few words, for reports. */
export function describeProvisioning(provisioning: Provisioning): string {
  return provisioning.kind === 'lognormal'
    ? `lognormal, median ${provisioning.medianSeconds} s, sigma ${provisioning.sigma}`
    : `${provisioning.seconds.length} measured times`;
}

/** Median time from launch to in service. */
export function medianProvisioningSeconds(provisioning: Provisioning): number {
  if (provisioning.kind === 'lognormal') return provisioning.medianSeconds;
  const sorted = [...provisioning.seconds].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

/** Note on an assumed concurrency per instance, if the template gives none. */
export function slotNotes({ slotsFrom, slotsPerInstance }: FleetBlueprint): string[] {
  if (slotsFrom !== 'default') return [];
  return [
    `the template does not give the concurrency of an instance; ${slotsPerInstance} requests are assumed ` +
      '(tag tidegate:max-concurrency-per-instance)',
  ];
}
