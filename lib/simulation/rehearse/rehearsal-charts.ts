import { Clock } from '../clock';
import { chartHtml, type Chart, type ChartMark } from '../report/chart';
import type { Rehearsal, TimelinePoint } from './rehearsal';

/** Maximum number of marks: more would hide the lines. */
const MAX_MARKS = 40;

/**
 * Charts of one rehearsal, as HTML.
 *
 * @param prefix beginning of the charts' ids, unique in the page
 */
export function rehearsalCharts(rehearsal: Rehearsal, prefix: string): string {
  const { timeline, traffic, settings, fleet, cost } = rehearsal;
  if (timeline.length === 0) return '';
  const time = {
    seconds: timeline.map(({ second }) => second),
    endSeconds: traffic.seconds,
    clock: new Clock(rehearsal.clock, traffic.seconds),
  };
  const marks: ChartMark[] = rehearsal.events
    .filter(({ kind }) => kind === 'guard' || kind === 'capacity' || kind === 'shards')
    .slice(0, MAX_MARKS)
    .map(({ second, title }) => ({ second, title }));
  const coarse = traffic.seconds / timeline.length > 90;
  const showsBudget = cost.budgetUsd !== null && cost.budgetUsd <= 2 * cost.usd;
  const charts: Omit<Chart, 'id'>[] = [
    {
      title: 'Demand and capacity',
      caption: `Requests at once; one instance serves ${fleet.slotsPerInstance}.`,
      unit: 'requests at once',
      ...time,
      size: 'wide',
      marks,
      series: [
        { name: 'in service', color: 1, shape: 'area', values: timeline.map(({ busySlots }) => busySlots) },
        ...(coarse
          ? [
              {
                name: 'demand of the busiest minute',
                color: 5 as const,
                shape: 'line' as const,
                values: timeline.map(({ peakDemand }) => peakDemand),
              },
            ]
          : []),
        { name: 'demand', color: 3, shape: 'line', values: timeline.map(({ demand }) => demand) },
        { name: 'capacity', color: 2, shape: 'step', values: timeline.map(({ slots }) => slots) },
      ],
    },
    {
      title: 'Arrivals',
      caption: 'Requests that arrived.',
      unit: 'requests/s',
      ...time,
      series: [
        {
          name: 'arrived',
          color: 1,
          shape: 'area',
          values: timeline.map(({ requestsPerSecond }) => requestsPerSecond),
        },
      ],
    },
    {
      title: 'Waits',
      caption: `Seconds from arrival to the start of service; the objective is ${settings.sloWaitSeconds} s.`,
      unit: 's',
      ...time,
      minAxisEnd: settings.sloWaitSeconds * 1.2,
      series: [
        { name: 'p99', color: 5, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p99) },
        { name: 'p95', color: 3, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p95) },
        { name: 'p50', color: 1, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p50) },
        { name: 'objective', color: 4, shape: 'dashed', values: timeline.map(() => settings.sloWaitSeconds) },
      ],
    },
    {
      title: 'Served badly and dropped',
      caption: 'Percentage of the requests that arrived: waited too long, timed out or were rejected.',
      unit: '%',
      ...time,
      minAxisEnd: 1,
      series: [
        { name: 'served badly', color: 3, shape: 'area', values: timeline.map(({ missedPercent }) => missedPercent) },
        { name: 'dropped', color: 5, shape: 'line', values: timeline.map(({ droppedPercent }) => droppedPercent) },
      ],
    },
    {
      title: fleet.kind === 'inference-component' ? 'Copies and instances' : 'Instances',
      caption: 'Desired, in service, and billed from launch to termination.',
      unit: fleet.kind === 'inference-component' ? 'copies, instances' : 'instances',
      isWhole: true,
      ...time,
      marks,
      series: [
        { name: 'maximum', color: 4, shape: 'dashed', values: timeline.map(({ maximum }) => maximum) },
        { name: 'billed', color: 3, shape: 'step', values: timeline.map(({ billed }) => billed) },
        { name: 'in service', color: 2, shape: 'step', values: timeline.map(({ inService }) => inService) },
        { name: 'desired', color: 1, shape: 'step', values: timeline.map(({ desired }) => desired) },
      ],
    },
    {
      title: 'Cost per hour',
      caption: 'Price of the instances that are billed.',
      unit: 'USD/h',
      ...time,
      series: [{ name: 'cost', color: 2, shape: 'step', values: usdPerHour(timeline) }],
    },
    {
      title: 'Cost',
      caption: 'Spent since the start.',
      unit: 'USD',
      ...time,
      series: [
        { name: 'spent', color: 2, shape: 'area', values: timeline.map(({ usd }) => usd) },
        ...(showsBudget
          ? [
              {
                name: 'monthly budget',
                color: 5 as const,
                shape: 'dashed' as const,
                values: timeline.map(() => cost.budgetUsd ?? 0),
              },
            ]
          : []),
      ],
    },
  ];
  return `<div class="charts">${charts.map((chart, index) => chartHtml({ ...chart, id: `${prefix}-${index + 1}` })).join('\n')}</div>`;
}

/** Spending rate between the ends of two intervals; the first one begins at 0. */
function usdPerHour(timeline: readonly TimelinePoint[]): number[] {
  const interval = timeline.length > 1 ? timeline[1]!.second - timeline[0]!.second : 2 * timeline[0]!.second;
  return timeline.map(({ usd, second }, index) => {
    const before = timeline[index - 1];
    // Points are the middles of their intervals, and all but the last are equally long.
    const seconds = before === undefined ? interval : 2 * (second - before.second) - interval;
    return seconds > 0 ? ((usd - (before?.usd ?? 0)) * 3600) / seconds : 0;
  });
}
