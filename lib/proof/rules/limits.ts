import type { Target } from '../subjects';

/** Limits of a fleet, and where they are set. */
export interface Limits {
  readonly property: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** The limits of a target, and those that its schedules set. */
export function limitsOf(target: Target): Limits[] {
  const { reader, properties } = target.resource;
  return [
    { property: '', min: target.min, max: target.max },
    ...reader.objects(properties['ScheduledActions']).map((action, index) => {
      const limits = reader.object(action['ScalableTargetAction']) ?? {};
      return {
        property: `ScheduledActions.${index}.ScalableTargetAction.`,
        min: reader.number(limits['MinCapacity']),
        max: reader.number(limits['MaxCapacity']),
      };
    }),
  ];
}
