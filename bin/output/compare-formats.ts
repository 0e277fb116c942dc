import { comparisonWindow, type Comparison } from '../../lib/simulation/compare';
import { numberText, percentText } from '../../lib/simulation/number-text';
import { markdownCode, markdownTable, markdownText } from './markdown';

/** A comparison as a comment on a pull request. */
export function markdownOfComparison(comparison: Comparison): string {
  const { settings, policies, clairvoyant, bound } = comparison;
  const rows = policies.map(({ name, costRatio, sloRatio, waitSeconds, instanceHours, scaleActions }) => [
    markdownCode(name),
    `${numberText(costRatio, 3)}×`,
    percentText(100 * sloRatio),
    `${numberText(waitSeconds.p95, 2)} s`,
    `${numberText(waitSeconds.p99, 2)} s`,
    numberText(instanceHours, 1),
    numberText(scaleActions, 0),
  ]);
  return `${[
    `### tidegate compare: ${policies.length} policies`,
    markdownText(
      `${comparisonWindow(comparison)}; ${settings.slotsPerInstance} requests at once in an instance, ${settings.serviceMeanSeconds} s each, ` +
        `${settings.provisioningSeconds} s to start, on time within ${settings.sloWaitSeconds} s, worst of ${settings.seeds} seeds`,
    ),
    markdownTable(['policy', 'cost', 'on time', 'wait p95', 'wait p99', 'instance-hours', 'changes'], rows),
    `Cost 1 is that of the clairvoyant, ${numberText(clairvoyant.instanceHours, 1)} instance-hours; no schedule has less than ${numberText(bound.instanceHours, 1)}.`,
  ].join('\n\n')}\n`;
}
