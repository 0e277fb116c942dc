/** CloudWatch namespace of the metrics that this library publishes. */
export const METRIC_NAMESPACE = 'Tidegate';
