import { instancePrice } from '../../lib/catalog/prices';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { InspectedFleet, Inspection } from '../../lib/inspection/contract';
import type { EndpointFacts } from '../../lib/inspection/facts';
import { objectsOf, textOf } from '../../lib/inspection/reading';
import { DEFAULT_PRICE_FILE } from '../input/prices';

/**
 * Summary of an inspection, with the commands to run next.
 *
 * @param unpriced instance types that have no price in their region
 */
export function summaryText(
  manifest: Inspection,
  out: string,
  files: readonly string[],
  unpriced: readonly string[],
): string {
  const { endpointName, region, accountId, window, fleets } = manifest;
  const place = `${region}${accountId === null ? '' : `, account ${accountId}`}`;
  const span =
    window === null
      ? 'no metrics'
      : `metrics from ${timeText(window.start)} to ${timeText(window.end)}, every ${window.periodSeconds} s`;
  const lines = [
    `endpoint ${endpointName} (${place}), ${span}`,
    ...fleets.map(fleetLine),
    `written to ${out}: ${files.join(', ')}`,
    '',
    'next:',
    ...nextCommands(manifest, out, unpriced).map((command) => `  npx tidegate ${command}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Types of the endpoint's instances that have no price in the region, so that a rehearsal asks for one. */
export function unpricedTypes({ variants }: EndpointFacts, region: string): string[] {
  const types = variants.flatMap(({ InstanceType, InstancePools }) => [
    textOf(InstanceType),
    ...objectsOf(InstancePools).map((pool) => textOf(pool['InstanceType'])),
  ]);
  return [...new Set(types)].filter((instanceType): instanceType is string => {
    if (instanceType === undefined) return false;
    try {
      instancePrice({ instanceType, region });
      return false;
    } catch (error) {
      if (error instanceof InputError) return true;
      throw error;
    }
  });
}

function nextCommands({ fleets, region }: Inspection, out: string, unpriced: readonly string[]): string[] {
  const hasTrace = fleets.some(({ trace }) => trace !== null);
  const trace = hasTrace ? '' : ' --trace FILE';
  const prices = unpriced.length > 0 ? ` --prices ${DEFAULT_PRICE_FILE}` : '';
  return [
    `prove ${out}`,
    ...(unpriced.length > 0 ? [`prices update --region ${region}`] : []),
    ...(hasTrace ? [`agree ${out}${prices}`] : []),
    ...['simulate', 'tune'].map((command) => `${command} ${out}${trace}${prices}`),
  ];
}

function fleetLine({ name, kind, scaling, currentCapacity, slotsPerInstance, service }: InspectedFleet): string {
  const unit = kind === 'inference-component' ? 'copies' : 'instances';
  const capacity = currentCapacity === null ? '' : `, ${currentCapacity} ${unit}`;
  const scaled = { registered: 'scaled', none: 'not scaled', unknown: 'scaling unknown' }[scaling];
  const times =
    service === null
      ? 'no service times measured'
      : `a request takes ${service.meanSeconds} s (${service.method === 'little' ? 'concurrency ÷ rate' : 'ModelLatency'} of ${service.periods} periods, ` +
        `80 % of them from ${service.p10Seconds} to ${service.p90Seconds} s)`;
  return `  ${name}: ${kind}${capacity}, ${scaled}, ${slotsPerInstance} requests at once in one of them, ${times}`;
}

const timeText = (at: EpochSeconds): string => new Date(at * 1000).toISOString().replace(':00.000Z', 'Z');
