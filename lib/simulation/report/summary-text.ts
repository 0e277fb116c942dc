import type { MissCause, Rehearsal } from '../simulator';
import { clock, number } from '../simulator/number-text';

const CAUSES: { readonly [cause in MissCause]: string } = {
  'no-instance': 'no instance in service',
  'no-capacity': 'no capacity to launch',
  provisioning: 'instances still starting',
  guard: 'held down by the cost guard',
  maximum: 'fleet at its maximum',
  reaction: 'before a policy asked for more',
};

/** What a cause is called for people. */
export function causeText(cause: string): string {
  return CAUSES[cause as MissCause] ?? cause;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${number(count)} times`;
}

/** The rehearsal as a screen of text. */
export function summaryText(rehearsal: Rehearsal): string {
  const { fleet, traffic, settings, requests, capacity, cost, scaling } = rehearsal;
  const drops = requests.timedOut + requests.rejected;
  const wait = rehearsal.waitSeconds;
  const latency = rehearsal.latencySeconds;
  const byType = Object.entries(capacity.instanceHoursByType)
    .filter(([, hours]) => hours > 0)
    .map(([type, hours]) => `${type} ${number(hours, 1)} h`)
    .join(', ');
  const rows: [string, string][] = [
    ['traffic', `${traffic.description}`],
    [
      'fleet',
      `${fleet.instanceTypes.join(', then ')}; ${fleet.slotsPerInstance} ${fleet.slotsPerInstance === 1 ? 'request' : 'requests'} at a time each; ${fleet.minCapacity} to ${fleet.maxCapacity} ${fleet.kind === 'inference-component' ? 'copies' : 'instances'}`,
    ],
    ['policies', [...fleet.policies, ...fleet.schedules].join('; ') || 'none'],
    [
      'start',
      `${settings.startInstances} in service; provisioning ${settings.provisioning}; service ${settings.service}`,
    ],
    ['', ''],
    [
      'requests',
      `${number(requests.arrived)} arrived, ${number(requests.completed)} answered, ${number(requests.timedOut)} timed out, ${number(requests.rejected)} refused, ${number(requests.unfinished)} unfinished at the end`,
    ],
    [
      'served well',
      `${rehearsal.sloPercent} % waited at most ${settings.sloWaitSeconds} s and had an answer (objective ${settings.sloPercent} %)`,
    ],
    [
      'wait',
      `p50 ${number(wait.p50, 2)} s, p95 ${number(wait.p95, 2)} s, p99 ${number(wait.p99, 2)} s, longest ${number(wait.maximum, 1)} s`,
    ],
    ['latency', `p50 ${number(latency.p50, 2)} s, p95 ${number(latency.p95, 2)} s, p99 ${number(latency.p99, 2)} s`],
    ['drops', `${number(drops)} (${number(requests.arrived === 0 ? 0 : (100 * drops) / requests.arrived, 3)} %)`],
    [
      'instances',
      `mean ${number(capacity.meanInstances, 2)}, ${capacity.leastInstances} to ${capacity.peakInstances}, ${number(capacity.utilisationPercent, 1)} % of the slots in use; ${byType}`,
    ],
    [
      'cost',
      `${number(cost.usd, 2)} USD; ${number(cost.usdPerMonth, 0)} USD a month; ${number(cost.usdPerMillionRequests, 2)} USD per million requests${cost.budgetUsd === null ? '' : `; budget ${number(cost.budgetUsd)} USD, guard ${cost.guardLevel}`}`,
    ],
    [
      'scaling',
      `${times(scaling.scaleOuts)} out, ${times(scaling.scaleIns)} in${scaling.capacityErrors > 0 ? `, ${scaling.capacityErrors} capacity errors` : ''}`,
    ],
  ];
  const { hindsight } = rehearsal;
  if (hindsight !== undefined) {
    const more =
      hindsight.usdPerMonth > 0
        ? ` (the fleet costs ${number(cost.usdPerMonth / hindsight.usdPerMonth, 2)} times as much)`
        : '';
    rows.push([
      'in hindsight',
      `the best schedule costs ${number(hindsight.usdPerMonth, 0)} USD a month at ${hindsight.sloPercent} %${more}`,
    ]);
  }
  const causes = Object.entries(rehearsal.missedBy).sort(([, a], [, b]) => b - a);
  if (causes.length > 0) {
    rows.push(['badly served', causes.map(([cause, count]) => `${number(count)} ${causeText(cause)}`).join(', ')]);
  }
  const lines = [
    `${fleet.resourceId}  (${fleet.template})`,
    ...rows.map(([name, text]) => (name === '' ? '' : `  ${name.padEnd(13)}${text}`)),
  ];
  if (scaling.actions.length > 0) {
    lines.push('', '  what it did, and why');
    const shown = scaling.actions.slice(0, 12);
    for (const { second, from, to, decidedBy, reason } of shown) {
      lines.push(`    ${clock(second)}  ${from} -> ${to}  ${decidedBy}: ${reason}`);
    }
    if (scaling.actions.length > shown.length)
      lines.push(`    and ${scaling.actions.length - shown.length} more (--json, --report)`);
  }
  lines.push('', '  what to change');
  if (rehearsal.advice.length === 0)
    lines.push('    nothing that would help: the objective is met and no change tried is worth 3 %');
  for (const { title, reason, effect } of rehearsal.advice) {
    lines.push(`    - ${title}`, `      ${reason}`);
    if (effect !== undefined) {
      lines.push(`      rehearsed: ${effect.sloPercent} % served well, ${number(effect.usdPerMonth, 0)} USD a month`);
    }
  }
  if (rehearsal.notes.length > 0) lines.push('', ...rehearsal.notes.map((note) => `  note: ${note}`));
  return lines.join('\n');
}
