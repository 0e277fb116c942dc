import { Clock } from '../clock';
import { durationText, numberText, percentText } from '../number-text';
import { chartHtml, legend, type Chart } from '../report/chart';
import { definitions, escapeHtml, table } from '../report/html-text';
import { pageHtml, tileHtml, type ReportOptions } from '../report/page';
import { isOnFront, pointTitle, scatterHtml } from '../report/scatter';
import { FORECAST_POLICY, type Comparison, type PolicyResult } from './compare';
import { comparisonWindow, engineText } from './comparison-text';
import type { PolicyRun } from './evaluation';

/** Timelines for a report of a comparison. */
export interface ComparisonTimelines {
  /** A run of each policy, with the same seed. */
  readonly runs: readonly PolicyRun[];
  /** Instances that the busiest second of each minute needs. */
  readonly demand: readonly number[];
}

/** Policies that know the traffic before it comes. */
const HINDSIGHT = /^(clairvoyant|static-.*|.*-hindsight)$/;
const MAX_TIMELINE_POINTS = 480;

/** A comparison as one HTML file. */
export function comparisonHtml(comparison: Comparison, timelines: ComparisonTimelines, options: ReportOptions): string {
  const { policies, settings, trace } = comparison;
  return pageHtml(
    {
      title: 'Tidegate comparison',
      subtitle: 'Scaling policies on the same traffic, beside the best schedule in hindsight.',
      sections: [
        {
          id: 'comparison',
          name: 'Comparison',
          html: `<div class="title"><h2>${escapeHtml(trace.split(/[\\/]/).at(-1)!)}</h2></div>
<p class="quiet">${escapeHtml(comparisonWindow(comparison))}</p>
${tiles(comparison)}
<div class="charts">${costChart(comparison)}</div>
<h3>Policies</h3>
<p class="quiet">Each figure is that of the worst of ${String(settings.seeds)} ${settings.seeds === 1 ? 'seed' : 'seeds'}. Policies in hindsight know the traffic before it comes; no other policy can.</p>
${table('Policies', ['policy', 'cost', 'instance-hours', 'on time', 'wait p50', 'wait p95', 'wait p99', 'changes', 'kind'], policies.map(row), 'figures')}`,
        },
        {
          id: 'timelines',
          name: 'Instances over time',
          html: `<h2>Instances over time</h2>
${legend([
  { name: 'in service', color: 1, shape: 'step' },
  { name: 'needed by the busiest second of a minute, all slots in use', color: 3, shape: 'area' },
])}
<div class="charts many">${charts(comparison, timelines)}</div>`,
        },
        { id: 'settings', name: 'Settings', html: `<h2>Settings</h2>${settingsHtml(comparison)}` },
      ],
      footer:
        'Simulated; the same trace and settings give the same figures. Policies of others are models of their documented behaviour.',
    },
    options,
  );
}

function objectiveOf({ settings }: Comparison): number {
  return 100 * Number(settings.sloRatio);
}

function isHindsight({ name }: PolicyResult): boolean {
  return HINDSIGHT.test(name);
}

