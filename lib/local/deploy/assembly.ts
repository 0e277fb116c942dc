import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../core/errors';

/** Stack of a cloud assembly with its template. */
export interface AssemblyStack {
  readonly name: string;
  readonly template: StackTemplate;
}

/** Resources of a stack's template. */
export interface StackTemplate {
  readonly Resources: {
    readonly [logicalId: string]: { readonly Type: string; readonly Properties?: { readonly [name: string]: unknown } };
  };
}

/** Returns the stacks of an assembly and of its nested assemblies. */
export function readAssembly(directory: string): readonly AssemblyStack[] {
  const manifestFile = path.join(directory, 'manifest.json');
  let manifest: { readonly artifacts?: { readonly [id: string]: AssemblyArtifact } };
  try {
    manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8')) as typeof manifest;
  } catch (error) {
    throw new InputError(`${directory} is not a cloud assembly (${(error as Error).message}); run cdk synth into it`);
  }
  return Object.entries(manifest.artifacts ?? {}).flatMap(([id, { type, properties }]) => {
    if (type === 'cdk:cloud-assembly') return readAssembly(path.join(directory, properties?.directoryName ?? id));
    if (type !== 'aws:cloudformation:stack') return [];
    const text = fs.readFileSync(path.join(directory, properties!.templateFile!), 'utf8');
    return [{ name: properties?.stackName ?? id, template: JSON.parse(text) as StackTemplate }];
  });
}

interface AssemblyArtifact {
  readonly type: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
  };
}
