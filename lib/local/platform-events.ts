import type { EventKind } from './report/recording';
import type { PlatformEvent, ScalingActivitySnapshot } from './sidecar';

/** An event of the platform in words, or undefined for one that is not worth a line. */
export function describeEvent(
  event: PlatformEvent,
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
            ? `${event.resource} has nothing else to try`
            : `${event.resource} takes ${event.fallbackInstanceType} instead`,
      };
    case 'capacity-set':
      return {
        kind: 'capacity',
        title: `${event.instanceType} is ${event.state === 'insufficient' ? 'sold out' : 'to be had again'}`,
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

/** Why the capacity changed: the decision's own steps that changed something, else what the service says. */
export function activityReason({ cause, steps }: Pick<ScalingActivitySnapshot, 'cause' | 'steps'>): string {
  const telling = steps.filter((step) => !/^(combine|cooldowns): /.test(step)).filter(changesSomething);
  return telling.length > 0 ? telling.join('; ') : cause;
}

/** Steps begin with their stage and `FROM -> TO`. */
function changesSomething(step: string): boolean {
  const numbers = /: (\d+) -> (\d+): /.exec(step);
  return numbers === null || numbers[1] !== numbers[2];
}
