import * as fs from 'node:fs';
import * as path from 'node:path';

interface Template {
  readonly Resources: { readonly [id: string]: { readonly Type: string; Metadata?: object } };
  Conditions?: { CDKMetadataAvailable?: object };
}

/** Templates of a cloud assembly by name, without what only says who synthesized them: metadata. */
export function templatesOf(assembly: string): { [name: string]: unknown } {
  const names = fs.readdirSync(assembly).filter((name) => name.endsWith('.template.json'));
  return Object.fromEntries(
    names.sort().map((name) => {
      const template = JSON.parse(fs.readFileSync(path.join(assembly, name), 'utf8')) as Template;
      const resources = Object.entries(template.Resources).filter(([, { Type }]) => Type !== 'AWS::CDK::Metadata');
      const { CDKMetadataAvailable: _, ...conditions } = template.Conditions ?? {};
      return [
        name,
        {
          ...template,
          Resources: Object.fromEntries(resources.map(([id, { Metadata: _metadata, ...resource }]) => [id, resource])),
          Conditions: conditions,
        },
      ];
    }),
  );
}
