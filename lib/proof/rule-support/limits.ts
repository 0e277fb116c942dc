import type { DeclaredTarget } from '../../template';

/** Limits of a fleet, with the path of their properties. */
export interface Limits {
  readonly property: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** Limits of a target and of its schedules. */
export function limitsOf(target: DeclaredTarget): Limits[] {
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
