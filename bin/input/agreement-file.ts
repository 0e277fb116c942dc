import * as path from 'node:path';
import { parseJson } from '../../lib/core/parse';
import { readText } from '../../lib/files/read-text';
import { writeWholeFile } from '../../lib/files/write-file';
import type { Inspection } from '../../lib/inspection/contract';
import type { Agreement } from '../../lib/simulation/agree';
import { inspectedFolder, type InspectedFolder } from './inspected-folder';

/** File of an inspection's folder with the result of `tidegate agree`, for the commands that advise on it. */
const AGREEMENT_FILE = 'agreement.json';

/** Writes the result of `tidegate agree` into the folder; one that cannot be written is computed again with the next run. */
export function writeAgreement(folder: string, { madeAt }: Inspection, agreements: readonly Agreement[]): void {
  try {
    writeWholeFile(path.join(folder, AGREEMENT_FILE), `${JSON.stringify({ madeAt, agreements }, null, 2)}\n`);
  } catch {
    // A folder that may only be read has its agreement on stdout.
  }
}

/**
 * Sentences about folders of `tidegate inspect` before anything is advised on them: a rehearsal does not reproduce the recorded past, or its
 * agreement is not known. None for other templates, nor where the rehearsal agrees.
 */
export function agreementNotes(templates: readonly string[]): string[] {
  const inspections = templates.flatMap((name) => inspectedFolder(name) ?? inspectedFolder(path.dirname(name)) ?? []);
  const notes = inspections.flatMap((inspection) => {
    const { folder } = inspection;
    const found = disagreements(inspection);
    if (found === undefined)
      return [`the agreement of a rehearsal with the recorded past is not known; run tidegate agree ${folder}`];
    return found.map(
      ({ resourceId, reasons }) =>
        `a rehearsal does not reproduce the recorded past of ${resourceId}, so its advice is worth less: ${reasons.join('; ')} ` +
        `(tidegate agree ${folder})`,
    );
  });
  return [...new Set(notes)];
}

/** Fleets that do not agree; undefined without a result for this inspection. */
function disagreements({
  folder,
  manifest,
}: InspectedFolder): readonly Pick<Agreement, 'resourceId' | 'reasons'>[] | undefined {
  try {
    const name = path.join(folder, AGREEMENT_FILE);
    return parseJson(name, readText(name), 'a result of tidegate agree', (root) => {
      root.at('madeAt').number('the time of the inspection', (moment) => moment === manifest.madeAt);
      return root
        .at('agreements')
        .items()
        .map((one) => ({
          resourceId: one.at('resourceId').text(),
          agrees: one.at('agrees').flag(),
          reasons: one
            .at('reasons')
            .items()
            .map((reason) => reason.text()),
        }))
        .filter(({ agrees }) => !agrees);
    });
  } catch {
    return undefined;
  }
}
