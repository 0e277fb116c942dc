import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { INSPECTION_FILE, parseInspection, type InspectedFleet, type Inspection } from '../../lib/inspection/contract';
import type { FleetBlueprint } from '../../lib/simulation/blueprint';

/** Folder that `tidegate inspect` wrote. */
export interface InspectedFolder {
  readonly folder: string;
  readonly manifest: Inspection;
}

/**
 * Reads the manifest of a folder; undefined for any other folder or file.
 *
 * @throws InputError when the manifest is damaged
 */
export function inspectedFolder(folder: string): InspectedFolder | undefined {
  const file = path.join(folder, INSPECTION_FILE);
  if (!fs.existsSync(file)) return undefined;
  return { folder, manifest: parseInspection(file, readText(file)) };
}

/** Traffic and service times of a fleet. */
export interface FleetInputs {
  readonly trace: string;
  readonly profile?: string;
  /** True if the trace has the requests of this fleet alone, not those of its endpoint. */
  readonly isOwnTrace: boolean;
}

/** Flags that come before what an inspection has. */
export interface InputFlags {
  readonly trace?: string;
  readonly profile?: string;
  readonly serviceMean?: number;
}

/** Fleet with the inputs that belong to it. */
export interface FleetWithInputs {
  readonly fleet: FleetBlueprint;
  readonly inputs: FleetInputs;
}

/**
 * Gives each fleet its traffic and service times: those of the flags, and otherwise those of the inspection that it comes from.
 *
 * @throws InputError for a fleet without traffic
 */
export function withInputs(
  fleets: readonly FleetBlueprint[],
  names: readonly string[],
  flags: InputFlags,
): FleetWithInputs[] {
  const inspections = names.flatMap((name) => inspectedFolder(name) ?? []);
  return fleets.map((fleet) => {
    const found = inspections.flatMap(({ folder, manifest }) =>
      manifest.fleets
        .filter(({ resourceId }) => resourceId === fleet.resourceId)
        .map((inspected) => ({ folder, inspected })),
    )[0];
    const own = found?.inspected.trace ?? null;
    const trace = flags.trace ?? (own === null ? undefined : path.join(found!.folder, own));
    if (trace === undefined) throw noTrace(fleet, found?.inspected);
    const profile =
      flags.profile ??
      (flags.serviceMean !== undefined || found === undefined || found.inspected.profile === null
        ? undefined
        : path.join(found.folder, found.inspected.profile));
    const isOwnTrace = flags.trace === undefined;
    const { share: _ofTheEndpoint, ...alone } = fleet;
    return {
      fleet: isOwnTrace ? alone : fleet,
      inputs: { trace, isOwnTrace, ...(profile !== undefined && { profile }) },
    };
  });
}

function noTrace({ resourceId }: FleetBlueprint, inspected: InspectedFleet | undefined): InputError {
  return new InputError(
    inspected === undefined
      ? '--trace is missing; give the traffic: requests, counts per step, a CloudWatch export, or a folder of tidegate inspect in place of the template'
      : `${resourceId}: the inspection recorded no request; give the traffic with --trace`,
  );
}

/**
 * Returns the one inspected fleet that a command plays, with its folder.
 *
 * @throws InputError when the folder is no inspection, or has several fleets with traffic and none is chosen
 */
export function onlyInspectedFleet(
  folder: string,
  wanted: string | undefined,
): { readonly folder: string; readonly fleet: InspectedFleet } {
  const inspection = inspectedFolder(folder);
  if (inspection === undefined) {
    throw new InputError(
      `'${folder}' has no ${INSPECTION_FILE}; give a folder that tidegate inspect wrote, or the traffic with --trace`,
    );
  }
  const fleets = inspection.manifest.fleets.filter(
    ({ resourceId, trace }) => trace !== null && (wanted === undefined || resourceId.includes(wanted)),
  );
  const [fleet] = fleets;
  const names = inspection.manifest.fleets.map(({ resourceId }) => resourceId).join(', ');
  if (fleet === undefined) {
    throw new InputError(`${folder} has no traffic ${wanted === undefined ? '' : `of '${wanted}' `}(fleets: ${names})`);
  }
  if (fleets.length > 1) {
    throw new InputError(`${folder} has several fleets with traffic; choose one with --fleet: ${names}`);
  }
  return { folder, fleet };
}
