import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { fleetsOfTemplate, type FleetBlueprint } from '../../lib/simulation/template';
import { parseTemplateText } from './template-text';

/** The flags that say which fleets of which templates. */
export interface TemplateFlags {
  readonly template: readonly string[];
  readonly region?: string;
  readonly fleet?: string;
}

/** The fleets of all templates, or the one that is asked for. */
export function readFleets(flags: TemplateFlags): {
  readonly fleets: readonly FleetBlueprint[];
  readonly notes: readonly string[];
} {
  const fleets: FleetBlueprint[] = [];
  const notes: string[] = [];
  for (const file of flags.template) {
    const region = flags.region ?? assemblyRegion(file);
    const found = fleetsOfTemplate(readTemplate(file), { name: file, ...(region !== undefined && { region }) });
    fleets.push(...found.fleets);
    notes.push(...found.skipped.map((reason) => `not rehearsed: ${reason}`));
  }
  const names = fleets.map(({ resourceId }) => resourceId).join(', ');
  if (fleets.length === 0) {
    throw new InputError(
      `${flags.template.join(', ')}: no fleet to rehearse; a fleet is a SageMaker variant or inference component with a ScalableTarget` +
        (notes.length === 0 ? '' : ` (${notes.join('; ')})`),
    );
  }
  const { fleet } = flags;
  if (fleet === undefined) return { fleets, notes };
  const chosen = fleets.filter(({ resourceId }) => resourceId.includes(fleet));
  if (chosen.length === 0) throw new InputError(`--fleet is '${fleet}', and no fleet is called so; there are ${names}`);
  return { fleets: chosen, notes };
}

/** A line about who gets which part of the trace; nothing where there is one fleet. */
export function trafficNote(fleets: readonly FleetBlueprint[]): string {
  if (fleets.length < 2) return '';
  const given = fleets.some(({ share }) => share !== undefined)
    ? 'each endpoint is given all of the traffic, and several variants of one share it by weight'
    : `each of the ${fleets.length} fleets is given all of the traffic`;
  return `tidegate: ${given}; --fleet NAME takes one\n`;
}

function readTemplate(file: string): unknown {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EISDIR') throw new InputError(`--template is '${file}', which is a folder; name the templates in it`);
    throw new InputError(`--template is '${file}', which cannot be read (${code}); run cdk synth, or check the path`);
  }
  return parseTemplateText(text.replace(/^\uFEFF/, ''), file);
}

/** The region that the cloud assembly beside a template deploys it to; undefined where it does not say. */
function assemblyRegion(templateFile: string): string | undefined {
  const manifestFile = path.join(path.dirname(templateFile), 'manifest.json');
  if (!fs.existsSync(manifestFile)) return undefined;
  const manifest = readTemplate(manifestFile) as {
    readonly artifacts?: {
      readonly [id: string]: {
        readonly environment?: string;
        readonly properties?: { readonly templateFile?: string };
      } | null;
    };
  } | null;
  const artifact = Object.values(manifest?.artifacts ?? {}).find(
    (one) => one?.properties?.templateFile === path.basename(templateFile),
  );
  const region = /^aws:\/\/[^/]+\/(.+)$/.exec(artifact?.environment ?? '')?.[1];
  return region === 'unknown-region' ? undefined : region;
}
