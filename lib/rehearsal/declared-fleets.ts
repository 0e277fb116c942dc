import * as fs from 'node:fs';
import type { PolicyValidationStack } from 'aws-cdk-lib';
import { fleetsOfTemplates, type TemplateFleets } from '../simulation/blueprint';
import { synthesizedTemplates, type ParameterValues, type TemplateDocument } from '../template';

/** A place in a template. */
export interface TemplatePlace {
  readonly templatePath: string;
  /** Undefined for a template as a whole. */
  readonly targetLogicalId?: string;
}

/** Templates of the synthesized stacks; stacks without resources are left out. */
export function stackTemplates(stacks: readonly PolicyValidationStack[]): TemplateDocument[] {
  return synthesizedTemplates(stacks, (file) =>
    fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as unknown) : undefined,
  );
}

/** Fleets of the synthesized templates, with the reasons for those that cannot be rehearsed (serverless, imported endpoints). */
export function declaredFleets(
  templates: readonly TemplateDocument[],
  parameters: ParameterValues = {},
): TemplateFleets {
  return fleetsOfTemplates(templates, {
    parameters,
    parameterRemedy: (name) => `parameters: { ${name}: 'VALUE' } of the RehearsalCheck`,
  });
}

/** First resource of the templates, for a finding about all of them; undefined without templates. */
export function firstResource(templates: readonly TemplateDocument[]): TemplatePlace | undefined {
  const [first] = templates;
  if (first === undefined) return undefined;
  const { Resources } = first.document as { readonly Resources: object };
  const [targetLogicalId] = Object.keys(Resources);
  return { templatePath: first.name, ...(targetLogicalId !== undefined && { targetLogicalId }) };
}
