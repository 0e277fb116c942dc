import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expectWhole, runPlatform, RUN_TEST_LIMIT_MS, synthesizeLocal, TEMPLATE } from './platform-run';

describe('the platform on this machine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-platform-'));
  const assembly = path.join(folder, 'assembly');

  beforeAll(() => synthesizeLocal(assembly));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test(
    'serves real traffic, trains, and leaves no process behind',
    async () => {
      await expectWhole(await runPlatform(assembly, path.join(folder, 'whole')), assembly);
    },
    RUN_TEST_LIMIT_MS,
  );

  test(
    'fails, naming the denied action, when a handler lacks one permission',
    async () => {
      const lacking = path.join(folder, 'lacking');
      fs.cpSync(assembly, lacking, { recursive: true });
      const file = path.join(lacking, TEMPLATE);
      const template = JSON.parse(fs.readFileSync(file, 'utf8')) as PolicyTemplate;
      expect(removeStatement(template, 'WriteObjects')).toBe(1);
      fs.writeFileSync(file, JSON.stringify(template));

      const { report, output } = await runPlatform(lacking, path.join(folder, 'lacking-report'));
      expect(report.ok).toBe(false);
      expect(report.deniedCalls.map(({ action }) => action)).toContain('s3:PutObject');
      expect(output).toContain('s3:PutObject');
    },
    RUN_TEST_LIMIT_MS,
  );
});

interface PolicyTemplate {
  readonly Resources: {
    readonly [id: string]: {
      readonly Type: string;
      readonly Properties: { PolicyDocument: { Statement: { readonly Sid?: string }[] } };
    };
  };
}

/** Removes a statement from the policies of a template and returns the number of occurrences. */
function removeStatement(template: PolicyTemplate, sid: string): number {
  let removed = 0;
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== 'AWS::IAM::Policy') continue;
    const document = Properties.PolicyDocument;
    const kept = document.Statement.filter((statement) => statement.Sid !== sid);
    removed += document.Statement.length - kept.length;
    document.Statement = kept;
  }
  return removed;
}
