import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, CfnResource, Stack } from 'aws-cdk-lib';
import { ensureCfnLint, lint, type LintFinding } from './cfn-lint';
import { CONSTRUCT_ENV, CONSTRUCTS } from './construct-cases';
import { STACKS } from './stack-cases';
import { context } from './synthesis';

/** A finding that is accepted on every resource of a type. */
interface Accepted {
  readonly rule: string;
  readonly type: string;
  /** Names of the properties on the way to the finding, without positions in lists. */
  readonly property: string;
  /** Text of the message, where findings of the same place differ. */
  readonly message?: RegExp;
  readonly reason: string;
}

const ROLE_OF_CDK =
  'The CDK writes the role beside its policies, for which the order is needed: https://github.com/aws/aws-cdk, aws-lambda and aws-stepfunctions.';

const ACCEPTED: readonly Accepted[] = [
  { rule: 'W3005', type: 'AWS::Lambda::Function', property: 'DependsOn', message: /Role\w*' dep/, reason: ROLE_OF_CDK },
  {
    rule: 'W3005',
    type: 'AWS::StepFunctions::StateMachine',
    property: 'DependsOn',
    message: /Role\w*' dep/,
    reason: ROLE_OF_CDK,
  },
];

interface Template {
  readonly Resources: { readonly [id: string]: { readonly Type: string } };
}

const isOf = (type: string, { rule, path: [section, , ...keys], message }: LintFinding, accepted: Accepted): boolean =>
  section === 'Resources' &&
  rule === accepted.rule &&
  type === accepted.type &&
  keys.filter((key) => typeof key === 'string').join('.') === accepted.property &&
  (accepted.message?.test(message) ?? true);

describe('cfn-lint', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-lint-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Synthesises a stack and returns the name of its template's file. */
  function save(name: string, define: (app: App) => Stack): string {
    const app = new App({ outdir: path.join(folder, 'cdk.out'), context: context(), analyticsReporting: false });
    const stack = define(app);
    const file = `${name.replaceAll(/\W+/g, '-')}.json`;
    fs.copyFileSync(app.synth().getStackByName(stack.stackName).templateFullPath, path.join(folder, file));
    fs.rmSync(path.join(folder, 'cdk.out'), { recursive: true });
    return file;
  }

  const constructStack = (app: App, define: (stack: Stack) => void): Stack => {
    const stack = new Stack(app, 'Test', { env: CONSTRUCT_ENV });
    define(stack);
    return stack;
  };

  let python: string;
  beforeAll(async () => {
    python = await ensureCfnLint();
  }, 600_000);

  test('finds nothing in the templates of stages and constructs but what is accepted, and all of that', async () => {
    const files = [
      // The stage `local` is deployed to the local engine alone.
      ...STACKS.filter(({ name }) => name !== 'stage local').map(({ name, define }) => save(name, define)),
      ...CONSTRUCTS.map(([name, define]) => save(name, (app) => constructStack(app, define))),
    ];
    const templates = new Map(
      files.map((file) => [file, JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')) as Template]),
    );
    const findings = (await lint(python, folder, files)).map((finding) => {
      const type = templates.get(finding.file)?.Resources[String(finding.path[1])]?.Type ?? '';
      return { type, finding, accepted: ACCEPTED.filter((one) => isOf(type, finding, one)) };
    });
    const open = findings.filter(({ accepted }) => accepted.length === 0);
    expect(
      open.map(
        ({ type, finding: { file, rule, path: keys, message } }) =>
          `${file} ${type} ${keys.join('.')}: ${rule} ${message}`,
      ),
    ).toEqual([]);
    // An entry that is no longer needed goes.
    expect(new Set(findings.flatMap(({ accepted }) => accepted))).toEqual(new Set(ACCEPTED));
  }, 900_000);

  test('finds what CloudFormation would refuse', async () => {
    const file = save('bad', (app) =>
      constructStack(app, (stack) => {
        new CfnResource(stack, 'Queue', { type: 'AWS::SQS::Queue', properties: { DelaySeconds: 99_999 } });
        new CfnResource(stack, 'Typo', { type: 'AWS::SNS::Topic', properties: { DisplayNam: 'x' } });
      }),
    );
    const findings = await lint(python, folder, [file]);
    expect(findings.map(({ rule, path: keys }) => `${rule} ${keys.join('.')}`).sort()).toEqual([
      'E3002 Resources.Typo.Properties.DisplayNam',
      'E3034 Resources.Queue.Properties.DelaySeconds',
    ]);
  });
});
