import { Command } from 'commander';
import type { Finding, Proof, Severity } from '../../lib/proof/finding';
import { proofOf, RULES } from '../../lib/proof/prove';
import { givenTemplates, quotaFlag, regionFlag, takesTemplates } from '../flags';
import { withExamples, type Example } from '../examples';
import { isInspected, readTemplates } from '../input/template-files';
import { TemplateLines } from '../input/template-lines';
import type { Colours } from '../output/colours';
import {
  conditionalText,
  findingCounts,
  junitOfFindings,
  markdownOfFindings,
  placeOf,
  sarifOfFindings,
} from '../output/prove-formats';
import { checkResultFlags, takesResultFlags, writeResult, type ResultFlags } from '../output/result-output';
import type { CommandSurroundings } from './surroundings';

interface ProveFlags extends ResultFlags {
  readonly template?: string[];
  readonly quota?: { readonly [instanceType: string]: number };
  readonly region?: string;
  readonly rules?: true;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate prove cdk.out', 'every template of a cloud assembly'],
  ['tidegate prove stack.yaml --quota ml.g5.xlarge=8', 'one template, and the quota of the account'],
  ["tidegate prove 'cdk.out/*.template.json' --region eu-west-3", 'a pattern, and what the region refuses'],
  ['tidegate prove cdk.out --format sarif --out tidegate.sarif', 'findings for code scanning'],
  ['tidegate prove --rules', 'the catalogue of rules, with sources'],
];

/**
 * `tidegate prove`: checks the scaling of any synthesized templates.
 *
 * The exit code is 0 without errors (warnings are printed), 1 with errors; bad input is thrown as an InputError (the command line exits
 * with 2).
 */
export function proveCommand(surroundings: CommandSurroundings): Command {
  const command = withExamples(takesTemplates(new Command('prove')), EXAMPLES)
    .option(
      '--quota <type=count...>',
      'maximum number of instances in the account, for example ml.g5.xlarge=8',
      quotaFlag,
    )
    .option('--region <region>', 'region of the templates (default: that of their cloud assembly)', regionFlag)
    .option('--rules', 'print the catalogue of rules');
  return takesResultFlags(command, ['text', 'json', 'sarif', 'junit', 'markdown']).action(
    (templates: string[], flags: ProveFlags) => {
      checkResultFlags(flags);
      if (flags.rules === true) {
        writeResult(flags, surroundings, {
          text: catalogueText,
          json: () => `${JSON.stringify({ rules: catalogue() }, null, 2)}\n`,
        });
        surroundings.onExitCode(0);
        return;
      }
      const template = givenTemplates(templates, flags);
      const { region, quota: quotas } = flags;
      const documents = readTemplates({ template, ...(region !== undefined && { region }) });
      const proof = withoutUnread(proofOf(documents, quotas === undefined ? {} : { quotas }));
      const { findings, conditionalWarnings } = proof;
      const proven = {
        templates: documents.map(({ name }) => name),
        findings,
        conditionalWarnings,
        lines: new TemplateLines(),
        version: surroundings.version,
      };
      writeResult(flags, surroundings, {
        text: (colours) => findingsText(proof, colours),
        json: () => `${JSON.stringify(proof, null, 2)}\n`,
        sarif: () => sarifOfFindings(proven),
        junit: () => junitOfFindings(proven),
        markdown: () => markdownOfFindings(proven),
      });
      surroundings.onExitCode(findings.some(({ severity }) => severity === 'error') ? 1 : 0);
    },
  );
}

/** Leaves out findings about alarms that an inspection does not read: they are in the account all the same. */
function withoutUnread(proof: Proof): Proof {
  const isRead = ({ rule, template }: Finding): boolean =>
    rule !== 'rollback-alarm-of-nothing' || !isInspected(template);
  return { ...proof, findings: proof.findings.filter(isRead) };
}

function findingsText({ findings, conditionalWarnings }: Proof, colours: Colours): string {
  const further = conditionalWarnings.map((one) => `${colours.yellow(conditionalText(one))}\n`).join('');
  if (findings.length === 0) return `${colours.green('no findings')}\n${further}`;
  const blocks = findings.map(
    (finding) =>
      `${severityText(finding.severity, colours)} ${colours.bold(finding.rule)}\n  ${colours.cyan(`${finding.template}: ${placeOf(finding)}`)}\n  ${finding.message}\n  ${colours.green(finding.remedy)}\n`,
  );
  return `${blocks.join('\n')}\n${findingCounts(findings)}\n${further}`;
}

function severityText(severity: Severity, colours: Colours): string {
  return severity === 'error' ? colours.red(severity) : colours.yellow(severity);
}

function catalogue(): { id: string; severity: Severity; reason: string; remedy: string; source: string }[] {
  return RULES.map(({ id, severity, reason, remedy, source }) => ({ id, severity, reason, remedy, source }));
}

function catalogueText(colours: Colours): string {
  return catalogue()
    .map(
      ({ id, severity, reason, remedy, source }) =>
        `${colours.bold(id)} (${severityText(severity, colours)})\n  ${reason}\n  remedy: ${remedy}\n  source: ${source}\n`,
    )
    .join('\n');
}
