import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { withFixedCapacity } from '../../lib/inspection/fixed-capacity';
import { stackOfManifest, type TemplateDocument } from '../../lib/template';
import { inspectedFolder, type InspectedFolder } from './inspected-folder';
import { STANDARD_INPUT, templateFiles } from './template-paths';
import { parseTemplateText } from './template-text';

/** Flags that name templates. */
export interface TemplateFlags {
  /** Files, folders of templates, patterns, or `-` for standard input. */
  readonly template: readonly string[];
  readonly region?: string;
}

/**
 * Reads templates, with the region and the name of their stacks from the cloud assembly or the inspection beside them. A given region
 * counts for all.
 *
 * @throws InputError when a path names nothing, a file cannot be read or is neither JSON nor YAML
 */
export function readTemplates({ template, region }: TemplateFlags): TemplateDocument[] {
  const manifests = new Map<string, unknown>();
  return templateFiles(template).map((file) => {
    const given = region !== undefined && { region };
    if (file === STANDARD_INPUT) return { name: nameOf(file), document: readTemplate(file), ...given };
    const inspected = inspectionOf(file);
    if (inspected !== undefined) {
      return { name: file, document: readTemplate(file), region: inspected.manifest.region, ...given };
    }
    const manifest = path.join(path.dirname(file), 'manifest.json');
    if (!manifests.has(manifest)) manifests.set(manifest, fs.existsSync(manifest) ? readTemplate(manifest) : undefined);
    const stack = stackOfManifest(manifests.get(manifest), path.basename(file));
    return { name: file, document: readTemplate(file), ...stack, ...given };
  });
}

/** Reads templates for a rehearsal: inspected fleets that nothing scales have their present capacity as limits. */
export function readRehearsedTemplates(flags: TemplateFlags): TemplateDocument[] {
  return readTemplates(flags).map((template) => {
    const inspected = inspectionOf(template.name);
    if (inspected === undefined) return template;
    return { ...template, document: withFixedCapacity(template.document, inspected.manifest) };
  });
}

/** True for the template of an inspection, which has no alarms but those of policies. */
export function isInspected(file: string): boolean {
  return inspectionOf(file) !== undefined;
}

/** Inspection whose template a file is; undefined for any other file. */
function inspectionOf(file: string): InspectedFolder | undefined {
  const inspected = inspectedFolder(path.dirname(file));
  return inspected?.manifest.template === path.basename(file) ? inspected : undefined;
}

function readTemplate(file: string): unknown {
  return parseTemplateText(textOf(file), nameOf(file));
}

function nameOf(file: string): string {
  return file === STANDARD_INPUT ? 'stdin' : file;
}

function textOf(file: string): string {
  try {
    return readText(file === STANDARD_INPUT ? 0 : file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`--template is '${file}', which cannot be read (${code}); run cdk synth, or check the path`);
  }
}
