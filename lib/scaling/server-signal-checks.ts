import { Token } from 'aws-cdk-lib';
import { nearestNames } from '../core/nearest';
import type { ServerSignalScalingProps } from './fleet-scaling-props';
import type { IScalableFleet } from './scalable-fleet';
import type { ServerSignal } from './server-signal';

/** Every problem of following a number that the fleet's model servers publish. */
export function checkServerSignal(
  { serverMetrics, node }: Pick<IScalableFleet, 'serverMetrics' | 'node'>,
  props: ServerSignalScalingProps,
): string[] {
  const { signal, addAbove, removeBelow } = props;
  const problems: string[] = [];
  if (serverMetrics === undefined) {
    problems.push(
      `${node.path} publishes nothing of its model servers: SageMaker collects it from real-time endpoints and inference components only`,
    );
  } else if (serverMetrics.missingBecause !== undefined) {
    problems.push(`${signal.metricName} does not arrive: ${serverMetrics.missingBecause}`);
  } else if (serverMetrics.metricNames !== undefined && !serverMetrics.metricNames.includes(signal.metricName)) {
    problems.push(
      `the model server publishes no ${signal.metricName}; nearest known: ` +
        `${nearestNames(signal.metricName, serverMetrics.metricNames).join(', ')} (a server of your own: ModelServer.image)`,
    );
  }
  problems.push(...checkThreshold('addAbove', addAbove, signal), ...checkThreshold('removeBelow', removeBelow, signal));
  if (removeBelow !== undefined && isKnown(removeBelow) && isKnown(addAbove) && !(removeBelow < addAbove)) {
    problems.push(
      `removeBelow (${removeBelow}) must be below addAbove (${addAbove}), with room between them, or the fleet swings`,
    );
  }
  const replicas = props.replicas ?? 1;
  if (!isKnown(replicas)) {
    if (removeBelow !== undefined) {
      problems.push(
        'replicas is known at deploy time only, and what is removed is computed from it; give a number, or leave removeBelow out',
      );
    }
  } else if (!Number.isInteger(replicas) || replicas < 1) {
    problems.push(`replicas (${replicas}) must be a whole number, 1 or more`);
  }
  const interval = props.evaluationInterval;
  const seconds = interval === undefined || interval.isUnresolved() ? 60 : interval.toSeconds();
  if (seconds < 10 || seconds > 3600) {
    problems.push(`evaluationInterval (${seconds} s) must be 10 seconds to an hour`);
  }
  return problems;
}

function checkThreshold(name: string, value: number | undefined, signal: ServerSignal): string[] {
  if (value === undefined || !isKnown(value)) return [];
  if (!Number.isFinite(value)) return [`${name} (${value}) must be a number`];
  if (!signal.isShare || (value >= 0 && value <= 1)) return [];
  const meant = value > 1 && value <= 100 ? `: ${value / 100}` : '';
  return [`${name} (${value}) must lie from 0 to 1, as ${signal.metricName} is a share, 0 to 1${meant}`];
}

function isKnown(value: number): boolean {
  return !Token.isUnresolved(value);
}
