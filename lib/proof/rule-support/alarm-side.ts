import type { Resource } from '../../template';

/** Metrics of how busy a fleet is, published for as long as it has replicas. */
export const LOADS =
  /^(ConcurrentRequestsPer(Model|Copy)|ApproximateBacklogSize(PerInstance)?|(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?)$/;

/** Side of the threshold on which an alarm goes off. */
export function breachOf({ reader, properties }: Resource): 'above' | 'below' | undefined {
  const operator = reader.text(properties['ComparisonOperator']) ?? '';
  return /^GreaterThan(OrEqualTo)?Threshold$/.test(operator)
    ? 'above'
    : /^LessThan(OrEqualTo)?Threshold$/.test(operator)
      ? 'below'
      : undefined;
}
