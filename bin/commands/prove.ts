import { Command } from 'commander';
import * as fs from 'node:fs';
import { InputError } from '../../lib/core/errors';
import type { Finding } from '../../lib/proof/finding';
import type { ProofTemplate } from '../../lib/proof/subjects';
import { prove, RULES } from '../../lib/proof/prove';
import { parseTemplateText } from './template-text';

/** Where the command writes and how it tells its exit code. */
export interface ProveSurroundings {
  readonly stdout: { write(text: string): unknown };
  /** Told 0, or 1 when there is an error; bad input is thrown as an InputError instead. */
  readonly onExitCode: (code: 0 | 1) => void;
}

interface ProveFlags {
  readonly template?: string[];
  readonly quota?: { readonly [instanceType: string]: number };
  readonly region?: string;
  readonly json?: true;
  readonly rules?: true;
}

/** CloudFormation itself takes 1 MB; anything far beyond is no template. */
const LARGEST_TEMPLATE_BYTES = 64 * 1024 * 1024;

/**
 * `tidegate prove`: judges the scaling of anyone's synthesized templates.
 *
 * The exit code is 0 without errors (warnings are printed), 1 with errors; bad input is thrown as an InputError (the command line exits
 * with 2).
 */
export function proveCommand({ stdout, onExitCode }: ProveSurroundings): Command {
  return new Command('prove')
    .description(
      'judge the scaling of synthesized templates: metrics nobody publishes, impossible zeros, lost counts …',
    )
    .option('--template <files...>', 'CloudFormation templates, JSON or YAML, such as cdk.out/*.template.json')
    .option('--quota <type=count...>', 'instances that the account may have, for example ml.g5.xlarge=8', quota)
    .option('--region <region>', 'the region the templates are deployed to, for example eu-west-3', region)
    .option('--json', 'print the findings as JSON')
    .option('--rules', 'print the catalogue of rules')
    .allowExcessArguments(false)
    .action((flags: ProveFlags) => {
      if (flags.rules === true) {
        stdout.write(flags.json === true ? `${JSON.stringify({ rules: catalogue() }, null, 2)}\n` : catalogueText());
        onExitCode(0);
        return;
      }
      if (flags.template === undefined || flags.template.length === 0) {
        throw new InputError(
          '--template names no file; give one or more, for example --template cdk.out/*.template.json',
        );
      }
      const where = flags.region === undefined ? {} : { region: flags.region };
      const findings = prove(
        flags.template.map((file) => ({ ...readTemplate(file), ...where })),
        flags.quota === undefined ? {} : { quotas: flags.quota },
      );
      stdout.write(flags.json === true ? `${JSON.stringify({ findings }, null, 2)}\n` : findingsText(findings));
      onExitCode(findings.some(({ severity }) => severity === 'error') ? 1 : 0);
    });
}

function quota(
  value: string,
  earlier: { readonly [instanceType: string]: number } = {},
): { readonly [instanceType: string]: number } {
  const [, instanceType, count] = /^(ml\.[a-z0-9.-]+)=(\d{1,6})$/.exec(value) ?? [];
  if (instanceType === undefined) {
    throw new InputError(`--quota '${value}' is no TYPE=COUNT; write for example ml.g5.xlarge=8`);
  }
  return { ...earlier, [instanceType]: Number(count) };
}

function region(value: string): string {
  if (!/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/.test(value)) {
    throw new InputError(`--region '${value}' is no region of AWS; write for example eu-west-3`);
  }
  return value;
}

function readTemplate(file: string): ProofTemplate {
  let text: string;
  try {
    const { size } = fs.statSync(file);
    if (size > LARGEST_TEMPLATE_BYTES) {
      throw new InputError(`${file}: ${size} bytes are too many for a template (at most ${LARGEST_TEMPLATE_BYTES})`);
    }
    text = fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`--template ${file} cannot be read (${(error as Error).message}); check the path`);
  }
  return { name: file, document: parseTemplateText(text, file) };
}

function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'nothing to accuse\n';
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const blocks = findings.map(
    ({ rule, severity, template, logicalId, property, message, remedy }) =>
      `${severity} ${rule}\n  ${template}: ${logicalId}${property === '' ? '' : `.${property}`}\n  ${message}\n  ${remedy}\n`,
  );
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  return `${blocks.join('\n')}\n${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}\n`;
}

function catalogue(): { id: string; severity: string; reason: string; remedy: string; source: string }[] {
  return RULES.map(({ id, severity, reason, remedy, source }) => ({ id, severity, reason, remedy, source }));
}

function catalogueText(): string {
  return catalogue()
    .map(
      ({ id, severity, reason, remedy, source }) =>
        `${id} (${severity})\n  ${reason}\n  remedy: ${remedy}\n  source: ${source}\n`,
    )
    .join('\n');
}
