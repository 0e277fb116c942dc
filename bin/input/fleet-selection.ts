import { InputError } from '../../lib/core/errors';
import { fleetsOfTemplates, type FleetBlueprint } from '../../lib/simulation/blueprint';
import type { ParameterValues } from '../../lib/template';
import { readRehearsedTemplates, type TemplateFlags } from './template-files';

/** Flags that select fleets of templates. */
export interface FleetFlags extends TemplateFlags {
  readonly fleet?: string;
  readonly parameter?: ParameterValues;
}

/** Reads the fleets of all templates, or those that `--fleet` names. */
export function readFleets({ fleet, parameter, ...flags }: FleetFlags): {
  readonly fleets: readonly FleetBlueprint[];
  readonly notes: readonly string[];
} {
  const { fleets, skipped, absent } = fleetsOfTemplates(readRehearsedTemplates(flags), { parameters: parameter ?? {} });
  const notes = skipped.map((reason) => `not rehearsed: ${reason}`);
  if (fleets.length === 0) {
    throw new InputError(
      `${flags.template.join(', ')}: no fleet to rehearse; a fleet is a SageMaker variant or inference component with a ScalableTarget` +
        (notes.length + absent.length === 0 ? '' : ` (${[...notes, ...absent].join('; ')})`),
    );
  }
  if (fleet === undefined) return { fleets, notes };
  const chosen = fleets.filter(({ resourceId }) => resourceId.includes(fleet));
  if (chosen.length === 0) {
    const names = fleets.map(({ resourceId }) => resourceId).join(', ');
    throw new InputError(`--fleet is '${fleet}', and no fleet has this name; there are ${names}`);
  }
  return { fleets: chosen, notes };
}

/** Line about the distribution of the trace among several fleets; empty for a single one. */
export function trafficNote(fleets: readonly FleetBlueprint[]): string {
  if (fleets.length < 2) return '';
  const given = fleets.some(({ share }) => share !== undefined)
    ? 'each endpoint is given all of the traffic, and several variants of one share it by weight'
    : `each of the ${fleets.length} fleets is given all of the traffic`;
  return `tidegate: ${given}; --fleet NAME takes one\n`;
}
