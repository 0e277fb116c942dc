import { Token } from 'aws-cdk-lib';
import { nearestNames } from '../core/nearest';
import type { ServerSignalScalingProps } from './fleet-scaling-props';
import type { IScalableFleet } from './scalable-fleet';
import type { ServerSignal } from './server-signal';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Returns every problem of a policy on a metric of the fleet's model servers. */
export function checkServerSignal(
  { serverMetrics, node }: Pick<IScalableFleet, 'serverMetrics' | 'node'>,
  props: ServerSignalScalingProps,
): string[] {
  const { signal, addAbove, removeBelow } = props;
  const problems: string[] = [];
  if (serverMetrics === undefined) {
    problems.push(
      `${node.path} publishes no metrics of its model servers: SageMaker collects them from real-time endpoints and inference components only`,
    );
  } else if (serverMetrics.unavailableReason !== undefined) {
    problems.push(`${signal.metricName} is not available: ${serverMetrics.unavailableReason}`);
  } else if (serverMetrics.metricNames !== undefined && !serverMetrics.metricNames.includes(signal.metricName)) {
    problems.push(
      `the model server publishes no ${signal.metricName}; nearest known: ` +
        `${nearestNames(signal.metricName, serverMetrics.metricNames).join(', ')} (a server of your own: ModelServer.image)`,
    );
  }
  problems.push(...checkThreshold('addAbove', addAbove, signal), ...checkThreshold('removeBelow', removeBelow, signal));
  if (removeBelow !== undefined && isKnown(removeBelow) && isKnown(addAbove) && !(removeBelow < addAbove)) {
    problems.push(
      `removeBelow (${removeBelow}) must be below addAbove (${addAbove}), with a gap between them, or the fleet oscillates`,
    );
  }
  const replicas = props.replicas ?? 1;
  if (!isKnown(replicas)) {
    if (removeBelow !== undefined) {
      problems.push(
        'replicas is known at deploy time only, but the removal needs its negative; give a number, or omit removeBelow',
      );
    }
  } else if (!Number.isInteger(replicas) || replicas < 1) {
    problems.push(`replicas (${replicas}) must be a whole number, 1 or more`);
  }
  const interval = props.evaluationInterval;
  const seconds = interval === undefined || interval.isUnresolved() ? 60 : secondsOf(interval);
  if (seconds < 10 || seconds > 3600) {
    problems.push(`evaluationInterval (${seconds} s) must be 10 seconds to an hour`);
  }
  problems.push(
    ...checkWholeDurations('seconds', {
      evaluationInterval: interval,
      addAfter: props.addAfter,
      removeAfter: props.removeAfter,
      cooldown: props.cooldown,
    }),
  );
  return problems;
}

function checkThreshold(name: string, value: number | undefined, signal: ServerSignal): string[] {
  if (value === undefined || !isKnown(value)) return [];
  if (!Number.isFinite(value)) return [`${name} (${value}) must be a number`];
  if (!signal.isRatio || (value >= 0 && value <= 1)) return [];
  const suggestion = value > 1 && value <= 100 ? `; for ${value} % give ${value / 100}` : '';
  return [`${name} (${value}) must lie from 0 to 1, as ${signal.metricName} is a ratio${suggestion}`];
}

function isKnown(value: number): boolean {
  return !Token.isUnresolved(value);
}
