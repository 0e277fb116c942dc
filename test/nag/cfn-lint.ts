import { execFile } from 'node:child_process';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import { projectDirectory } from '../architecture/imports';

const run = promisify(execFile);

/** Regions for which templates are linted: types and properties that one of them lacks are findings. */
const REGIONS = ['us-east-1', 'us-west-2', 'eu-central-1', 'ap-northeast-1'];

/** A finding of cfn-lint, as it prints it. */
interface Match {
  readonly Filename: string;
  readonly Message: string;
  readonly Rule: { readonly Id: string };
  readonly Location: { readonly Path: readonly (string | number)[] | null };
}

/** A finding in a template. */
export interface LintFinding {
  readonly file: string;
  readonly rule: string;
  readonly message: string;
  /** Keys from the template's root to the finding. */
  readonly path: readonly (string | number)[];
}

/**
 * Installs cfn-lint in an environment of its own, once, and returns the path of its interpreter.
 *
 * @throws InputError that says how to get Python or the package
 */
export function ensureCfnLint(): Promise<string> {
  return ensurePythonEnvironment({
    projectDirectory,
    packages: {
      folder: 'cfn-lint',
      requirements: path.join(__dirname, 'requirements.txt'),
      title: 'cfn-lint',
      module: 'cfnlint',
    },
  });
}

/** Lints templates in one process, which starts in two seconds. */
export async function lint(python: string, folder: string, files: readonly string[]): Promise<LintFinding[]> {
  const flags = [
    '-c',
    'import cfnlint.runner; cfnlint.runner.main()',
    '--format',
    'json',
    '--non-zero-exit-code',
    'none',
    '--regions',
    ...REGIONS,
  ];
  const { stdout } = await run(python, [...flags, '--', ...files], { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(stdout) as Match[]).map(({ Filename, Message, Rule, Location }) => ({
    file: Filename,
    rule: Rule.Id,
    message: Message,
    path: Location.Path ?? [],
  }));
}