function tiles(comparison: Comparison): string {
  const { policies, clairvoyant, bound, window } = comparison;
  const objective = objectiveOf(comparison);
  const keeping = policies.filter((policy) => !isHindsight(policy) && 100 * policy.sloRatio >= objective);
  const best = [...keeping].sort((a, b) => a.costRatio - b.costRatio)[0];
  const own = policies.find(({ name }) => name === FORECAST_POLICY)!;
  const hours = (value: number): string => `${numberText(value, 1)} h`;
  return `<dl class="tiles">${[
    best === undefined
      ? tileHtml('Cheapest policy', 'none', `no policy has ${percentText(objective)} on time`, 'bad')
      : tileHtml(
          'Cheapest policy that keeps the objective',
          escapeHtml(best.name),
          `${best.costRatio.toFixed(3)} times the clairvoyant's cost; ${percentText(100 * best.sloRatio)} on time`,
          'good',
        ),
    tileHtml(
      FORECAST_POLICY,
      `${own.costRatio.toFixed(3)} ×`,
      `the clairvoyant's cost; ${percentText(100 * own.sloRatio)} on time`,
    ),
    clairvoyant.isFound
      ? tileHtml(
          'Best schedule in hindsight',
          hours(clairvoyant.instanceHours),
          `instance-hours; lower bound of every schedule ${hours(bound.instanceHours)}`,
        )
      : tileHtml(
          'Best schedule in hindsight',
          'not found',
          `no schedule has ${percentText(objective)} on time; costs are those of the largest fleet tried`,
          'bad',
        ),
    tileHtml('Requests', numberText(Math.round(window.requests)), `in ${durationText(window.to - window.from)}`),
  ].join('')}</dl>`;
}

function costChart(comparison: Comparison): string {
  const { policies } = comparison;
  const objective = objectiveOf(comparison);
  const front = policies.filter((policy) => isOnFront(policy, policies, costAndQuality)).map(({ name }) => name);
  return scatterHtml({
    id: 'cost',
    title: 'Cost against requests on time',
    caption: `Up and left is better. The dashed line is the objective, ${percentText(objective)}; the thin one joins the policies that no other beats in both. Numbers are those of the table.`,
    description: `Not beaten in both: ${front.join(', ')}.`,
    xUnit: 'cost, instance-hours',
    yUnit: '% of the requests on time',
    objectivePercent: objective,
    hasFront: true,
    legend: legend([
      { name: FORECAST_POLICY, color: 2, shape: 'dot' },
      { name: 'other policies', color: 1, shape: 'dot' },
      { name: 'in hindsight', color: 4, shape: 'dot' },
    ]),
    points: policies.map((policy, index) => ({
      ...costAndQuality(policy),
      color: policy.name === FORECAST_POLICY ? 2 : isHindsight(policy) ? 4 : 1,
      label: String(index + 1),
      title: pointTitle(policy.name, policy.instanceHours, 'instance-hours', 100 * policy.sloRatio, 'on time'),
    })),
  });
}

function costAndQuality({ instanceHours, sloRatio }: PolicyResult): { readonly x: number; readonly percent: number } {
  return { x: instanceHours, percent: 100 * sloRatio };
}

function row(policy: PolicyResult, index: number): string[] {
  const { name, costRatio, instanceHours, sloRatio, waitSeconds, scaleActions } = policy;
  const seconds = (value: number): string => `${numberText(value, 2)} s`;
  return [
    `${index + 1} ${escapeHtml(name)}`,
    `${costRatio.toFixed(3)} ×`,
    numberText(instanceHours, 1),
    percentText(100 * sloRatio),
    seconds(waitSeconds.p50),
    seconds(waitSeconds.p95),
    seconds(waitSeconds.p99),
    numberText(scaleActions),
    isHindsight(policy) ? 'in hindsight' : 'online',
  ];
}

function charts({ policies, clock, window }: Comparison, { runs, demand }: ComparisonTimelines): string {
  const { from, to, fromAt } = window;
  const seconds = to - from;
  const count = Math.min(MAX_TIMELINE_POINTS, demand.length);
  const times = new Clock(clock === null ? null : { startsAt: fromAt!, timezone: clock.timezone }, seconds);
  const middles = Array.from({ length: count }, (_, index) => ((index + 0.5) * seconds) / count);
  const needed = middles.map((_, index) =>
    Math.max(
      ...demand.slice(Math.floor((index * demand.length) / count), Math.ceil(((index + 1) * demand.length) / count)),
    ),
  );
  const drawn = policies.map(({ name, costRatio, sloRatio, scaleActions }, index): Chart => {
    const run = runs.find(({ policy }) => policy === name);
    return {
      id: `timeline-${index + 1}`,
      title: `${index + 1} ${name}`,
      caption: `cost ${costRatio.toFixed(3)} ×, ${percentText(100 * sloRatio)} on time, ${numberText(scaleActions)} changes`,
      unit: 'instances',
      isWhole: true,
      seconds: middles,
      endSeconds: seconds,
      clock: times,
      size: 'small',
      minAxisEnd: Math.max(...runs.flatMap(({ changes }) => changes.map(({ inService }) => inService)), ...needed),
      series: [
        { name: 'needed', color: 3, shape: 'area', values: needed },
        { name: 'in service', color: 1, shape: 'step', values: run === undefined ? [] : inService(run, middles, from) },
      ],
    };
  });
  return drawn.map(chartHtml).join('\n');
}

/** Instances in service at given seconds of the window. */
function inService({ changes }: PolicyRun, seconds: readonly number[], from: number): number[] {
  let next = 0;
  return seconds.map((second) => {
    while (next < changes.length && changes[next].second <= from + second) next++;
    return changes[Math.max(0, next - 1)].inService;
  });
}

function settingsHtml({ settings }: Comparison): string {
  const value = (name: string): string => String(settings[name]);
  return definitions('settings', [
    ['slots per instance', value('slotsPerInstance')],
    [
      'service times',
      `lognormal, mean ${value('serviceMeanSeconds')} s, coefficient of variation ${value('serviceCoefficientOfVariation')}`,
    ],
    [
      'on time',
      `waited at most ${value('sloWaitSeconds')} s; objective ${percentText(100 * Number(settings.sloRatio))}`,
    ],
    ['provisioning', `lognormal, median ${value('provisioningSeconds')} s, sigma ${value('provisioningSigma')}`],
    ['limits', `${value('minCapacity')} to ${numberText(Number(settings.maxCapacity))} instances`],
    ['metrics', `visible ${value('metricDelaySeconds')} s after the end of a period`],
    ['seeds', value('seeds')],
    ['engine', escapeHtml(engineText(settings))],
  ]);
}
