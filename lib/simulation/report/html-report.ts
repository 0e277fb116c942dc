import type { Advice, Rehearsal } from '../simulator';
import { clock, number } from '../simulator/number-text';
import { rehearsalCharts } from './html-charts';
import { definitions, escapeHtml, table } from './html-text';
import { REPORT_STYLE } from './report-style';
import { causeText } from './summary-text';

/** What a report needs that pure code does not have. */
export interface HtmlReportOptions {
  /** The SHA-256 of a text in base64: the page's policy allows its own style by it, and nothing else. */
  readonly sha256Base64: (text: string) => string;
}

/** Decisions shown at most; the JSON has all. */
const MOST_DECISIONS = 300;
const MOST_EVENTS = 300;

/**
 * Rehearsals as one HTML file: no script, no network, nothing from elsewhere, readable in light and dark and at every width.
 *
 * Pure: the same rehearsals give the same bytes.
 */
export function htmlReport(rehearsals: readonly Rehearsal[], { sha256Base64 }: HtmlReportOptions): string {
  const policy = `default-src 'none'; style-src 'sha256-${sha256Base64(REPORT_STYLE)}'; base-uri 'none'; form-action 'none'`;
  const contents =
    rehearsals.length < 2
      ? ''
      : `<nav aria-label="Fleets"><ul>${rehearsals.map(({ fleet }, index) => `<li><a href="#fleet-${index + 1}">${escapeHtml(fleet.resourceId)}</a></li>`).join('')}</ul></nav>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>Tidegate rehearsal</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header class="top"><svg width="36" height="36" viewBox="0 0 36 36" aria-hidden="true"><rect class="logo-ground" width="36" height="36" rx="9"/><path class="logo-wave" d="M7 15c4-5 7-5 11 0s7 5 11 0M7 23c4-5 7-5 11 0s7 5 11 0"/></svg><div><h1>Tidegate rehearsal</h1><p class="quiet">What would happen under this traffic, before anyone pays for it.</p></div></header>
${contents}
<main>
${rehearsals.map(section).join('\n')}
</main>
<footer class="quiet">Simulated; the same template, traffic and seed give the same file. Prices are those of the template's guard or the dated table.</footer>
</body>
</html>
`;
}

function section(rehearsal: Rehearsal, index: number): string {
  const { fleet, traffic, settings } = rehearsal;
  const good = rehearsal.sloPercent >= settings.sloPercent;
  return `<section id="fleet-${index + 1}" aria-label="${escapeHtml(fleet.resourceId)}">
<div class="title"><h2>${escapeHtml(fleet.resourceId)}</h2><p class="pill ${good ? 'good' : 'bad'}">${good ? 'objective met' : 'objective missed'}</p></div>
<p class="quiet">${escapeHtml(fleet.template)} · ${escapeHtml(traffic.name)} · ${escapeHtml(traffic.description)}</p>
${tiles(rehearsal)}
<h3>What to change</h3>
${adviceHtml(rehearsal)}
${rehearsalCharts(rehearsal)}
${causes(rehearsal)}
<h3>Decisions and their reasons</h3>
${decisions(rehearsal)}
${happenings(rehearsal)}
<h3>What was rehearsed</h3>
${setting(rehearsal)}
</section>`;
}

function tiles({ requests, capacity, cost, scaling, ...rehearsal }: Rehearsal): string {
  const { waitSeconds: wait, latencySeconds: latency, settings } = rehearsal;
  const dropped = requests.timedOut + requests.rejected;
  const tile = (name: string, value: string, note: string, tone = ''): string =>
    `<div><dt>${name}</dt><dd${tone === '' ? '' : ` class="${tone}"`}>${value}</dd><dd class="note">${note}</dd></div>`;
  const budget = cost.budgetUsd === null ? '' : `; budget $${number(cost.budgetUsd)}, guard ${cost.guardLevel}`;
  return `<dl class="tiles">${[
    tile(
      'Served well',
      `${number(rehearsal.sloPercent, 2)} %`,
      `waited at most ${settings.sloWaitSeconds} s; objective ${settings.sloPercent} %`,
      rehearsal.sloPercent >= settings.sloPercent ? 'good' : 'bad',
    ),
    tile(
      'Wait p99',
      `${number(wait.p99, 2)} s`,
      `p50 ${number(wait.p50, 2)}, p95 ${number(wait.p95, 2)}, longest ${number(wait.maximum, 1)} s`,
    ),
    tile(
      'Latency p99',
      `${number(latency.p99, 2)} s`,
      `p50 ${number(latency.p50, 2)}, p95 ${number(latency.p95, 2)} s`,
    ),
    tile(
      'Dropped',
      number(dropped),
      `of ${number(requests.arrived)}: ${number(requests.timedOut)} timed out, ${number(requests.rejected)} refused`,
      dropped > 0 ? 'bad' : '',
    ),
    tile('Cost a month', `$${number(cost.usdPerMonth, 0)}`, `$${number(cost.usd, 2)} for this run${budget}`),
    tile(
      'Per million requests',
      `$${number(cost.usdPerMillionRequests, 2)}`,
      `${number(capacity.instanceHours, 1)} instance-hours`,
    ),
    tile(
      'Instances',
      number(capacity.meanInstances, 2),
      `mean; ${capacity.leastInstances} to ${capacity.peakInstances}, ${number(capacity.utilisationPercent, 0)} % of the slots in use`,
    ),
    tile(
      'Scaling',
      `${number(scaling.scaleOuts)} out, ${number(scaling.scaleIns)} in`,
      `${number(scaling.capacityErrors)} capacity errors`,
    ),
  ].join('')}</dl>${hindsightHtml({ cost, ...rehearsal })}`;
}

