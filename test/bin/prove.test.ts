import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { stringify } from 'yaml';
import { proveCommand } from '../../bin/commands/prove';
import type { Finding, Proof } from '../../lib/proof/finding';
import { components, realTime, tracking, variantTarget, type Resources } from '../proof/support/templates';

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-prove-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

function template(name: string, Resources: Resources): string {
  return write(name, JSON.stringify({ Resources }));
}

async function run(...args: readonly string[]): Promise<{ stdout: string; code: number | undefined }> {
  let stdout = '';
  let code: number | undefined;
  const command = proveCommand({
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: () => undefined },
    onExitCode: (given) => {
      code = given;
    },
  });
  await command.exitOverride().parseAsync(args, { from: 'user' });
  return { stdout, code };
}

describe('tidegate prove', () => {
  test('says nothing of a template that is in order', async () => {
    const file = template('good.json', { ...realTime(), P: tracking(), Target: variantTarget() });
    expect(await run('--template', file)).toEqual({ stdout: 'no findings\n', code: 0 });
  });

  test('fails with errors, and tells each with its place and the way out', async () => {
    const file = template('bad.json', { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity: 0 }) });
    const { stdout, code } = await run('--template', file);
    expect(code).toBe(1);
    expect(stdout).toContain(`error zero-where-impossible\n  ${file}: Target.MinCapacity\n`);
    expect(stdout).toContain('1 error, 0 warnings');
  });

  test('does not fail with warnings', async () => {
    const file = template('warn.json', realTime({}, { EndpointConfigName: 'fixed' }));
    const { stdout, code } = await run('--template', file, '--json');
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    expect(code).toBe(0);
    expect(findings).toEqual([
      {
        rule: 'fixed-config-name',
        severity: 'warning',
        template: file,
        logicalId: 'Config',
        property: 'EndpointConfigName',
        message: expect.stringContaining("'fixed' exists already") as string,
        remedy: expect.stringContaining('Fn::GetAtt') as string,
      },
    ]);
  });

  test('says in a line which warnings a condition would add, in every form for reading', async () => {
    const document = {
      Parameters: { Scale: { Type: 'String', Default: 'no' } },
      Conditions: { Scaled: { 'Fn::Equals': [{ Ref: 'Scale' }, 'yes'] } },
      Resources: {
        ...realTime({}, {}, { RetainAllVariantProperties: false }),
        Target: { ...variantTarget(), Condition: 'Scaled' },
        P: { ...tracking(), Condition: 'Scaled' },
      },
    };
    const file = write('conditional.json', JSON.stringify(document));
    const line = '1 more warning when Scaled is true: counts-reset-on-deploy (Endpoint)';
    expect(await run('--template', file)).toEqual({ stdout: `no findings\n${line}\n`, code: 0 });
    expect((await run('--template', file, '--format', 'markdown')).stdout).toContain(
      '1 more warning when Scaled is true',
    );
    const { conditionalWarnings } = JSON.parse((await run('--template', file, '--json')).stdout) as Proof;
    expect(conditionalWarnings).toMatchObject([
      { condition: 'Scaled', value: true, findings: [{ severity: 'warning' }] },
    ]);
  });

  test('holds maxima against quotas', async () => {
    const file = template('quota.json', { ...realTime(), P: tracking(), Target: variantTarget() });
    expect((await run('--template', file, '--quota', 'ml.g5.xlarge=4', 'ml.g6.xlarge=4')).code).toBe(0);
    expect((await run('--template', file, '--quota', 'ml.g5.xlarge=4', 'ml.g6.xlarge=3')).code).toBe(1);
    await expect(run('--template', file, '--quota', 'g5=many')).rejects.toThrow('for example ml.g5.xlarge=8');
  });

  test('knows what the region refuses', async () => {
    const file = template('zero.json', components());
    expect((await run('--template', file)).code).toBe(0);
    expect((await run('--template', file, '--region', 'us-east-1')).code).toBe(0);
    const { stdout, code } = await run('--template', file, '--region', 'eu-west-3');
    expect(code).toBe(1);
    expect(stdout).toContain('error zero-not-in-region');
    await expect(run('--template', file, '--region', 'Paris')).rejects.toThrow('write for example eu-west-3');
  });

  test('takes the region of a template from the assembly beside it', async () => {
    const assembly = fs.mkdtempSync(path.join(folder, 'assembly-'));
    const file = path.join(assembly, 'Zero.template.json');
    fs.writeFileSync(file, JSON.stringify({ Resources: components() }));
    const artifact = {
      environment: 'aws://unknown-account/eu-west-3',
      properties: { templateFile: 'Zero.template.json' },
    };
    fs.writeFileSync(path.join(assembly, 'manifest.json'), JSON.stringify({ artifacts: { Zero: artifact } }));
    expect((await run('--template', file)).stdout).toContain('error zero-not-in-region');
    expect((await run('--template', file, '--region', 'us-east-1')).code).toBe(0);
  });

  test('takes templates as arguments too, before and after flags', async () => {
    const good = template('good.json', { ...realTime(), P: tracking(), Target: variantTarget() });
    const bad = template('bad.json', { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity: 0 }) });
    const byFlag = await run('--template', good, bad, '--json');
    expect(byFlag.code).toBe(1);
    expect(await run(good, bad, '--json')).toEqual(byFlag);
    expect(await run('--json', good, '--template', bad)).toEqual(byFlag);
    expect(await run('--json', '--quota', 'ml.g5.xlarge=99', '--', good, bad)).toEqual(byFlag);
  });

  test('judges YAML as it judges JSON', async () => {
    const resources = { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity: 0 }) };
    const json = await run('--template', template('same.json', resources), '--json');
    const yaml = await run('--template', write('same.yaml', stringify({ Resources: resources })), '--json');
    expect(yaml.code).toBe(1);
    expect(yaml.stdout.replaceAll('same.yaml', 'same.json')).toBe(json.stdout);
  });

  test('prints the catalogue', async () => {
    const { stdout, code } = await run('--rules');
    expect(code).toBe(0);
    expect(stdout).toContain('metric-not-published (error)');
    const json = JSON.parse((await run('--rules', '--json')).stdout) as { rules: unknown[] };
    expect(json.rules.length).toBeGreaterThan(20);
  });

  test.each<[string, () => string, string]>([
    ['no file', () => path.join(folder, 'absent.json'), 'cannot be read'],
    ['a folder without templates', () => fs.mkdtempSync(path.join(folder, 'empty-')), 'a folder without a template'],
    ['broken YAML', () => write('t.yaml', 'Resources:\n  A: [\n'), 't.yaml:3: this is not YAML'],
    ['text', () => write('text.yaml', 'hello'), 'is neither JSON nor YAML of a template'],
    ['no JSON', () => write('x.json', '{"Resources":'), 'is not JSON'],
    ['an empty file', () => write('empty.json', ''), 'is neither JSON nor YAML'],
    ['a list', () => write('list.json', '[]'), 'has no Resources'],
    ['null', () => write('null.json', 'null'), 'is neither JSON nor YAML'],
    ['a resource without a type', () => write('typeless.json', '{"Resources":{"A":{}}}'), 'resource A has no Type'],
  ])('refuses %s', async (_what, file, message) => {
    await expect(run('--template', file())).rejects.toThrow(message);
  });

  test('refuses to judge nothing', async () => {
    await expect(run()).rejects.toThrow('no template is given; name files or folders, for example cdk.out');
  });
});
