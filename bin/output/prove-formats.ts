import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ConditionalWarnings, Finding } from '../../lib/proof/finding';
import { RULES } from '../../lib/proof/prove';
import type { TemplateLines } from '../input/template-lines';
import { junitXml, type JunitCase } from './junit';
import { markdownCode, markdownTable, markdownText } from './markdown';

const REPOSITORY = 'https://github.com/tidegate/tidegate';

/** Findings with everything that their forms need. */
export interface ProvenTemplates {
  /** Names of all templates, those without a finding too. */
  readonly templates: readonly string[];
  readonly findings: readonly Finding[];
  readonly conditionalWarnings: readonly ConditionalWarnings[];
  readonly lines: TemplateLines;
  readonly version: string | undefined;
}

/**
 * Findings as SARIF 2.1.0, for code scanning. Paths are relative to the root of the repository around the working directory, which
 * `%SRCROOT%` stands for: whoever reads the file has it somewhere else.
 *
 * Source: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
 */
export function sarifOfFindings({ findings, lines, version }: ProvenTemplates): string {
  const root = sourceRoot(process.cwd());
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'tidegate',
            informationUri: REPOSITORY,
            ...(version !== undefined && { version, semanticVersion: version }),
            rules: RULES.map(({ id, severity, reason, remedy, source }) => ({
              id,
              name: id,
              shortDescription: { text: sentence(reason) },
              fullDescription: { text: `${sentence(reason)} ${sentence(remedy)}` },
              help: {
                text: `${sentence(reason)}\nRemedy: ${sentence(remedy)}\nSource: ${sentence(source)}`,
                markdown: `${sentence(reason)}\n\n**Remedy:** ${sentence(remedy)}\n\n**Source:** ${sentence(source)}`,
              },
              helpUri: `${REPOSITORY}/blob/main/lib/proof/RULES.md`,
              defaultConfiguration: { level: severity },
              properties: { tags: ['autoscaling', 'sagemaker'], 'problem.severity': severity, precision: 'high' },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => resultOf(finding, root, lines)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function resultOf(finding: Finding, root: string, lines: TemplateLines): object {
  const { rule, severity, template, logicalId, property, message, remedy } = finding;
  const artifactLocation = locationOf(template, root);
  const place = placeOf(finding);
  return {
    ruleId: rule,
    ruleIndex: RULES.findIndex(({ id }) => id === rule),
    level: severity,
    message: { text: `${sentence(message)} ${sentence(remedy)}` },
    locations: [
      {
        physicalLocation: { artifactLocation, region: { startLine: lines.lineOf(finding) ?? 1 } },
        logicalLocations: [{ name: logicalId, fullyQualifiedName: place, kind: 'resource' }],
      },
    ],
    // The same finding in another version of the template: lines move, logical ids stay.
    partialFingerprints: {
      primaryLocationLineHash: `${createHash('sha256').update([rule, artifactLocation.uri, logicalId, property].join('\n')).digest('hex').slice(0, 16)}:1`,
    },
  };
}

function locationOf(template: string, root: string): { readonly uri: string; readonly uriBaseId?: string } {
  const file = path.resolve(template);
  const relative = path.relative(root, file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return { uri: pathToFileURL(file).href };
  return { uri: relative.split(path.sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}

/** Folder of the repository around a folder, or the folder itself. */
function sourceRoot(folder: string): string {
  for (let above = folder; ; above = path.dirname(above)) {
    if (fs.existsSync(path.join(above, '.git'))) return above;
    if (above === path.dirname(above)) return folder;
  }
}

/** Findings as a JUnit report: a suite a template, a case a rule. Warnings are output of a case that passes. */
export function junitOfFindings({ templates, findings, lines }: ProvenTemplates): string {
  const textOf = (finding: Finding): string => {
    const line = lines.lineOf(finding);
    return `${finding.template}${line === undefined ? '' : `:${line}`}: ${placeOf(finding)}\n${finding.message}\n${finding.remedy}`;
  };
  return junitXml(
    'tidegate prove',
    templates.map((name) => ({
      name,
      cases: RULES.map(({ id }): JunitCase => {
        const own = findings.filter(({ template, rule }) => template === name && rule === id);
        const errors = own.filter(({ severity }) => severity === 'error');
        const warnings = own.filter(({ severity }) => severity === 'warning');
        return {
          name: id,
          ...(errors.length > 0 && {
            failure: { message: errors[0]!.message, text: errors.map(textOf).join('\n\n') },
          }),
          ...(warnings.length > 0 && { output: warnings.map((one) => `warning ${textOf(one)}`).join('\n\n') }),
        };
      }),
    })),
  );
}

/** Findings as a comment on a pull request. */
export function markdownOfFindings({ templates, findings, conditionalWarnings, lines }: ProvenTemplates): string {
  const counted = `${templates.length} ${templates.length === 1 ? 'template' : 'templates'}`;
  const further = conditionalWarnings.map((one) => `${markdownText(conditionalText(one))}.\n\n`).join('');
  if (findings.length === 0) return `### tidegate prove: no findings\n\n${further}${counted} checked.\n`;
  const rows = findings.map((finding) => {
    const line = lines.lineOf(finding);
    return [
      finding.severity === 'error' ? '❌ error' : '⚠️ warning',
      markdownCode(finding.rule),
      `${markdownCode(`${finding.template}${line === undefined ? '' : `:${line}`}`)} ${markdownCode(placeOf(finding))}`,
      markdownText(finding.message),
      markdownText(finding.remedy),
    ];
  });
  const table = markdownTable(['', 'rule', 'where', 'problem', 'remedy'], rows);
  return `### tidegate prove: ${findingCounts(findings)}\n\n${table}\n\n${further}${counted} checked.\n`;
}

/** Errors and warnings in numbers. */
export function findingCounts(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  return `${count(errors, 'error')}, ${count(findings.length - errors, 'warning')}`;
}

/** Line about the warnings behind a condition, with their rules. */
export function conditionalText({ condition, value, findings }: ConditionalWarnings): string {
  const warnings = findings.length === 1 ? '1 more warning' : `${findings.length} more warnings`;
  const rules = [...new Set(findings.map(({ rule, logicalId }) => `${rule} (${logicalId})`))].sort();
  return `${warnings} when ${condition} is ${value}: ${rules.join(', ')}`;
}

/** Resource and property of a finding. */
export function placeOf({ logicalId, property }: Finding): string {
  return `${logicalId}${property === '' ? '' : `.${property}`}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
