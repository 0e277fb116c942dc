import { Clock } from '../clock';
import { numberText, percentText } from '../number-text';
import type { Comparison } from './compare';
import type { PolicyRun } from './evaluation';

/** Engines of the policies and of the search, as they are in the settings. */
export function engineText({ engine, search }: Comparison['settings']): string {
  if (engine !== 'requests') return 'played second by second: too many requests to play them one by one';
  return search === 'requests'
    ? 'played request by request'
    : 'played request by request; the best schedule and the target in hindsight were searched second by second, as the requests are too many to play them for every attempt';
}

/** A comparison as a table for a terminal. */
export function comparisonText(comparison: Comparison): string {
  const { trace, settings, bound, clairvoyant, policies } = comparison;
  const name = trace.split(/[\\/]/).at(-1);
  const header = ['policy', 'cost', 'on time', 'p50 s', 'p95 s', 'p99 s', 'inst-hours', 'changes'];
  const rows = policies.map((policy) => [
    policy.name,
    `${policy.costRatio.toFixed(3)}x`,
    percentText(100 * policy.sloRatio),
    policy.waitSeconds.p50.toFixed(2),
    policy.waitSeconds.p95.toFixed(2),
    policy.waitSeconds.p99.toFixed(2),
    policy.instanceHours.toFixed(1),
    String(policy.scaleActions),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [
    `${name}: ${comparisonWindow(comparison)}`,
    `${String(settings.slotsPerInstance)} slots per instance, ${String(settings.serviceMeanSeconds)} s service, ` +
      `${String(settings.provisioningSeconds)} s to start, on time within ${String(settings.sloWaitSeconds)} s, worst of ${String(settings.seeds)} seeds`,
    '',
    line(header),
    ...rows.map(line),
    '',
    clairvoyant.isFound
      ? `clairvoyant: ${clairvoyant.instanceHours.toFixed(1)} instance-hours; lower bound of every schedule: ${bound.instanceHours.toFixed(1)}`
      : `clairvoyant: no schedule found that has ${percentText(100 * Number(settings.sloRatio))} on time; costs are those of the largest fleet tried`,
    engineText(settings),
    '',
  ].join('\n');
}

/** Window of the traffic and its number of requests. */
export function comparisonWindow({ window, clock }: Comparison): string {
  const { from, to, requests } = window;
  return `${new Clock(clock, to).span(from, to)}: ${numberText(Math.round(requests))} requests`;
}

/** Every change of a run's fleet as CSV; seconds count from the trace's start, and each row is valid until the next. */
export function timelineCsv({ changes }: PolicyRun): string {
  const rows = changes.map(({ second, desired, inService, billed }) => [second, desired, inService, billed].join(','));
  return ['second,desired,in_service,billed', ...rows, ''].join('\n');
}
