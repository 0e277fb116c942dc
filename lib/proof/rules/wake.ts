import { lookup } from '../../core/lookup';
import type { RuleViolation } from '../finding';
import type { DeclaredPolicy, TemplateModel } from '../../template';
import { limitsOf } from '../rule-support/limits';
import type { ProofRule } from '../rule-support/rule';

/** Metrics that need a running replica: they have no data for a fleet at zero, and neither have the errors that replicas answer. */
const SILENT_AT_ZERO =
  /^(Invocations|Invocation(4XX|5XX|Model)Errors|MidStreamErrors|ModelSetupTime|FirstChunk\w*Latency|ContainerLatency|InvocationsPerInstance|InvocationsPerCopy|ConcurrentRequestsPer(Model|Copy)|ModelLatency|OverheadLatency|(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?)$/;

function* zeroWithoutWake(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const isAsync = target.dimension === 'variant' && target.kind === 'async';
    if (target.min !== 0 || !(isAsync || target.dimension === 'component')) continue;
    const { reader, properties } = target.resource;
    const schedules = limitsOf(target).slice(1);
    if (!reader.isCertainList(properties['ScheduledActions'])) continue;
    if (schedules.some(({ min }) => min === undefined || min > 0)) continue;
    // A fleet without policies here may have them elsewhere.
    if (target.policies.length === 0 || target.policies.some(({ type }) => type === undefined)) continue;
    const whyNot = target.policies.map((policy) => (policy.step === undefined ? undefined : neverWakes(model, policy)));
    const mayWake = target.policies.some(
      ({ tracking }, index) => tracking === undefined && whyNot[index] === undefined,
    );
    if (mayWake) continue;
    const reasons = whyNot.filter((reason) => reason !== undefined);
    const why = reasons.length > 0 ? reasons.join('; ') : 'only target tracking follows the load';
    yield {
      at: target.resource,
      property: 'MinCapacity',
      message: isAsync
        ? `MinCapacity is 0 and ${why}: without an instance the first requests wait until the backlog is above the target, possibly for ever`
        : `MinCapacity is 0 and ${why}: without a copy its metric has no data, so nothing scales it from zero`,
      remedy: isAsync
        ? 'add a step policy with an alarm on HasBacklogWithoutCapacity >= 1 (dimension EndpointName)'
        : 'add a step policy with an alarm on NoCapacityInvocationFailures >= 1 (dimension InferenceComponentName)',
      severity: isAsync || reasons.length > 0 ? 'warning' : 'error',
    };
  }
}

/** Reason why a step policy certainly does not scale from zero; undefined where it may. */
function neverWakes(model: TemplateModel, { resource, step, alarms }: DeclaredPolicy): string | undefined {
  const { reader } = resource;
  const name = resource.logicalId;
  const adjustments = reader.objects(step?.['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  if (adjustments.length > 0 && adjustments.every((one) => one !== undefined && one <= 0)) {
    return `${name} only removes capacity`;
  }
  const isPercent = reader.text(step?.['AdjustmentType']) === 'PercentChangeInCapacity';
  if (isPercent && reader.isAbsent(step?.['MinAdjustmentMagnitude'])) {
    return `${name} adds a percentage, which is zero for a fleet at zero`;
  }
  const uses = model.metrics.filter((use) => alarms.includes(use.resource));
  const isSilent =
    alarms.length > 0 &&
    alarms.every((alarm) => uses.some((use) => use.resource === alarm)) &&
    uses.every(({ metricName }) => metricName !== undefined && SILENT_AT_ZERO.test(metricName));
  return isSilent
    ? `${name} follows ${[...new Set(uses.map((use) => use.metricName))].join(' and ')}, which has no data at zero`
    : undefined;
}

/** Metrics of alarms that scale from zero. */
const WAKES: { readonly [metricName: string]: { readonly severity: 'error' | 'warning'; readonly isSparse: boolean } } =
  lookup({
    HasBacklogWithoutCapacity: { severity: 'error', isSparse: false },
    NoCapacityInvocationFailures: { severity: 'warning', isSparse: true },
  });

function* wakeMisses(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { properties, reader, type } = use.resource;
    const wake = WAKES[use.metricName ?? ''];
    const threshold = reader.number(properties['Threshold']);
    const operator = reader.text(properties['ComparisonOperator']);
    if (wake === undefined || use.property !== '' || type !== 'AWS::CloudWatch::Alarm' || threshold === undefined)
      continue;
    const isMissed =
      operator === 'GreaterThanThreshold'
        ? threshold >= 1
        : operator === 'GreaterThanOrEqualToThreshold' && threshold > 1;
    if (!isMissed) continue;
    // A sum of several datapoints may exceed 1.
    const isNever = wake.severity === 'error' && use.statistic !== 'Sum' && use.statistic !== 'SampleCount';
    yield {
      at: use.resource,
      property: 'Threshold',
      message: isNever
        ? `${use.metricName} is never above 1, so the alarm never goes off`
        : `one waiting request makes ${use.metricName} 1, which does not set off the alarm: the first request does not scale from zero`,
      severity: isNever ? 'error' : 'warning',
    };
  }
}

