import { Clock, momentOfIso } from '../clock';
import { durationText, numberText, percentText, usdText } from '../number-text';
import type { MissCause, Rehearsal, SpillEndpointSummary } from './rehearsal';

const CAUSES: { readonly [cause in MissCause]: string } = {
  'no-instance': 'no instance in service',
  'no-capacity': 'no capacity to launch',
  provisioning: 'instances still starting',
  guard: 'limited by the cost guard',
  maximum: 'fleet at its maximum',
  suspended: 'scaling out suspended',
  reaction: 'before a policy scaled out',
};

/** A cause in words. */
export function causeText(cause: string): string {
  return CAUSES[cause as MissCause] ?? cause;
}

/** The part of the trace that was rehearsed, and the time at which the run was placed. */
export function windowText({ traffic, clock, settings }: Rehearsal): string {
  const { fromAt, toAt, fromSeconds, seconds } = traffic;
  const length = durationText(seconds);
  if (fromAt === undefined || toAt === undefined) {
    const elapsed = new Clock(null, fromSeconds + seconds).span(fromSeconds, fromSeconds + seconds);
    const placed = clock === null ? '' : `; run from ${clock.startsAt} on`;
    return `${elapsed}; ${length}; the trace has no dates${placed}`;
  }
  const trace = new Clock({ startsAt: fromAt, timezone: clock?.timezone ?? 'UTC' }, seconds);
  const isPlaced = clock !== null && Math.abs(trace.secondOf(settings.startSeconds)) >= 60;
  return `${trace.span(0, trace.secondOf(momentOfIso(toAt)))}; ${length}${isPlaced ? `; run from ${clock.startsAt} on` : ''}`;
}

function countText(count: number): string {
  return count === 1 ? 'once' : `${numberText(count)} times`;
}

/** Rows about retries, and about work for callers who had given up; none where neither happened. */
export function retryRows({ retries, requests }: Pick<Rehearsal, 'retries' | 'requests'>): [string, string][] {
  const { attempts, extraLoadPercent, answered, failed, withoutQuota, abandonedSlotHours, abandonedPercent } = retries;
  const rows: [string, string][] = [];
  if (attempts > 0) {
    const quota = withoutQuota > 0 ? `; ${numberText(withoutQuota)} more forbidden by the quota` : '';
    rows.push([
      'retries',
      `${numberText(attempts)} (${percentText(extraLoadPercent)} of the requests that arrived, on top of them), ${retries.mode} mode, up to ${retries.maxAttempts} attempts: ` +
        `${numberText(answered)} requests answered by one, ${numberText(failed)} of ${numberText(requests.arrived)} failed for good${quota}`,
    ]);
  }
  if (abandonedSlotHours > 0) {
    rows.push([
      'wasted work',
      `${numberText(abandonedSlotHours, 2)} slot-hours (${percentText(abandonedPercent)} of those in use) for callers who had given up`,
    ]);
  }
  return rows;
}

/** Row about the records that went to an asynchronous endpoint; none where none may. */
export function spillRows({ spill }: Pick<Rehearsal, 'spill'>): [string, string][] {
  if (spill === undefined) return [];
  const { records, percent, afterSeconds, meanDelaySeconds, endpoint } = spill;
  const delay =
    records === 0 || endpoint !== undefined
      ? ''
      : `; answered ${numberText(meanDelaySeconds, 1)} s after their arrival on average, and the wait in its queue later`;
  return [
    [
      'spilled',
      `${numberText(records)} (${percentText(percent)}) to the asynchronous endpoint, after ${durationText(afterSeconds)} in the stream${delay}`,
    ],
    ...(endpoint === undefined ? [] : [['spill endpoint', spillEndpointText(endpoint)] as [string, string]]),
  ];
}

function spillEndpointText(endpoint: SpillEndpointSummary): string {
  const { resourceId, answered, waiting, dead, delaySeconds, peakInstances, usd } = endpoint;
  const { p50, p95, maximum } = delaySeconds;
  const delay =
    answered === 0
      ? ''
      : `; from arrival to response p50 ${numberText(p50, 1)} s, p95 ${numberText(p95, 1)} s, maximum ${numberText(maximum, 1)} s`;
  return (
    `${resourceId}: ${numberText(answered)} answered, ${numberText(waiting)} waiting at the end, ${numberText(dead)} dead letters${delay}; ` +
    `up to ${peakInstances} ${peakInstances === 1 ? 'instance' : 'instances'}, $${numberText(usd, 2)} beside the cost of this fleet`
  );
}

/** The instances that drained, in words; undefined if none did. */
export function drainText({ drains }: Pick<Rehearsal, 'drains'>): string | undefined {
  const { instances, requests, givenUp, meanSeconds, longestSeconds } = drains;
  if (instances === 0) return undefined;
  const lost = givenUp > 0 ? `, ${numberText(givenUp)} of whose callers gave up` : '';
  return (
    `${numberText(instances)} ${instances === 1 ? 'instance' : 'instances'} released with ${numberText(requests)} ` +
    `${requests === 1 ? 'request' : 'requests'} in them${lost}; billed ${numberText(meanSeconds, 1)} s longer on average, ${numberText(longestSeconds, 1)} s at most`
  );
}

