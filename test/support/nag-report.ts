import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

/** Findings of cdk-nag's AwsSolutions pack for a stack; rule ids are without the pack's name. */
export interface NagReport {
  readonly open: readonly string[];
  readonly accepted: readonly { readonly rule: string; readonly at: string }[];
}

interface Violation {
  readonly ruleName: string;
  readonly acknowledgedAt?: string;
}

interface Report {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly violations: readonly Violation[];
    readonly suppressedViolations?: readonly Violation[];
  }[];
}

/** Builds a stack, synthesises it and reads the pack's report; with open findings the report still comes back. */
export function nagReport(build: (stack: Stack) => void): NagReport {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-rules-'));
  try {
    const app = new App({ outdir, context: { '@aws-cdk/aws-iam:minimizePolicies': true } });
    Validations.of(app).addPlugins(new AwsSolutionsChecks());
    build(new Stack(app, 'Rules', { env: { account: '123456789012', region: 'us-east-1' } }));
    try {
      app.synth();
    } catch (error) {
      if (!fs.existsSync(path.join(outdir, 'validation-report.json'))) throw error;
    }
    const text = fs.readFileSync(path.join(outdir, 'validation-report.json'), 'utf8');
    const reports = (JSON.parse(text) as Report).pluginReports.filter(
      ({ pluginName }) => pluginName === 'AwsSolutions',
    );
    const rule = ({ ruleName }: Violation): string => ruleName.replace(/^AwsSolutions-/, '');
    return {
      open: reports.flatMap(({ violations }) => violations.map(rule)),
      accepted: reports.flatMap(({ suppressedViolations = [] }) =>
        suppressedViolations.map((violation) => ({ rule: rule(violation), at: violation.acknowledgedAt ?? '' })),
      ),
    };
  } finally {
    fs.rmSync(outdir, { recursive: true });
  }
}
