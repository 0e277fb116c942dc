import type { SecondsHistogram } from '../fleet';
import type { ServiceTimes } from '../service-times';
import type { SecondsSummary } from './rehearsal';
import type { Provisioning } from './scenario';
import { round } from './timeline';

/** A histogram's quantiles, rounded for print. */
export function summary(histogram: SecondsHistogram): SecondsSummary {
  return {
    mean: round(histogram.mean, 4),
    p50: round(histogram.quantile(0.5), 4),
    p95: round(histogram.quantile(0.95), 4),
    p99: round(histogram.quantile(0.99), 4),
    maximum: round(histogram.maximum, 4),
  };
}

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

export function describeProvisioning(provisioning: Provisioning): string {
  return provisioning.kind === 'lognormal'
    ? `lognormal, median ${provisioning.medianSeconds} s, sigma ${provisioning.sigma}`
    : `${provisioning.seconds.length} measured times`;
}

/** The median of the times from launch to in service, in seconds. */
export function medianProvisioning(provisioning: Provisioning): number {
  if (provisioning.kind === 'lognormal') return provisioning.medianSeconds;
  const sorted = [...provisioning.seconds].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}