/** The fleet beside the best that could have been done. */
function hindsightHtml({ hindsight, cost, sloPercent }: Pick<Rehearsal, 'hindsight' | 'cost' | 'sloPercent'>): string {
  if (hindsight === undefined) return '';
  return `<h3>Beside the best schedule in hindsight</h3>${table(
    ['', 'as declared', 'in hindsight'],
    [
      ['served well', `${number(sloPercent, 2)} %`, `${number(hindsight.sloPercent, 2)} %`],
      ['cost a month', `$${number(cost.usdPerMonth, 0)}`, `$${number(hindsight.usdPerMonth, 0)}`],
    ],
  )}`;
}

function adviceHtml({ advice, sloPercent, cost }: Rehearsal): string {
  if (advice.length === 0)
    return '<p class="card">Nothing that would help: the objective is met and no change that was tried is worth 3 %.</p>';
  const item = ({ title, reason, effect }: Advice): string =>
    `<li><strong>${escapeHtml(title)}</strong><p>${escapeHtml(reason)}</p>${
      effect === undefined
        ? ''
        : table(
            ['', 'as declared', 'with the change'],
            [
              ['served well', `${number(sloPercent, 2)} %`, `${number(effect.sloPercent, 2)} %`],
              ['cost a month', `$${number(cost.usdPerMonth, 0)}`, `$${number(effect.usdPerMonth, 0)}`],
            ],
          )
    }</li>`;
  return `<ol class="advice">${advice.map(item).join('')}</ol>`;
}

function causes({ missedBy }: Rehearsal): string {
  const entries = Object.entries(missedBy).sort(([, a], [, b]) => b - a);
  if (entries.length === 0) return '';
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const bar = (count: number): string =>
    `<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="${number((100 * count) / total, 1)}" height="8" rx="1"/></svg>`;
  return `<h3>Why requests were served badly</h3>
${table(
  ['while the fleet was', 'requests', 'share', ''],
  entries.map(([cause, count]) => [
    escapeHtml(causeText(cause)),
    number(count),
    `${number((100 * count) / total, 1)} %`,
    bar(count),
  ]),
)}`;
}

function decisions({ scaling: { actions } }: Rehearsal): string {
  if (actions.length === 0) return '<p class="card">The wanted capacity never changed.</p>';
  const rows = actions
    .slice(0, MOST_DECISIONS)
    .map(({ second, from, to, decidedBy, reason, steps }) => [
      `<time>${clock(second)}</time>`,
      `<span class="badge ${to > from ? 'good' : 'in'}">${from} → ${to}</span>`,
      escapeHtml(decidedBy),
      steps.length === 0
        ? escapeHtml(reason)
        : `<details><summary>${escapeHtml(reason)}</summary><ul>${steps.map((step) => `<li>${escapeHtml(step)}</li>`).join('')}</ul></details>`,
    ]);
  return table(['at', 'instances', 'decided by', 'because'], rows, 'log') + more(actions.length, MOST_DECISIONS);
}

function happenings({ events }: Rehearsal): string {
  if (events.length === 0) return '';
  const rows = events
    .slice(0, MOST_EVENTS)
    .map(({ second, kind, title, reason }) => [
      `<time>${clock(second)}</time>`,
      `<span class="badge ${kind === 'schedule' || kind === 'note' ? 'in' : 'warn'}">${kind}</span>`,
      escapeHtml(title),
      escapeHtml(reason),
    ]);
  return `<h3>What else happened</h3>${table(['at', 'kind', 'what', 'because'], rows, 'log')}${more(events.length, MOST_EVENTS)}`;
}

function more(count: number, most: number): string {
  return count <= most ? '' : `<p class="quiet">and ${number(count - most)} more, all of them in the JSON</p>`;
}

function setting({ fleet, settings, traffic, cost, notes }: Rehearsal): string {
  const prices = Object.entries(cost.pricesPerHourUsd).map(([type, usd]) => `${type} $${usd}`);
  const entries: [string, string][] = [
    ['kind', fleet.kind],
    ['instance types, in order', fleet.instanceTypes.join(', ')],
    ['prices an hour', prices.join(', ')],
    ['limits', `${fleet.minCapacity} to ${fleet.maxCapacity}; ${settings.startInstances} in service at the start`],
    ['policies', fleet.policies.join('; ') || 'none'],
    ['schedules', fleet.schedules.join('; ') || 'none'],
    ['service times', settings.service],
    ['provisioning', settings.provisioning],
    ['time-out', `${settings.requestTimeoutSeconds} s`],
    ['begins', new Date(settings.startSeconds * 1000).toISOString()],
    ['length', `${number(traffic.seconds)} s`],
    ['seed', String(settings.seed)],
  ];
  const remarks =
    notes.length === 0 ? '' : `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`;
  return (
    definitions(
      'settings',
      entries.map(([name, text]) => [name, escapeHtml(text)]),
    ) + remarks
  );
}
