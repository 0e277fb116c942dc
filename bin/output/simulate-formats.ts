import {
  crossedThresholds,
  thresholdValueText,
  type FailureThreshold,
  type Rehearsal,
} from '../../lib/simulation/rehearse';
import { junitXml, type JunitCase } from './junit';
import { markdownCode, markdownTable, markdownText } from './markdown';

/** Rehearsals and the thresholds that they have to keep. */
export interface RehearsedFleets {
  readonly rehearsals: readonly Rehearsal[];
  readonly thresholds: readonly FailureThreshold[];
}

/** Thresholds as a JUnit report: a suite a fleet, a case a threshold. Without thresholds, each fleet has one case, which passes. */
export function junitOfRehearsals({ rehearsals, thresholds }: RehearsedFleets): string {
  return junitXml(
    'tidegate simulate',
    rehearsals.map((rehearsal) => ({
      name: rehearsal.fleet.resourceId,
      cases:
        thresholds.length === 0
          ? [{ name: 'rehearsed', output: summaryOf(rehearsal) }]
          : thresholds.map((threshold): JunitCase => {
              const crossed = crossingOf(rehearsal, threshold);
              return {
                name: threshold.text,
                ...(crossed !== undefined && { failure: { message: crossed, text: summaryOf(rehearsal) } }),
              };
            }),
    })),
  );
}

/** Rehearsals as a comment on a pull request. */
export function markdownOfRehearsals({ rehearsals, thresholds }: RehearsedFleets): string {
  const crossed = rehearsals.flatMap((rehearsal) =>
    thresholds.flatMap((threshold) => {
      const text = crossingOf(rehearsal, threshold);
      return text === undefined ? [] : [`- ❌ ${markdownCode(rehearsal.fleet.resourceId)}: ${markdownText(text)}`];
    }),
  );
  const kept = thresholds.length === 0 || crossed.length > 0 ? [] : ['✅ Every threshold is kept.'];
  const rows = rehearsals.map((rehearsal) => [
    markdownCode(rehearsal.fleet.resourceId),
    `${rounded(rehearsal.sloPercent, 2)} % (objective ${rehearsal.settings.sloPercent} %)`,
    `${rounded(rehearsal.waitSeconds.p99, 2)} s`,
    `${rounded(droppedOf(rehearsal))} of ${rounded(rehearsal.requests.arrived)}`,
    `${rehearsal.capacity.leastInstances} to ${rehearsal.capacity.peakInstances}`,
    `${rounded(rehearsal.cost.usdPerMonth)} USD`,
  ]);
  const advice = rehearsals.flatMap(({ fleet, advice: changes }) =>
    changes.map(
      ({ title, reason }) => `- ${markdownCode(fleet.resourceId)}: ${markdownText(title)} (${markdownText(reason)})`,
    ),
  );
  return `${[
    `### tidegate simulate: ${crossed.length === 0 ? `${rehearsals.length} rehearsed` : `${crossed.length} crossed`}`,
    ...(crossed.length > 0 ? [crossed.join('\n')] : kept),
    markdownTable(['fleet', 'served well', 'wait p99', 'dropped', 'instances', 'cost per month'], rows),
    ...(advice.length > 0 ? [`**Recommended changes**\n\n${advice.join('\n')}`] : []),
  ].join('\n\n')}\n`;
}

function crossingOf(rehearsal: Rehearsal, threshold: FailureThreshold): string | undefined {
  const [crossed] = crossedThresholds(rehearsal, [threshold]);
  return crossed === undefined ? undefined : thresholdValueText(threshold, crossed.value);
}

function summaryOf(rehearsal: Rehearsal): string {
  return [
    `served well ${rounded(rehearsal.sloPercent, 3)} % (objective ${rehearsal.settings.sloPercent} %)`,
    `wait p99 ${rounded(rehearsal.waitSeconds.p99, 2)} s`,
    `dropped ${rounded(droppedOf(rehearsal))} of ${rounded(rehearsal.requests.arrived)}`,
    `cost ${rounded(rehearsal.cost.usdPerMonth)} USD a month`,
  ].join('\n');
}

function droppedOf({ requests }: Rehearsal): number {
  return requests.timedOut + requests.rejected;
}

function rounded(value: number, decimals = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
