import { numberText, percentText } from '../../lib/simulation/number-text';
import { agreementText, type Agreement, type ComparedFigure } from '../../lib/simulation/agree';
import { junitXml } from './junit';
import { markdownCode, markdownTable, markdownText } from './markdown';

/** Agreements as a JUnit report: a suite a fleet with one case, which fails when the rehearsal does not reproduce the past. */
export function junitOfAgreements(agreements: readonly Agreement[]): string {
  return junitXml(
    'tidegate agree',
    agreements.map((agreement) => {
      const { resourceId, minAgreementPercent, agrees, reasons } = agreement;
      const name = `instances are within one for ${percentText(minAgreementPercent)} of the time`;
      const text = agreementText(agreement);
      return {
        name: resourceId,
        cases: [{ name, ...(agrees ? { output: text } : { failure: { message: reasons.join('; '), text } }) }],
      };
    }),
  );
}

/** Agreements as a comment on a pull request. */
export function markdownOfAgreements(agreements: readonly Agreement[], notCompared: readonly string[]): string {
  const rows = agreements.map((agreement) => [
    markdownCode(agreement.resourceId),
    agreement.agrees ? '✅ agrees' : '❌ does not agree',
    agreement.withinOnePercent === null ? 'not comparable' : percentText(agreement.withinOnePercent),
    errorOf(agreement.instances),
    errorOf(agreement.invocations),
    errorOf(agreement.latencySeconds),
    errorOf(agreement.costUsd),
  ]);
  const differ = agreements.filter(({ agrees }) => !agrees).length;
  const reasons = agreements.flatMap(({ resourceId, reasons: own }) =>
    own.map((reason) => `- ❌ ${markdownCode(resourceId)}: ${markdownText(reason)}`),
  );
  const left = notCompared.map((note) => `- ${markdownText(note)}`);
  return `${[
    `### tidegate agree: ${agreements.length - differ} of ${agreements.length} reproduced`,
    ...(reasons.length + left.length === 0 ? [] : [[...reasons, ...left].join('\n')]),
    markdownTable(['fleet', '', 'within one instance', 'instances', 'invocations', 'latency', 'cost'], rows),
    'Figures are the rehearsal above what was recorded.',
  ].join('\n\n')}\n`;
}

function errorOf(figure: ComparedFigure | null): string {
  if (figure?.errorPercent == null) return 'not recorded';
  const { errorPercent } = figure;
  return `${errorPercent < 0 ? '' : '+'}${numberText(errorPercent, 1)} %`;
}
