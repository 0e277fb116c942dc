import { numberText, percentText, usdText } from '../../lib/simulation/number-text';
import { bestTitle, tuningText, verdictText, type TunedPolicy, type Tuning } from '../../lib/simulation/tune';
import { junitXml } from './junit';
import { markdownCode, markdownTable, markdownText } from './markdown';

/** Tunings as a JUnit report: a suite a fleet with one case, which fails when nothing keeps the objective. */
export function junitOfTunings(tunings: readonly Tuning[]): string {
  return junitXml(
    'tidegate tune',
    tunings.map((tuning) => {
      const name = `a policy serves ${percentText(tuning.settings.sloPercent)} of requests well`;
      const text = tuningText(tuning);
      const failure = { message: verdictText(tuning), text };
      const isKept = tuning.verdict !== 'none-keeps';
      return { name: tuning.resourceId, cases: [{ name, ...(isKept ? { output: text } : { failure }) }] };
    }),
  );
}

/** Tunings as a comment on a pull request, with the constructs to paste. */
export function markdownOfTunings(tunings: readonly Tuning[]): string {
  const rows = tunings.flatMap((tuning) => [
    policyRow(tuning, 'today', tuning.today),
    ...(tuning.best === null ? [] : [policyRow(tuning, bestTitle(tuning), tuning.best)]),
  ]);
  const details = tunings.flatMap(({ resourceId, code, notes }) => [
    ...(code === null ? [] : [`Construct for ${markdownCode(resourceId)}:\n\n\`\`\`ts\n${code.trimEnd()}\n\`\`\``]),
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${markdownText(note)}`).join('\n')]),
  ]);
  return `${[
    `### tidegate tune: ${tunings.length} ${tunings.length === 1 ? 'fleet' : 'fleets'}`,
    tunings.map((tuning) => `- ${markdownCode(tuning.resourceId)}: ${markdownText(verdictText(tuning))}`).join('\n'),
    markdownTable(['fleet', '', 'policy', 'served well', 'cost per month', 'mean instances', 'wait p99'], rows),
    ...details,
  ].join('\n\n')}\n`;
}

function policyRow({ resourceId }: Tuning, title: string, { policy, whole }: TunedPolicy): string[] {
  return [
    markdownCode(resourceId),
    title,
    markdownText(policy),
    percentText(whole.sloPercent),
    usdText(whole.usdPerMonth),
    numberText(whole.meanInstances, 2),
    `${numberText(whole.waitP99Seconds, 2)} s`,
  ];
}
