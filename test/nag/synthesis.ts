import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, type Stack, Validations } from 'aws-cdk-lib';
import {
  AwsSolutionsChecks,
  HIPAASecurityChecks,
  NIST80053R4Checks,
  NIST80053R5Checks,
  PCIDSS321Checks,
  ServerlessChecks,
} from 'cdk-nag';
import { projectDirectory } from '../architecture/imports';

/** A finding in the report of a synthesis. */
export interface Finding {
  readonly ruleName: string;
  readonly severity: string;
  readonly violatingConstructs: readonly { readonly constructPath: string }[];
}

/** A finding that was acknowledged. */
export interface Acknowledged extends Finding {
  readonly acknowledgedId: string;
  readonly reason: string;
  readonly acknowledgedAt: string;
}

/** What a synthesis left. */
export interface Synthesis {
  /** Why it failed; undefined when it did not. */
  readonly error: string | undefined;
  readonly violations: readonly Finding[];
  readonly acknowledged: readonly Acknowledged[];
  /** Warnings and errors that constructs wrote on themselves. */
  readonly annotations: readonly string[];
  readonly app: App;
  /** Types of the resources in the template, each once; none where the synthesis failed. */
  readonly resourceTypes: readonly string[];
}

const PACKS = [
  AwsSolutionsChecks,
  HIPAASecurityChecks,
  NIST80053R4Checks,
  NIST80053R5Checks,
  PCIDSS321Checks,
  ServerlessChecks,
] as const;

/** The context of the app as the toolkit reads it, with warnings of the template validation as errors. */
export function context(): { [name: string]: unknown } {
  const { context: fromFile } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8')) as {
    readonly context: { readonly [name: string]: unknown };
  };
  return { ...fromFile, '@aws-cdk/core:strictCfnValidateErrors': true };
}

/** Synthesises what `define` puts into an app, under strict template validation and every pack of cdk-nag. */
export function synthesise(define: (app: App) => Stack): Synthesis {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-nag-'));
  const validation = process.env['CDK_VALIDATION'];
  delete process.env['CDK_VALIDATION'];
  const silenced = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    const app = new App({ outdir, context: context(), analyticsReporting: false });
    Validations.of(app).addPlugins(...PACKS.map((Pack) => new Pack(app)));
    const stack = define(app);
    const error = messageOf(() => app.synth());
    const resourceTypes = error === undefined ? typesIn(path.join(outdir, stack.templateFile)) : [];
    return { ...readReport(outdir), error, annotations: annotationsOf(stack), app, resourceTypes };
  } finally {
    silenced.mockRestore();
    process.env['CDK_VALIDATION'] = validation;
    fs.rmSync(outdir, { recursive: true });
  }
}

function typesIn(templateFile: string): string[] {
  const { Resources } = JSON.parse(fs.readFileSync(templateFile, 'utf8')) as {
    readonly Resources: { readonly [id: string]: { readonly Type: string } };
  };
  return [...new Set(Object.values(Resources).map(({ Type }) => Type))];
}

function messageOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function readReport(outdir: string): Pick<Synthesis, 'violations' | 'acknowledged'> {
  const file = path.join(outdir, 'validation-report.json');
  if (!fs.existsSync(file)) return { violations: [], acknowledged: [] };
  const { pluginReports } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
    readonly pluginReports: readonly { violations: Finding[]; suppressedViolations?: Acknowledged[] }[];
  };
  return {
    // Annotations are in the report too; they are read from the constructs.
    violations: pluginReports
      .flatMap(({ violations }) => violations)
      .filter(({ ruleName }) => !ruleName.startsWith('Annotation::')),
    acknowledged: pluginReports.flatMap(({ suppressedViolations = [] }) => suppressedViolations),
  };
}

function annotationsOf(stack: Stack): string[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === 'aws:cdk:warning' || type === 'aws:cdk:error')
        .map(({ data }) => `${node.path}: ${String(data)}`),
    );
}
