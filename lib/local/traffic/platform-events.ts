import type { EventKind } from '../recording';
import type { AccountEvent, ScalingActivitySnapshot } from '../../emulator';

/** Text of a platform event; undefined for events that are not shown. */
export function describeEvent(
  event: AccountEvent,
): { readonly kind: EventKind; readonly title: string; readonly reason: string } | undefined {
  switch (event.kind) {
    case 'scaling-activity': {
      const { fromCapacity: from, toCapacity: to, statusCode, statusMessage } = event.activity;
      if (statusCode === 'Failed') return { kind: 'problem', title: 'Scaling failed', reason: statusMessage };
      if (from === to) return undefined;
      const out = to > from;
      return {
        kind: out ? 'scale-out' : 'scale-in',
        title: `Scaled ${out ? 'out' : 'in'} ${from} → ${to} instances`,
        reason: activityReason(event.activity),
      };
    }
    case 'alarm':
      return event.state === event.previousState
        ? undefined
        : { kind: 'alarm', title: `${event.alarmName}: ${event.previousState} → ${event.state}`, reason: event.reason };
    case 'capacity-error':
      return {
        kind: 'capacity',
        title: `No capacity for ${event.instanceType}`,
        reason:
          event.fallbackInstanceType === null
            ? `${event.resource} has no other instance type`
            : `${event.resource} uses ${event.fallbackInstanceType} instead`,
      };
    case 'capacity-set':
      return {
        kind: 'capacity',
        title: `${event.instanceType} is ${event.state === 'insufficient' ? 'out of capacity' : 'available again'}`,
        reason: 'set by this run',
      };
    case 'training':
      return {
        kind: 'training',
        title: `Training job ${event.status === 'InProgress' ? event.secondaryStatus : event.status}`,
        reason: event.failureReason ?? event.jobName,
      };
    case 'endpoint-status':
      return {
        kind: event.status === 'Failed' ? 'problem' : 'note',
        title: `Endpoint ${event.endpointName} is ${event.status}`,
        reason: event.failureReason ?? '',
      };
    case 'instance':
      return undefined;
  }
}

/** Reason of a capacity change: the steps of the decision that changed the number, otherwise the cause from the service. */
export function activityReason({ cause, steps }: Pick<ScalingActivitySnapshot, 'cause' | 'steps'>): string {
  const effective = steps.filter((step) => !/^(combine|cooldowns): /.test(step)).filter(changesCapacity);
  return effective.length > 0 ? effective.join('; ') : cause;
}

/** Steps begin with their stage and `FROM -> TO`. */
function changesCapacity(step: string): boolean {
  const numbers = /: (\d+) -> (\d+): /.exec(step);
  return numbers === null || numbers[1] !== numbers[2];
}
