import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { junitOfAgreements, markdownOfAgreements } from '../../bin/output/agree-formats';
import { junitOfChecks, markdownOfChecks } from '../../bin/output/preflight-formats';
import { agreementOf, type Agreement } from '../../lib/simulation/agree';
import { recordedSeries } from '../../lib/inspection/contract';
import { CHAT, chatTemplate } from '../simulation/blueprint/chat-template';
import { runTidegate } from '../support/command-line';
import { elementsOf } from '../support/xml';

let folder: string;
const before = process.cwd();

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-advice-'));
  fs.writeFileSync(path.join(folder, 'Chat.template.json'), JSON.stringify(chatTemplate()));
  fs.writeFileSync(path.join(folder, 'traffic.csv'), `# step_seconds=60\nrequests\n${'300\n'.repeat(20)}`);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Cells of the rows of the first table. */
function cellsOf(markdown: string): string[][] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('| '));
  return rows.map((line) =>
    line
      .slice(2, -2)
      .split(/(?<!\\) \| /)
      .map((cell) => cell.trim()),
  );
}

describe('tune', () => {
  const TUNE = 'tune Chat.template.json --trace traffic.csv --service-mean 2 --candidates 3 --workers 0'.split(' ');

  test('as markdown is a table of today and the best, and as JUnit a case that fails when nothing keeps the objective', async () => {
    const json = await runTidegate([...TUNE, '--slo-wait', '0', '--slo', '99.999', '--format', 'json']);
    const junit = await runTidegate([
      ...TUNE,
      '--slo-wait',
      '0',
      '--slo',
      '99.999',
      '--format',
      'junit',
      '--out',
      'tune.xml',
    ]);
    const { tunings } = JSON.parse(json.stdout) as { tunings: [{ verdict: string }] };
    const elements = elementsOf(fs.readFileSync('tune.xml', 'utf8'));
    expect(elements[1]).toMatchObject({ name: 'testsuite', attributes: { name: CHAT, tests: '1' } });
    expect([json.code, junit.code]).toEqual([1, 1]);
    expect(tunings[0].verdict).toBe('none-keeps');
    expect(elements[3]!.attributes['message']).toMatch(/^no candidate serves 100\.00 % well|^no candidate serves/);
    const text = await runTidegate([...TUNE, '--slo-wait', '0', '--slo', '99.999']);
    expect(junit.stdout).toBe(text.stdout);

    const markdown = await runTidegate([...TUNE, '--format', 'markdown']);
    const [head, , today] = cellsOf(markdown.stdout);
    expect(head).toEqual(['fleet', '', 'policy', 'served well', 'cost per month', 'mean instances', 'wait p99']);
    expect(today).toHaveLength(head!.length);
    expect(today!.slice(0, 2)).toEqual([`\`${CHAT}\``, 'today']);
    expect(today![4]).toMatch(/^[\d,.]+ USD$/);
    const passing = elementsOf((await runTidegate([...TUNE, '--format', 'junit'])).stdout);
    expect(passing[0]!.attributes).toMatchObject({ tests: '1', failures: '0' });
  });
});

describe('compare', () => {
  test('as markdown is a table of all policies, with the figures of the JSON', async () => {
    const args = 'compare --trace traffic.csv --seeds 1 --service-mean 2'.split(' ');
    const [markdown, json] = [
      await runTidegate([...args, '--format', 'markdown']),
      await runTidegate([...args, '--json']),
    ];
    const { policies } = JSON.parse(json.stdout) as { policies: { name: string; costRatio: number }[] };
    const [head, , ...rows] = cellsOf(markdown.stdout);
    expect(rows.map((cells) => [cells.length, cells[0], cells[1]])).toEqual(
      policies.map(({ name, costRatio }) => [head!.length, `\`${name}\``, `${costRatio.toFixed(3)}×`]),
    );
    expect((await runTidegate([...args, '--format', 'junit'])).stderr).toContain(
      'Allowed choices are text, json, markdown.',
    );
  });
});

describe('agree', () => {
  /** A recording of instances, and a rehearsal with as many or two more. */
  function agreement(more: number): Agreement {
    const instances = Array.from({ length: 60 }, () => 2);
    const series: { readonly [name: string]: readonly number[] } = {
      instances,
      invocations: instances.map(() => 600),
    };
    const recording = {
      resourceId: CHAT,
      periodSeconds: 60,
      series: recordedSeries((name) => series[name] ?? instances.map(() => null)),
    };
    const period = {
      seconds: 60,
      instances: 2 + more,
      invocations: 600,
      concurrencyPerInstance: 5,
      completed: 600,
      latencySumSeconds: 600,
    };
    return agreementOf(recording as never, instances.map(() => period) as never, {
      priceUsdPerHour: 1.5,
      service: null,
    });
  }

  test('as JUnit has a case for each fleet, and as markdown its errors', () => {
    const both = [agreement(0), agreement(2)];
    expect(both.map(({ agrees }) => agrees)).toEqual([true, false]);
    const elements = elementsOf(junitOfAgreements(both));
    expect(elements[0]!.attributes).toMatchObject({ tests: '2', failures: '1' });
    const [failure] = elements.filter(({ name }) => name === 'failure');
    expect(failure!.attributes['message']).toBe(both[1]!.reasons.join('; '));

    const markdown = markdownOfAgreements(both, ['not compared: endpoint/a|b/variant/main: no request was recorded']);
    expect(markdown).toMatch(/^### tidegate agree: 1 of 2 reproduced\n\n- ❌ /);
    expect(markdown).toContain('- not compared: endpoint/a\\|b/variant/main');
    expect(cellsOf(markdown).slice(2)).toEqual([
      [`\`${CHAT}\``, '✅ agrees', '100 %', '+0.0 %', '+0.0 %', 'not recorded', '+0.0 %'],
      [`\`${CHAT}\``, '❌ does not agree', '0 %', '+100.0 %', '+0.0 %', 'not recorded', '+100.0 %'],
    ]);
  });
});

describe('preflight', () => {
  const checked = {
    accountId: '123456789012',
    region: 'eu-west-1',
    rows: [
      { check: 'CDK bootstrap', status: 'ok', found: 'version 21' },
      { check: 'image', status: 'warning', found: 'old', remedy: 'newer' },
      { check: 'quota of ml.g5.xlarge', status: 'fails', found: '0 of 2', remedy: 'ask for 2' },
      { check: 'permissions', status: 'unknown', found: 'AccessDenied' },
    ],
  } as const;

  test('as JUnit lets through what is there, and fails what is missing or could not be read', () => {
    const elements = elementsOf(junitOfChecks(checked));
    expect(elements[1]!.attributes).toMatchObject({
      name: 'account 123456789012, eu-west-1',
      tests: '4',
      failures: '2',
    });
    expect(elements.filter(({ name }) => name === 'failure').map(({ attributes }) => attributes['message'])).toEqual([
      '0 of 2',
      'could not be read: AccessDenied',
    ]);
    expect(elements.filter(({ name }) => name === 'system-out').map(({ text }) => text)).toEqual([
      'warning old\nnewer',
    ]);
  });

  test('as markdown is a table with the ways out', () => {
    const markdown = markdownOfChecks(checked);
    expect(markdown).toMatch(/^### tidegate preflight: 1 fails, 1 unknown, 1 warning, 1 ok\n/);
    expect(cellsOf(markdown)[4]).toEqual(['❌ fails', 'quota of ml.g5.xlarge', '0 of 2', 'ask for 2']);
  });
});