/** A rehearsal as text for a terminal. */
export function rehearsalText(rehearsal: Rehearsal): string {
  const { fleet, traffic, settings, requests, capacity, cost, scaling } = rehearsal;
  const drops = requests.timedOut + requests.rejected;
  const wait = rehearsal.waitSeconds;
  const latency = rehearsal.latencySeconds;
  const byType = Object.entries(capacity.instanceHoursByType)
    .filter(([, hours]) => hours > 0)
    .map(([type, hours]) => `${type} ${numberText(hours, 1)} h`)
    .join(', ');
  const rows: [string, string][] = [
    ['traffic', traffic.description],
    ['window', windowText(rehearsal)],
    [
      'fleet',
      `${fleet.instanceTypes.join(', then ')}; ${fleet.slotsPerInstance} ${fleet.slotsPerInstance === 1 ? 'request' : 'requests'} at a time per instance; ${fleet.minCapacity} to ${fleet.maxCapacity} ${fleet.kind === 'inference-component' ? 'copies' : 'instances'}`,
    ],
    ['policies', [...fleet.policies, ...fleet.schedules].join('; ') || 'none'],
    [
      'start',
      `${settings.startInstances} in service; provisioning ${settings.provisioning}; service ${settings.service}`,
    ],
    ...(settings.edgeOffload === undefined
      ? []
      : [
          [
            'edge',
            `devices answer ${percentText(100 * settings.edgeOffload)} of the requests; the rest arrives here`,
          ] as [string, string],
        ]),
    ['', ''],
    [
      'requests',
      `${numberText(requests.arrived)} arrived, ${numberText(requests.completed)} completed, ${numberText(requests.timedOut)} timed out, ${numberText(requests.rejected)} rejected, ${numberText(requests.unfinished)} unfinished at the end`,
    ],
    [
      'served well',
      `${percentText(rehearsal.sloPercent)} waited at most ${settings.sloWaitSeconds} s and completed in time (objective ${settings.sloPercent} %)`,
    ],
    [
      'wait',
      `p50 ${numberText(wait.p50, 2)} s, p95 ${numberText(wait.p95, 2)} s, p99 ${numberText(wait.p99, 2)} s, maximum ${numberText(wait.maximum, 1)} s`,
    ],
    [
      'latency',
      requests.completed === 0
        ? 'no request was completed'
        : `p50 ${numberText(latency.p50, 2)} s, p95 ${numberText(latency.p95, 2)} s, p99 ${numberText(latency.p99, 2)} s`,
    ],
    ['drops', `${numberText(drops)} (${percentText(requests.arrived === 0 ? 0 : (100 * drops) / requests.arrived)})`],
    ...spillRows(rehearsal),
    ...retryRows(rehearsal),
    [
      'instances',
      `mean ${numberText(capacity.meanInstances, 2)}, ${capacity.leastInstances} to ${capacity.peakInstances}, ${numberText(capacity.utilisationPercent, 1)} % of the slots in use${byType === '' ? '' : `; ${byType}`}`,
    ],
    [
      'cost',
      `${numberText(cost.usd, 2)} USD; ${numberText(cost.usdPerMonth, 0)} USD a month; ${numberText(cost.usdPerMillionRequests, 2)} USD per million requests${cost.budgetUsd === null ? '' : `; budget ${numberText(cost.budgetUsd)} USD, guard ${cost.guardLevel}`}`,
    ],
    [
      'scaling',
      `${countText(scaling.scaleOuts)} out, ${countText(scaling.scaleIns)} in${scaling.capacityErrors > 0 ? `, ${scaling.capacityErrors} capacity errors` : ''}`,
    ],
  ];
  const drained = drainText(rehearsal);
  if (drained !== undefined) rows.push(['drains', drained]);
  const { hindsight } = rehearsal;
  if (hindsight !== undefined) {
    const ratio =
      hindsight.usdPerMonth > 0
        ? ` (the fleet costs ${numberText(cost.usdPerMonth / hindsight.usdPerMonth, 2)} times as much)`
        : '';
    rows.push([
      'in hindsight',
      `best schedule: ${usdText(hindsight.usdPerMonth)} a month at ${percentText(hindsight.sloPercent)}${ratio}`,
    ]);
  }
  const causes = Object.entries(rehearsal.missedBy).sort(([, a], [, b]) => b - a);
  if (causes.length > 0) {
    rows.push(['served badly', causes.map(([cause, count]) => `${numberText(count)} ${causeText(cause)}`).join(', ')]);
  }
  const lines = [
    `${fleet.resourceId}  (${fleet.template})`,
    ...rows.map(([name, text]) => (name === '' ? '' : `  ${name.padEnd(13)}${text}`)),
  ];
  if (scaling.actions.length > 0) {
    const clock = new Clock(rehearsal.clock, traffic.seconds);
    lines.push('', `  scaling actions (${clock.isElapsed ? 'elapsed' : clock.zoneName})`);
    const shown = scaling.actions.slice(0, 12);
    for (const { second, from, to, decidedBy, reason } of shown) {
      lines.push(`    ${clock.moment(second)}  ${from} -> ${to}  ${decidedBy}: ${reason}`);
    }
    if (scaling.actions.length > shown.length)
      lines.push(`    and ${scaling.actions.length - shown.length} more (--json, --report)`);
  }
  lines.push('', '  recommended changes');
  if (rehearsal.advice.length === 0)
    lines.push('    none: the objective is met, and no change that was rehearsed saves 3 %');
  for (const { title, reason, effect } of rehearsal.advice) {
    lines.push(`    - ${title}`, `      ${reason}`);
    if (effect !== undefined) {
      lines.push(
        `      rehearsed: ${percentText(effect.sloPercent)} served well, ${numberText(effect.usdPerMonth, 0)} USD a month`,
      );
    }
  }
  if (rehearsal.notes.length > 0) lines.push('', ...rehearsal.notes.map((note) => `  note: ${note}`));
  return lines.join('\n');
}
