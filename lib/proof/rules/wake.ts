import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Policy } from '../subjects';
import { limitsOf } from './limits';
import type { ProofRule } from './rule';

/** Metrics that need a running replica: of a fleet at zero they have no data. */
const SILENT_AT_ZERO =
  /^(Invocations|InvocationsPerInstance|InvocationsPerCopy|ConcurrentRequestsPer(Model|Copy)|ModelLatency|OverheadLatency|(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?)$/;

function* zeroWithoutWake(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    const isAsync = target.dimension === 'variant' && target.kind === 'async';
    if (target.min !== 0 || !(isAsync || target.dimension === 'component')) continue;
    const { reader, properties } = target.resource;
    const schedules = limitsOf(target).slice(1);
    if (!reader.isCertainList(properties['ScheduledActions'])) continue;
    if (schedules.some(({ min }) => min === undefined || min > 0)) continue;
    // Nothing is said of a fleet whose policies are made elsewhere.
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
        ? `MinCapacity is 0 and ${why}: with no instance the first requests wait until the backlog is above the target, for ever if it never is`
        : `MinCapacity is 0 and ${why}: without a copy its metric has no data, so nothing brings the first one back`,
      remedy: isAsync
        ? 'add a step policy with an alarm on HasBacklogWithoutCapacity >= 1 (dimension EndpointName)'
        : 'add a step policy with an alarm on NoCapacityInvocationFailures >= 1 (dimension InferenceComponentName)',
      severity: isAsync || reasons.length > 0 ? 'warning' : 'error',
    };
  }
}

/** Why a step policy certainly brings no fleet back from zero; undefined where it may. */
function neverWakes(model: ProofModel, { resource, step, alarms }: Policy): string | undefined {
  const { reader } = resource;
  const name = resource.logicalId;
  const adjustments = reader.objects(step?.['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  if (adjustments.length > 0 && adjustments.every((one) => one !== undefined && one <= 0)) {
    return `${name} only takes capacity away`;
  }
  const isPercent = reader.text(step?.['AdjustmentType']) === 'PercentChangeInCapacity';
  if (isPercent && reader.isAbsent(step?.['MinAdjustmentMagnitude'])) {
    return `${name} adds a percentage, which of no replica is nothing`;
  }
  const uses = model.metrics.filter((use) => alarms.includes(use.resource));
  const isSilent =
    alarms.length > 0 &&
    alarms.every((alarm) => uses.some((use) => use.resource === alarm)) &&
    uses.every(({ metricName }) => metricName !== undefined && SILENT_AT_ZERO.test(metricName));
  return isSilent
    ? `${name} follows ${[...new Set(uses.map((use) => use.metricName))].join(' and ')}, which nothing publishes at zero`
    : undefined;
}

/** Alarms that wake a fleet from zero, by metric. */
const WAKES: { readonly [metricName: string]: { readonly severity: 'error' | 'warning'; readonly isSparse: boolean } } =
  {
    HasBacklogWithoutCapacity: { severity: 'error', isSparse: false },
    NoCapacityInvocationFailures: { severity: 'warning', isSparse: true },
  };

function* wakeMisses(model: ProofModel): Iterable<Accusation> {
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
    // A sum of several datapoints may be above 1.
    const isNever = wake.severity === 'error' && use.statistic !== 'Sum' && use.statistic !== 'SampleCount';
    yield {
      at: use.resource,
      property: 'Threshold',
      message: isNever
        ? `${use.metricName} is never above 1, so the alarm never goes off`
        : `one waiting request makes ${use.metricName} 1, which does not set the alarm off: the first caller wakes nothing`,
      severity: isNever ? 'error' : 'warning',
    };
  }
}

function* wakeNeverRests(model: ProofModel): Iterable<Accusation> {
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
        ? `${use.metricName} has data only while requests fail; with '${missing}' the alarm stays on when nothing fails any more, and goes on adding`
        : `with '${missing}' every gap in ${use.metricName} wakes a fleet that has no work`,
    };
  }
}

function* wakeSlow(model: ProofModel): Iterable<Accusation> {
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
      message: `requests have to fail in ${datapoints} periods of ${use.periodSeconds} s before the first copy is asked for`,
      remedy: 'set EvaluationPeriods and DatapointsToAlarm to 1',
    };
  }
}

/** How a fleet comes back from zero. */
export const WAKE_RULES: readonly ProofRule[] = [
  {
    id: 'zero-without-wake',
    severity: 'warning',
    reason: 'a fleet without replicas publishes nothing that target tracking could follow',
    remedy: 'add a step policy on an alarm that sees work without capacity',
    source:
      'SageMaker developer guide: autoscale an asynchronous endpoint (optional step policy); scale an endpoint to zero instances',
    check: zeroWithoutWake,
  },
  {
    id: 'wake-misses-first-request',
    severity: 'warning',
    reason: 'a fleet at zero has to wake for the first request, not for the second',
    remedy: 'compare with GreaterThanOrEqualToThreshold and 1',
    source: 'SageMaker developer guide: scale an endpoint to zero instances; autoscale an asynchronous endpoint',
    check: wakeMisses,
  },
  {
    id: 'wake-needs-many-failures',
    severity: 'warning',
    reason: 'callers of a fleet at zero fail until it wakes: every further period is a further minute of failures',
    remedy: 'set EvaluationPeriods to 1',
    source: 'SageMaker developer guide: scale an endpoint to zero instances (evaluation periods 1)',
    check: wakeSlow,
  },
  {
    id: 'wake-never-rests',
    severity: 'warning',
    reason: 'an alarm that stays on without data adds replicas to a fleet that nobody calls',
    remedy: "set TreatMissingData to 'missing' or 'notBreaching'",
    source:
      'CloudWatch user guide: alarms and missing data; SageMaker developer guide: scale an endpoint to zero instances',
    check: wakeNeverRests,
  },
];
