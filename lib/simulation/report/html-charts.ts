import type { Rehearsal } from '../simulator';
import { chartHtml, type Chart, type ChartMark } from './chart';

/** More marks would hide the lines. */
const MOST_MARKS = 40;

/** The charts of one rehearsal. */
export function rehearsalCharts(rehearsal: Rehearsal): string {
  const { timeline, traffic, settings, fleet, cost } = rehearsal;
  if (timeline.length === 0) return '';
  const time = { seconds: timeline.map(({ second }) => second), endSeconds: traffic.seconds };
  const marks: ChartMark[] = rehearsal.events
    .filter(({ kind }) => kind === 'guard' || kind === 'capacity')
    .slice(0, MOST_MARKS)
    .map(({ second, title }) => ({ second, title }));
  const coarse = traffic.seconds / timeline.length > 90;
  const budgetInSight = cost.budgetUsd !== null && cost.budgetUsd <= 2 * cost.usd;
  const charts: Chart[] = [
    {
      title: 'Demand and capacity',
      caption: `Requests that are worked on at once; one instance takes ${fleet.slotsPerInstance}.`,
      unit: '',
      ...time,
      wide: true,
      marks,
      series: [
        { name: 'in work', color: 1, shape: 'area', values: timeline.map(({ busySlots }) => busySlots) },
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
        { name: 'capacity in service', color: 2, shape: 'step', values: timeline.map(({ slots }) => slots) },
      ],
    },
    {
      title: 'Waits',
      caption: `Seconds before a request is worked on; served well is up to ${settings.sloWaitSeconds} s.`,
      unit: 's',
      ...time,
      atLeast: settings.sloWaitSeconds * 1.2,
      series: [
        { name: 'p99', color: 5, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p99) },
        { name: 'p95', color: 3, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p95) },
        { name: 'p50', color: 1, shape: 'line', values: timeline.map(({ waitSeconds }) => waitSeconds.p50) },
        { name: 'objective', color: 4, shape: 'dashed', values: timeline.map(() => settings.sloWaitSeconds) },
      ],
    },
    {
      title: 'Served badly and dropped',
      caption: 'Share of the requests that arrived: waited too long, timed out or were refused.',
      unit: '%',
      ...time,
      atLeast: 1,
      series: [
        { name: 'served badly', color: 3, shape: 'area', values: timeline.map(({ missedPercent }) => missedPercent) },
        { name: 'dropped', color: 5, shape: 'line', values: timeline.map(({ droppedPercent }) => droppedPercent) },
      ],
    },
    {
      title: fleet.kind === 'inference-component' ? 'Copies and instances' : 'Instances',
      caption: 'Wanted, in service, and billed from launch to the end.',
      unit: '',
      ...time,
      marks,
      series: [
        { name: 'maximum', color: 4, shape: 'dashed', values: timeline.map(({ maximum }) => maximum) },
        { name: 'billed', color: 3, shape: 'step', values: timeline.map(({ billed }) => billed) },
        { name: 'in service', color: 2, shape: 'step', values: timeline.map(({ inService }) => inService) },
        { name: 'wanted', color: 1, shape: 'step', values: timeline.map(({ desired }) => desired) },
      ],
    },
    {
      title: 'Cost',
      caption: 'Spent since the start.',
      unit: 'USD',
      ...time,
      series: [
        { name: 'spent', color: 2, shape: 'area', values: timeline.map(({ usd }) => usd) },
        ...(budgetInSight
          ? [
              {
                name: 'budget of the month',
                color: 5 as const,
                shape: 'dashed' as const,
                values: timeline.map(() => cost.budgetUsd ?? 0),
              },
            ]
          : []),
      ],
    },
  ];
  return `<div class="charts">${charts.map(chartHtml).join('\n')}</div>`;
}
