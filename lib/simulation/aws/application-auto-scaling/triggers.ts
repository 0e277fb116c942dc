import type { CloudWatch } from '../cloudwatch/service';
import type { AlarmEvaluation, AlarmStatus } from '../cloudwatch/types';
import { actionsOf, currentValue, stepSignal } from './alarms';
import type { ManagedTarget, Trigger } from './managed-target';

/** Policies of a target that an alarm evaluation invokes, with their signals. */
export function triggersOf(cloudWatch: CloudWatch, managed: ManagedTarget, evaluation: AlarmEvaluation): Trigger[] {
  const { alarmName } = evaluation;
  const alarm = cloudWatch.alarm(alarmName);
  if (alarm === undefined) return [];
  const status: AlarmStatus = {
    ...alarm,
    state: evaluation.state,
    value: evaluation.value,
    datapoints: evaluation.datapoints,
  };
  const actions = actionsOf(status);
  return [...managed.policies.values()].flatMap(({ description, alarms }): Trigger[] => {
    if (!actions.includes(description.policyArn)) return [];
    const { policyName, policy } = description;
    if (policy.kind === 'step') return [{ policyName, alarmName, signal: stepSignal(status) }];
    const standing = alarms.high === alarmName ? 'high' : alarms.low === alarmName ? 'low' : undefined;
    if (standing === undefined) return [];
    const value = currentValue(status);
    return [{ policyName, alarmName, signal: { ...(value !== undefined && { value }), alarm: standing } }];
  });
}
