import * as fs from 'node:fs';
import * as path from 'node:path';
import { globSync } from 'tinyglobby';
import { InputError } from '../../lib/core/errors';

/** Name that stands for standard input. */
export const STANDARD_INPUT = '-';

/** Endings of templates in folders: what `cdk synth` and `sam build` write, and what people call theirs. */
const TEMPLATE = /(^|\.)template\.(json|ya?ml)$/i;
const LOOKED_FOR = '*.template.json, *.template.yaml, *.template.yml or template.yaml';

/** Folders of nested cloud assemblies, those of the stages of an app. Source: cx-api, `CloudAssemblyBuilder.createNestedAssembly`. */
const NESTED_ASSEMBLY = /^assembly-/;

/**
 * Template files that paths, folders and patterns name, each once, in their order.
 *
 * A path that exists is never a pattern, whatever characters it has. Patterns are expanded here because some shells do not expand them.
 *
 * @throws InputError naming the pattern that matches nothing, or the folder without a template
 */
export function templateFiles(given: readonly string[]): string[] {
  const files = new Map<string, string>();
  for (const file of given.flatMap(filesNamed)) {
    const key = file === STANDARD_INPUT ? file : path.resolve(file);
    if (!files.has(key)) files.set(key, file);
  }
  return [...files.values()];
}

function filesNamed(name: string): readonly string[] {
  if (name === STANDARD_INPUT) return [name];
  const kind = fs.statSync(name, { throwIfNoEntry: false });
  if (kind?.isDirectory() === true) return filesOfFolder(name);
  if (kind === undefined && isPattern(name)) return matchesOf(name);
  // A missing file is an error of reading, with its reason.
  return [name];
}

function filesOfFolder(folder: string): string[] {
  const files = templatesIn(folder);
  if (files.length > 0) return files;
  throw new InputError(
    `--template is '${folder}', a folder without a template (${LOOKED_FOR}, also in nested assemblies); ${wayOut(folder)}`,
  );
}

function templatesIn(folder: string): string[] {
  const entries = entriesOf(folder);
  const here = entries.filter((entry) => !entry.isDirectory() && TEMPLATE.test(entry.name));
  const nested = entries.filter((entry) => entry.isDirectory() && NESTED_ASSEMBLY.test(entry.name));
  return [
    ...here.map(({ name }) => path.join(folder, name)),
    ...nested.flatMap(({ name }) => templatesIn(path.join(folder, name))),
  ];
}

function entriesOf(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw new InputError(
      `--template is '${folder}', which cannot be read (${(error as NodeJS.ErrnoException).code}); check its permissions`,
    );
  }
}

/** Next step for somebody whose folder has no template. */
function wayOut(folder: string): string {
  const names = entriesOf(folder).map(({ name }) => name);
  if (names.includes('cdk.out')) return `give ${path.join(folder, 'cdk.out')}`;
  const file = names.find((name) => /\.(ya?ml|json)$/i.test(name) && name !== 'manifest.json' && name !== 'tree.json');
  return file === undefined ? 'run cdk synth, or check the path' : `name its files, such as ${path.join(folder, file)}`;
}

function isPattern(name: string): boolean {
  return /[*?[\]{}]/.test(name);
}

function matchesOf(name: string): readonly string[] {
  const parts = (path.sep === '\\' ? name.replaceAll('\\', '/') : name).split('/');
  // Folders before the first special character are walked into, not matched: the pattern may lead out of the working directory.
  const wildcard = parts.findIndex(isPattern);
  const folder = wildcard === 0 ? '.' : `${parts.slice(0, wildcard).join('/')}/`;
  const find = (onlyDirectories: boolean): string[] =>
    globSync(parts.slice(wildcard).join('/'), {
      cwd: folder,
      expandDirectories: false,
      dot: true,
      onlyFiles: !onlyDirectories,
      onlyDirectories,
    })
      .map((match) => path.join(folder, match))
      .sort();
  const files = find(false);
  if (files.length > 0) return files;
  const folders = find(true);
  const inFolders = folders.flatMap(templatesIn);
  if (inFolders.length > 0) return inFolders;
  throw new InputError(
    `--template is '${name}', a pattern that matches ${folders.length > 0 ? `folders without a template (${LOOKED_FOR})` : 'no file'}, ` +
      `seen from ${process.cwd()}; run cdk synth, or check the path`,
  );
}
