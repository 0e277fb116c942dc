import { round } from '../number-text';
import type { Agreement, ComparedFigure } from './agreement';

/** Formats an agreement for people. */
export function agreementText(agreement: Agreement): string {
  const { periods, comparedPeriods, comparedPercent, periodSeconds, withinOnePercent, constantFleetPercent } =
    agreement;
  const { profile } = agreement;
  const rows: (readonly [string, ComparedFigure | null, number])[] = [
    ['instances, mean', agreement.instances, 2],
    ['invocations', agreement.invocations, 0],
    ['requests in an instance, mean', agreement.concurrencyPerInstance, 2],
    ['latency of the model, mean s', agreement.latencySeconds, 3],
    ['cost of instances in service, USD', agreement.costUsd, 2],
  ];
  return [
    agreement.resourceId,
    `  compared        ${comparedPeriods} of ${periods} periods of ${periodSeconds} s (${comparedPercent} %); gaps of the recording count as nothing`,
    `  within one      ${withinOnePercent === null ? 'not comparable' : `${withinOnePercent} % of the compared time`}` +
      (constantFleetPercent === null ? '' : ` (a fleet that never scales: ${constantFleetPercent} %)`),
    '',
    `  ${'figure'.padEnd(34)}${'recorded'.padStart(14)}${'rehearsed'.padStart(14)}${'error'.padStart(11)}`,
    ...rows.map(([name, figure, digits]) => `  ${name.padEnd(34)}${columns(figure, digits)}`),
    '',
    ...(profile === null
      ? ['  profile         none was measured']
      : [
          `  profile         mean ${round(profile.meanSeconds, 4)} s from ${profile.periods} periods, ` +
            (profile.againstLatencyPercent === null
              ? 'no latency recorded to hold it against'
              : `${signed(profile.againstLatencyPercent)} against the recorded latency`) +
            `; from the 10th to the 90th percentile of periods ${profile.spreadPercent} % of the median`,
        ]),
    agreement.agrees
      ? `  agrees: the rehearsal reproduces the recorded past (at least ${agreement.minAgreementPercent} % within one)`
      : `  does not agree: ${agreement.reasons.join('; ')}`,
  ].join('\n');
}

function columns(figure: ComparedFigure | null, digits: number): string {
  if (figure === null) return 'not recorded'.padStart(14);
  const { recorded, rehearsed, errorPercent } = figure;
  const error = errorPercent === null ? '-' : signed(errorPercent);
  return `${recorded.toFixed(digits).padStart(14)}${rehearsed.toFixed(digits).padStart(14)}${error.padStart(11)}`;
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${round(percent, 1)} %`;
}
