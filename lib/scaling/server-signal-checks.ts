import { nearestNames } from '../core/nearest';
import type { ServerSignalScalingProps } from './fleet-scaling-props';
import type { IScalableFleet } from './scalable-fleet';

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
  if (!Number.isFinite(addAbove)) problems.push(`addAbove (${addAbove}) must be a number`);
  if (removeBelow !== undefined && !(removeBelow < addAbove)) {
    problems.push(
      `removeBelow (${removeBelow}) must be below addAbove (${addAbove}), with room between them, or the fleet swings`,
    );
  }
  const replicas = props.replicas ?? 1;
  if (!Number.isInteger(replicas) || replicas < 1) {
    problems.push(`replicas (${replicas}) must be a whole number, 1 or more`);
  }
  const seconds = props.evaluationInterval?.toSeconds() ?? 60;
  if (seconds < 10 || seconds > 3600) {
    problems.push(`evaluationInterval (${seconds} s) must be 10 seconds to an hour`);
  }
  return problems;
}
