import { HOSTING_NAMESPACES } from '../../catalog/published-metrics';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Resource } from '../template-reader';
import type { ProofRule } from './rule';

const ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'] as const;

/** Alarms on hosting, and alarms that scale it. */
function alarmsOf(model: ProofModel): Resource[] {
  const watched = model.metrics.flatMap(({ resource, namespace }) =>
    HOSTING_NAMESPACES.includes(namespace ?? '') ? [resource] : [],
  );
  const scaling = model.targets.flatMap(({ policies }) => policies.flatMap(({ alarms }) => alarms));
  return [...new Set([...watched, ...scaling])].filter(({ type }) => type === 'AWS::CloudWatch::Alarm');
}

function* invalid(model: ProofModel): Iterable<Accusation> {
  for (const alarm of alarmsOf(model)) {
    const { reader, properties } = alarm;
    const periods = reader.number(properties['EvaluationPeriods']);
    const datapoints = reader.number(properties['DatapointsToAlarm']);
    if (periods !== undefined && datapoints !== undefined && datapoints > periods) {
      yield {
        at: alarm,
        property: 'DatapointsToAlarm',
        message: `DatapointsToAlarm (${datapoints}) is above EvaluationPeriods (${periods})`,
        remedy: 'lower DatapointsToAlarm or raise EvaluationPeriods',
      };
    }
    const lengths = model.metrics.flatMap(({ resource, periodSeconds }) =>
      resource === alarm && periodSeconds !== undefined ? [periodSeconds] : [],
    );
    const period = Math.max(0, ...lengths);
    const most = period < 3600 ? 86_400 : 604_800;
    if (periods !== undefined && period * periods > most) {
      yield {
        at: alarm,
        property: 'EvaluationPeriods',
        message: `${periods} periods of ${period} s are ${periods * period} s; CloudWatch looks back at most ${most} s`,
        remedy: 'evaluate fewer or shorter periods',
      };
    }
  }
}

function* wrongAction(model: ProofModel): Iterable<Accusation> {
  const targets = new Set(model.targets.map(({ resource }) => resource));
  const tracking = new Set(
    model.targets.flatMap(({ policies }) =>
      policies.filter((one) => one.tracking !== undefined).map((one) => one.resource),
    ),
  );
  for (const alarm of model.ofType('AWS::CloudWatch::Alarm')) {
    const { reader, properties } = alarm;
    for (const property of ACTIONS) {
      const written = properties[property];
      for (const action of Array.isArray(written) ? (written as unknown[]) : []) {
        const named = reader.referenced(action);
        if (named === undefined) continue;
        if (targets.has(named) || named.type.startsWith('AWS::SageMaker::')) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a ${named.type}, which an alarm cannot run`,
          };
        } else if (tracking.has(named)) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a target-tracking policy: Application Auto Scaling makes and keeps its alarms itself`,
            remedy: 'remove the action, or make the policy a step policy',
            severity: 'warning',
          };
        }
      }
    }
  }
}

/** What alarms are made of. */
export const ALARM_RULES: readonly ProofRule[] = [
  {
    id: 'alarm-invalid',
    severity: 'error',
    reason: 'CloudWatch refuses an alarm that needs more datapoints than it looks at, or looks back too far',
    remedy: 'change the periods',
    source: 'CloudWatch API reference: PutMetricAlarm (DatapointsToAlarm, Period)',
    check: invalid,
  },
  {
    id: 'alarm-action-invalid',
    severity: 'error',
    reason: 'an alarm scales by running a step policy, nothing else',
    remedy: 'name the step policy: its Ref is its ARN',
    source:
      'CloudWatch API reference: PutMetricAlarm (AlarmActions); Application Auto Scaling user guide: step scaling policies',
    check: wrongAction,
  },
];
