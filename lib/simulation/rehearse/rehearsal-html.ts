import { Clock } from '../clock';
import { durationText, numberText, percentText } from '../number-text';
import { definitions, escapeHtml, table } from '../report/html-text';
import { pageHtml, tileHtml, type ReportOptions } from '../report/page';
import type { Advice, Rehearsal } from './rehearsal';
import { rehearsalCharts } from './rehearsal-charts';
import { causeText, drainText, retryRows, spillRows, windowText } from './rehearsal-text';

/** Maximum numbers of rows; the JSON has all. */
const MAX_ACTIONS = 300;
const MAX_EVENTS = 300;

/**
 * Rehearsals as one HTML file.
 *
 * Pure: the same rehearsals and the same origin give the same bytes.
 */
export function rehearsalHtml(rehearsals: readonly Rehearsal[], options: ReportOptions): string {
  return pageHtml(
    {
      title: 'Tidegate rehearsal',
      subtitle: 'Predicted behaviour of the fleets under recorded traffic.',
      sections: rehearsals.map((rehearsal, index) => ({
        id: `fleet-${index + 1}`,
        name: rehearsal.fleet.resourceId,
        html: section(rehearsal, `fleet-${index + 1}`),
      })),
      footer:
        "Simulated; the same template, traffic and seed give the same figures. Prices come from --price, the template's guard or the dated table.",
    },
    options,
  );
}

function section(rehearsal: Rehearsal, id: string): string {
  const { fleet, traffic, settings } = rehearsal;
  const good = rehearsal.sloPercent >= settings.sloPercent;
  return `<div class="title"><h2>${escapeHtml(fleet.resourceId)}</h2><p class="pill ${good ? 'good' : 'bad'}">${good ? 'objective met' : 'objective missed'}</p></div>
<p class="quiet">${escapeHtml(fleet.template)} · ${escapeHtml(traffic.name)} · ${escapeHtml(traffic.description)}</p>
<p class="quiet">${escapeHtml(windowText(rehearsal))}</p>
${tiles(rehearsal)}
<h3>Recommended changes</h3>
${adviceHtml(rehearsal)}
${rehearsalCharts(rehearsal, id)}
${causes(rehearsal)}
${callersHtml(rehearsal)}
<h3>Scaling actions and their reasons</h3>
${actions(rehearsal)}
${otherEvents(rehearsal)}
<h3>Settings</h3>
${settingsHtml(rehearsal)}`;
}

function tiles({ requests, capacity, cost, scaling, ...rehearsal }: Rehearsal): string {
  const { waitSeconds: wait, latencySeconds: latency, settings } = rehearsal;
  const dropped = requests.timedOut + requests.rejected;
  const budget = cost.budgetUsd === null ? '' : `; budget $${numberText(cost.budgetUsd)}, guard ${cost.guardLevel}`;
  return `<dl class="tiles">${[
    tileHtml(
      'Served well',
      percentText(rehearsal.sloPercent),
      `waited at most ${settings.sloWaitSeconds} s; objective ${settings.sloPercent} %`,
      rehearsal.sloPercent >= settings.sloPercent ? 'good' : 'bad',
    ),
    tileHtml(
      'Wait p99',
      `${numberText(wait.p99, 2)} s`,
      `p50 ${numberText(wait.p50, 2)}, p95 ${numberText(wait.p95, 2)}, maximum ${numberText(wait.maximum, 1)} s`,
    ),
    tileHtml(
      'Latency p99',
      `${numberText(latency.p99, 2)} s`,
      `p50 ${numberText(latency.p50, 2)}, p95 ${numberText(latency.p95, 2)} s`,
    ),
    tileHtml(
      'Dropped',
      numberText(dropped),
      `of ${numberText(requests.arrived)}: ${numberText(requests.timedOut)} timed out, ${numberText(requests.rejected)} rejected`,
      dropped > 0 ? 'bad' : '',
    ),
    tileHtml(
      'Cost a month',
      `$${numberText(cost.usdPerMonth, 0)}`,
      `$${numberText(cost.usd, 2)} for this run${budget}`,
    ),
    tileHtml(
      'Per million requests',
      `$${numberText(cost.usdPerMillionRequests, 2)}`,
      `${numberText(capacity.instanceHours, 1)} instance-hours`,
    ),
    tileHtml(
      'Instances',
      numberText(capacity.meanInstances, 2),
      `mean; ${capacity.leastInstances} to ${capacity.peakInstances}, ${numberText(capacity.utilisationPercent, 0)} % of the slots in use`,
    ),
    tileHtml(
      'Scaling',
      `${numberText(scaling.scaleOuts)} out, ${numberText(scaling.scaleIns)} in`,
      `${numberText(scaling.capacityErrors)} capacity errors`,
    ),
  ].join('')}</dl>${hindsightHtml({ cost, ...rehearsal })}`;
}

/** The fleet beside the best schedule in hindsight. */
function hindsightHtml({ hindsight, cost, sloPercent }: Pick<Rehearsal, 'hindsight' | 'cost' | 'sloPercent'>): string {
  if (hindsight === undefined) return '';
  return `<h3>Compared with the best schedule in hindsight</h3>${table(
    'The fleet beside the best schedule',
    ['result', 'as declared', 'in hindsight'],
    [
      ['served well', percentText(sloPercent), percentText(hindsight.sloPercent)],
      ['cost a month', `$${numberText(cost.usdPerMonth, 0)}`, `$${numberText(hindsight.usdPerMonth, 0)}`],
    ],
  )}`;
}

