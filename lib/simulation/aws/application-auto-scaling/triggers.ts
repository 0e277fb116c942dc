import { actionsOf, type CloudWatch } from '../cloudwatch/service';
import type { AlarmEvaluation } from '../cloudwatch/types';
import { currentValue, signalOf, stepSignal } from './alarms';
import type { ManagedTarget, Trigger } from './managed-target';

/** Adds the policies of a target that an alarm evaluation invokes, with their signals. */
export function addTriggers(
  triggers: Trigger[],
  cloudWatch: CloudWatch,
  managed: ManagedTarget,
  evaluation: AlarmEvaluation,
): void {
  const { alarmName, state, value } = evaluation;
  const alarm = cloudWatch.alarmCondition(alarmName);
  if (alarm === undefined) return;
  const { definition, isCurrent } = alarm;
  const actions = actionsOf(definition, state);
  for (const { description, alarms } of managed.policies.values()) {
    if (!actions.includes(description.policyArn)) continue;
    const { policyName, policy } = description;
    if (policy.kind === 'step') {
      triggers.push({ policyName, alarmName, signal: stepSignal(definition, evaluation) });
      continue;
    }
    const standing = alarms.high === alarmName ? 'high' : alarms.low === alarmName ? 'low' : undefined;
    if (standing === undefined) continue;
    const current = currentValue({ definition, state, value, isCurrent });
    triggers.push({ policyName, alarmName, signal: signalOf(current, standing) });
  }
}
