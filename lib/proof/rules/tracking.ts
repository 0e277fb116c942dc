import { whyNoLoad } from '../../catalog/tracked-metrics';
import type { RuleViolation } from '../finding';
import type { DeclaredTarget, TemplateModel } from '../../template';
import { metricStats } from '../../template';
import type { ProofRule } from '../rule-support/rule';

function* notALoad(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    for (const { resource, tracking } of target.policies) {
      const { reader } = resource;
      const custom = reader.object(tracking?.['CustomizedMetricSpecification']);
      if (custom === undefined) continue;
      const where = 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification';
      const metrics = reader.isAbsent(custom['Metrics'])
        ? [{ namespace: reader.text(custom['Namespace']), metricName: reader.text(custom['MetricName']) }]
        : metricStats(resource, `${where}.Metrics`, custom['Metrics']);
      // An expression over several metrics may make a load of a duration, as concurrency is rate times duration.
      const whys = metrics.map(({ namespace, metricName }) => whyNoLoad(namespace, metricName));
      const [why] = whys;
      if (why === undefined || whys.some((one) => one !== why)) continue;
      yield {
        at: resource,
        property: `${where}.${reader.isAbsent(custom['Metrics']) ? 'MetricName' : 'Metrics'}`,
        message: `${metrics[0]!.metricName} ${why}`,
        remedy: `follow ${betterMetric(target)}, with the load at which the latency is still good as the target`,
      };
    }
  }
}

function betterMetric({ kind, dimension }: DeclaredTarget): string {
  if (dimension === 'component') return 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution';
  if (dimension === 'provisioned-concurrency') return 'SageMakerVariantProvisionedConcurrencyUtilization';
  return kind === 'async'
    ? 'ApproximateBacklogSizePerInstance'
    : 'SageMakerVariantConcurrentRequestsPerModelHighResolution';
}

/** Rules about the metrics that target tracking follows. */
export const TRACKING_RULES: readonly ProofRule[] = [
  {
    id: 'tracked-metric-is-no-load',
    severity: 'warning',
    reason: 'target tracking needs a metric of how busy a fleet is, which changes in proportion to its replicas',
    remedy: 'follow concurrency, utilisation or invocations of one replica',
    source: 'Application Auto Scaling user guide: target tracking, choose metrics (latency is not a suitable one)',
    check: notALoad,
  },
];
