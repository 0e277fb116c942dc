import * as fs from 'node:fs';
import type { PolicyValidationStack } from 'aws-cdk-lib';
import { fleetsOfTemplate, type FleetBlueprint } from '../simulation/template';
import { Template } from '../simulation/template/template';

/** A fleet of a synthesized stack, and where it is declared. */
export interface DeclaredFleet {
  readonly blueprint: FleetBlueprint;
  readonly templatePath: string;
  /** The scalable target's logical id; undefined where the template says it in a way that cannot be followed. */
  readonly targetLogicalId: string | undefined;
}

/** Every fleet of the synthesized stacks; those no rehearsal knows (serverless, imported endpoints) are in `skipped` with the reason. */
export function declaredFleets(stacks: readonly PolicyValidationStack[]): {
  readonly fleets: readonly DeclaredFleet[];
  readonly skipped: readonly string[];
} {
  const fleets: DeclaredFleet[] = [];
  const skipped: string[] = [];
  for (const { templatePath, region } of stacks) {
    const options = {
      name: templatePath,
      ...(region !== undefined && !/\$\{|unknown/.test(region) && { region }),
    };
    const document: unknown = JSON.parse(fs.readFileSync(templatePath, 'utf8'));
    if ((document as { readonly Resources?: unknown }).Resources === undefined) continue;
    const found = fleetsOfTemplate(document, options);
    skipped.push(...found.skipped);
    const template = new Template(document, options);
    const targets = template.ofType('AWS::ApplicationAutoScaling::ScalableTarget');
    for (const blueprint of found.fleets) {
      const target = targets.find(
        ({ properties }) =>
          template.text(properties['ResourceId']) === blueprint.resourceId &&
          template.text(properties['ScalableDimension']) === blueprint.scalableDimension,
      );
      fleets.push({ blueprint, templatePath, targetLogicalId: target?.logicalId });
    }
  }
  return { fleets, skipped };
}

/** The first resource of the stacks, for what is said of them all. */
export function firstResource(
  stacks: readonly PolicyValidationStack[],
): Pick<DeclaredFleet, 'templatePath' | 'targetLogicalId'> {
  for (const { templatePath } of stacks) {
    const { Resources } = JSON.parse(fs.readFileSync(templatePath, 'utf8')) as { readonly Resources?: object };
    const [targetLogicalId] = Object.keys(Resources ?? {});
    if (targetLogicalId !== undefined) return { templatePath, targetLogicalId };
  }
  return { templatePath: stacks[0]?.templatePath ?? '', targetLogicalId: undefined };
}
