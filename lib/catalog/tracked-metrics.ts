import { HOSTING_NAMESPACES } from './hosting-metrics';

const DURATION =
  'says how long requests take: it does not fall in proportion to the replicas, is the same at any load below saturation, and has no data without requests, so the fleet overshoots and does not shrink when traffic stops';
const FAILURES =
  'counts failures: it is silent while requests succeed, so the fleet grows only when callers are already refused';

/** Metrics that say how long or how well, not how busy: they hardly fall when replicas are added, and have no data without requests. */
const NOT_A_LOAD: readonly (readonly [namespaces: readonly string[], metric: RegExp, why: string])[] = [
  [
    HOSTING_NAMESPACES,
    /Latency$|^(ModelSetupTime|TimeInBacklog|TotalProcessingTime|ModelLoadingTime|ModelLoadingWaitTime|ModelDownloadingTime|ModelUnloadingTime)$/,
    DURATION,
  ],
  [
    HOSTING_NAMESPACES,
    /^(Invocation(4XX|5XX|Model)Errors|MidStreamErrors|InvocationFailures|NoCapacityInvocationFailures|ExpiredRequests)$/,
    FAILURES,
  ],
  // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
  [['AWS/Lambda'], /^(Duration|PostRuntimeExtensionsDuration)$/, DURATION],
  [['AWS/Lambda'], /^(Errors|Throttles|DeadLetterErrors|DestinationDeliveryFailures)$/, FAILURES],
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
  [['AWS/ApiGateway'], /^(Latency|IntegrationLatency)$/, DURATION],
  [['AWS/ApiGateway'], /^(4XX|5XX)Error$|^[45]xx$/, FAILURES],
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
  [['AWS/ApplicationELB'], /^TargetResponseTime$/, DURATION],
  [
    ['AWS/ApplicationELB'],
    /^(HTTPCode_(ELB|Target)_[45]XX_Count|TargetConnectionErrorCount|RejectedConnectionCount)$/,
    FAILURES,
  ],
];

/**
 * Reason why target tracking cannot follow a metric, as the rest of a sentence that begins with its name; undefined for a metric of load
 * and for those of other namespaces. Source: Application Auto Scaling user guide, target tracking, "Choose metrics"
 * (https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html).
 */
export function whyNoLoad(namespace: string | undefined, metricName: string | undefined): string | undefined {
  return NOT_A_LOAD.find(
    ([namespaces, metric]) => namespaces.includes(namespace ?? '') && metric.test(metricName ?? ''),
  )?.[2];
}