function* wakeNeverRests(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { properties, reader, type } = use.resource;
    const wake = WAKES[use.metricName ?? ''];
    if (wake === undefined || type !== 'AWS::CloudWatch::Alarm') continue;
    if (model.scaledBy(use.resource).length === 0) continue;
    const missing = reader.text(properties['TreatMissingData']);
    if (missing !== 'breaching' && !(missing === 'ignore' && wake.isSparse)) continue;
    yield {
      at: use.resource,
      property: 'TreatMissingData',
      message: wake.isSparse
        ? `${use.metricName} has data only while requests fail; with '${missing}' the alarm stays on after the failures end, and keeps adding copies`
        : `with '${missing}' every gap in ${use.metricName} scales a fleet without work from zero`,
    };
  }
}

function* wakeSlow(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { properties, reader } = use.resource;
    if (
      WAKES[use.metricName ?? '']?.isSparse !== true ||
      use.property !== '' ||
      model.scaledBy(use.resource).length === 0
    )
      continue;
    const declared = properties['DatapointsToAlarm'];
    const datapoints = reader.number(reader.isAbsent(declared) ? properties['EvaluationPeriods'] : declared);
    if (datapoints === undefined || datapoints < 3 || use.periodSeconds === undefined) continue;
    yield {
      at: use.resource,
      property: reader.isAbsent(declared) ? 'EvaluationPeriods' : 'DatapointsToAlarm',
      message: `requests must fail in ${datapoints} periods of ${use.periodSeconds} s before the first copy is launched`,
      remedy: 'set EvaluationPeriods and DatapointsToAlarm to 1',
    };
  }
}

/** Rules about scaling from zero. */
export const WAKE_RULES: readonly ProofRule[] = [
  {
    id: 'zero-without-wake',
    severity: 'warning',
    reason: 'a fleet without replicas publishes no metric that target tracking could follow',
    remedy: 'add a step policy with an alarm on work without capacity',
    source:
      'SageMaker developer guide: autoscale an asynchronous endpoint (optional step policy); scale an endpoint to zero instances',
    check: zeroWithoutWake,
  },
  {
    id: 'wake-misses-first-request',
    severity: 'warning',
    reason: 'a fleet at zero must scale for the first request, not for the second',
    remedy: 'compare with GreaterThanOrEqualToThreshold and 1',
    source: 'SageMaker developer guide: scale an endpoint to zero instances; autoscale an asynchronous endpoint',
    check: wakeMisses,
  },
  {
    id: 'wake-needs-many-failures',
    severity: 'warning',
    reason: 'requests to a fleet at zero fail until it has scaled: every further period adds failures',
    remedy: 'set EvaluationPeriods to 1',
    source: 'SageMaker developer guide: scale an endpoint to zero instances (evaluation periods 1)',
    check: wakeSlow,
  },
  {
    id: 'wake-never-rests',
    severity: 'warning',
    reason: 'an alarm that stays on without data adds replicas to a fleet without requests',
    remedy: "set TreatMissingData to 'missing' or 'notBreaching'",
    source:
      'CloudWatch user guide: alarms and missing data; SageMaker developer guide: scale an endpoint to zero instances',
    check: wakeNeverRests,
  },
];