function adviceHtml({ advice, sloPercent, cost }: Rehearsal): string {
  if (advice.length === 0)
    return '<p class="card">None: the objective is met, and no change that was rehearsed saves 3 %.</p>';
  const item = ({ title, reason, effect }: Advice): string =>
    `<li><strong>${escapeHtml(title)}</strong><p>${escapeHtml(reason)}</p>${
      effect === undefined
        ? ''
        : table(
            'Effect of the change',
            ['result', 'as declared', 'with the change'],
            [
              ['served well', percentText(sloPercent), percentText(effect.sloPercent)],
              ['cost a month', `$${numberText(cost.usdPerMonth, 0)}`, `$${numberText(effect.usdPerMonth, 0)}`],
            ],
          )
    }</li>`;
  return `<ol class="advice">${advice.map(item).join('')}</ol>`;
}

/** Table of retries and drains; empty where there were none. */
function callersHtml(rehearsal: Rehearsal): string {
  const drained = drainText(rehearsal);
  const rows = [
    ...spillRows(rehearsal),
    ...retryRows(rehearsal),
    ...(drained === undefined ? [] : [['drains', drained] as const]),
  ];
  if (rows.length === 0) return '';
  return `<h3>Retries and drains</h3>
${table(
  'Retries and drains',
  ['what', 'how much'],
  rows.map(([name, text]) => [escapeHtml(name), escapeHtml(text)]),
)}`;
}

function causes({ missedBy }: Rehearsal): string {
  const entries = Object.entries(missedBy).sort(([, a], [, b]) => b - a);
  if (entries.length === 0) return '';
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const bar = (count: number): string =>
    `<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${numberText((100 * count) / total, 1)}" height="8" rx="1"/></svg>`;
  return `<h3>Causes of requests served badly</h3>
${table(
  'Causes',
  ['cause', 'requests', 'share', 'share as a bar'],
  entries.map(([cause, count]) => [
    escapeHtml(causeText(cause)),
    numberText(count),
    percentText((100 * count) / total),
    bar(count),
  ]),
  'figures',
)}`;
}

function actions({ scaling, clock, traffic }: Rehearsal): string {
  if (scaling.actions.length === 0) return '<p class="card">The desired capacity never changed.</p>';
  const times = new Clock(clock, traffic.seconds);
  const rows = scaling.actions
    .slice(0, MAX_ACTIONS)
    .map(({ second, from, to, decidedBy, reason, steps }) => [
      `<time>${times.moment(second)}</time>`,
      `<span class="badge ${to > from ? 'good' : 'in'}">${from} → ${to}</span>`,
      escapeHtml(decidedBy),
      steps.length === 0
        ? escapeHtml(reason)
        : `<details><summary>${escapeHtml(reason)}</summary><ul>${steps.map((step) => `<li>${escapeHtml(step)}</li>`).join('')}</ul></details>`,
    ]);
  const headings = [timeHeading(times), 'instances', 'decided by', 'reason'];
  return table('Scaling actions', headings, rows, 'log') + more(scaling.actions.length, MAX_ACTIONS);
}

function otherEvents({ events, clock, traffic }: Rehearsal): string {
  if (events.length === 0) return '';
  const times = new Clock(clock, traffic.seconds);
  const rows = events
    .slice(0, MAX_EVENTS)
    .map(({ second, kind, title, reason }) => [
      `<time>${times.moment(second)}</time>`,
      `<span class="badge ${kind === 'schedule' || kind === 'note' ? 'in' : 'warn'}">${kind}</span>`,
      escapeHtml(title),
      escapeHtml(reason),
    ]);
  return `<h3>Other events</h3>${table('Other events', [timeHeading(times), 'kind', 'event', 'reason'], rows, 'log')}${more(events.length, MAX_EVENTS)}`;
}

function timeHeading(times: Clock): string {
  return times.isElapsed ? 'elapsed' : `time, ${escapeHtml(times.zoneName)}`;
}

function more(count: number, maximum: number): string {
  return count <= maximum
    ? ''
    : `<p class="quiet">and ${numberText(count - maximum)} more; the JSON has all of them</p>`;
}

function edgeEntries({ edgeOffload }: Rehearsal['settings']): [string, string][] {
  return edgeOffload === undefined ? [] : [['answered by devices', percentText(100 * edgeOffload)]];
}

/** Mode of the retries, in words. */
function retryText({ mode, maxAttempts }: Rehearsal['retries']): string {
  return mode === 'none' ? 'none' : `as AWS SDKs do: ${mode} mode, up to ${maxAttempts} attempts`;
}

function settingsHtml({ fleet, settings, retries, traffic, cost, clock, notes }: Rehearsal): string {
  const times = new Clock(clock, traffic.seconds);
  const prices = Object.entries(cost.pricesPerHourUsd).map(([type, usd]) => `${type} ${usd} USD/h`);
  const entries: [string, string][] = [
    ['kind', fleet.kind],
    ['instance types, in order', fleet.instanceTypes.join(', ')],
    ['prices', prices.join(', ')],
    ['limits', `${fleet.minCapacity} to ${fleet.maxCapacity}; ${settings.startInstances} in service at the start`],
    ['policies', fleet.policies.join('; ') || 'none'],
    ['schedules', fleet.schedules.join('; ') || 'none'],
    ['service times', settings.service],
    ['provisioning', settings.provisioning],
    ...edgeEntries(settings),
    ['time-out', `${settings.requestTimeoutSeconds} s`],
    ['retries of callers', retryText(retries)],
    ['run', times.span(0, traffic.seconds)],
    ['duration', `${durationText(traffic.seconds)} (${numberText(traffic.seconds)} s)`],
    ['seed', String(settings.seed)],
  ];
  const noteList =
    notes.length === 0 ? '' : `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`;
  return (
    definitions(
      'settings',
      entries.map(([name, text]) => [name, escapeHtml(text)]),
    ) + noteList
  );
}
