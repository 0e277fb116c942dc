import type { Comparison } from './compare';
import type { PolicyRun } from './evaluation';

/** The comparison as a table for people. */
export function comparisonText({ trace, window, settings, bound, clairvoyant, policies }: Comparison): string {
  const { from, to, requests } = window;
  const name = trace.split(/[\\/]/).at(-1);
  const header = ['policy', 'cost', 'on time', 'p50 s', 'p95 s', 'p99 s', 'inst-hours', 'changes'];
  const rows = policies.map((policy) => [
    policy.name,
    `${policy.costRatio.toFixed(3)}x`,
    `${(100 * policy.slo).toFixed(2)} %`,
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
    `${name}, seconds ${from} to ${to}: ${Math.round(requests).toLocaleString('en-US')} requests`,
    `${String(settings.slotsPerInstance)} slots an instance, ${String(settings.serviceMeanSeconds)} s service, ` +
      `${String(settings.provisioningSeconds)} s to start, on time within ${String(settings.sloWaitSeconds)} s, worst of ${String(settings.seeds)} seeds`,
    '',
    line(header),
    ...rows.map(line),
    '',
    `clairvoyant ${clairvoyant.instanceHours.toFixed(1)} instance-hours; none can do with less than ${bound.instanceHours.toFixed(1)}`,
    '',
  ].join('\n');
}

/** Every change of a run's fleet; seconds count from the trace's first step, and each row holds until the next. */
export function timelineCsv({ changes }: PolicyRun): string {
  const rows = changes.map(({ second, desired, inService, billed }) => [second, desired, inService, billed].join(','));
  return ['second,desired,in_service,billed', ...rows, ''].join('\n');
}
