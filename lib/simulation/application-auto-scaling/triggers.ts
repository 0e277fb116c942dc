import type { CloudWatch } from '../cloudwatch/service';
import type { AlarmEvaluation, AlarmStatus } from '../cloudwatch/types';
import { actionsOf, stepSignal } from './alarms';
import type { ManagedTarget, Trigger } from './managed-target';

/** The policies of a target that an evaluation of an alarm invokes, with what it says to them. */
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
    return [
      { policyName, alarmName, signal: { ...(status.value !== null && { value: status.value }), alarm: standing } },
    ];
  });
}
