import { toBeValidSarifLog } from '@microsoft/jest-sarif';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { stringify } from 'yaml';
import { TemplateLines } from '../../bin/input/template-lines';
import { junitXml } from '../../bin/output/junit';
import { markdownCode, markdownTable, markdownText } from '../../bin/output/markdown';
import { RULES } from '../../lib/proof/prove';
import { realTime, tracking, variantTarget } from '../proof/support/templates';
import { CHAT, chatTemplate } from '../simulation/blueprint/chat-template';
import { runTidegate } from '../support/command-line';
import { elementsOf } from '../support/xml';

expect.extend({ toBeValidSarifLog });
const isSarif = (log: unknown): void => (expect(log) as unknown as { toBeValidSarifLog(): void }).toBeValidSarifLog();

/** One error and one warning. */
const FAULTY = {
  Resources: {
    ...realTime({}, { EndpointConfigName: 'fixed' }),
    P: tracking(),
    Target: variantTarget({ MinCapacity: 0 }),
  },
};
const SOUND = { Resources: { ...realTime(), P: tracking(), Target: variantTarget() } };

let folder: string;
const before = process.cwd();

beforeAll(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-formats-')));
  const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
  fs.mkdirSync(path.join(folder, '.git'));
  fs.mkdirSync(path.join(folder, 'my app'));
  write('my app/Faulty.template.json', JSON.stringify(FAULTY, null, '\t'));
  write('my app/Sound.template.json', JSON.stringify(SOUND));
  write('my app/faulty.yaml', `# A comment\n${stringify(FAULTY)}`);
  write('my app/Chat.template.json', JSON.stringify(chatTemplate()));
  write('my app/traffic.csv', `# step_seconds=60\nrequests\n${'90\n'.repeat(20)}`);
  process.chdir(path.join(folder, 'my app'));
});
afterAll(() => {
  process.chdir(before);
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Sarif {
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string; readonly help: object }[] } };
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly level: string;
        readonly message: { readonly text: string };
        readonly locations: readonly [
          {
            readonly physicalLocation: {
              readonly artifactLocation: object;
              readonly region: { readonly startLine: number };
            };
          },
        ];
        readonly partialFingerprints: { readonly primaryLocationLineHash: string };
      }[];
    },
  ];
}

async function sarif(...args: string[]): Promise<{ log: Sarif; code: number }> {
  const { stdout, code } = await runTidegate(['prove', ...args, '--format', 'sarif']);
  return { log: JSON.parse(stdout) as Sarif, code };
}

describe('SARIF', () => {
  test('is valid by its schema, with findings and without', async () => {
    for (const file of ['Faulty.template.json', 'Sound.template.json', 'faulty.yaml']) isSarif((await sarif(file)).log);
    expect(() => isSarif({ version: '2.1.0', runs: [{}] })).toThrow();
  });

  test('points at the line of the property, below the root of the repository', async () => {
    const { log, code } = await sarif('Faulty.template.json', 'faulty.yaml');
    expect(code).toBe(1);
    const found = log.runs[0].results.map(({ ruleId, level, locations: [{ physicalLocation }] }) => ({
      ruleId,
      level,
      ...physicalLocation.artifactLocation,
      line: physicalLocation.region.startLine,
    }));
    const lineIn = (file: string, text: RegExp): number =>
      fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((line) => text.test(line)) + 1;
    const at = (file: string, ruleId: string, level: string, text: RegExp): object => ({
      ruleId,
      level,
      uri: `my%20app/${file}`,
      uriBaseId: '%SRCROOT%',
      line: lineIn(file, text),
    });
    expect(found).toEqual([
      at('Faulty.template.json', 'zero-where-impossible', 'error', /"MinCapacity"/),
      at('faulty.yaml', 'zero-where-impossible', 'error', /MinCapacity:/),
      at('Faulty.template.json', 'fixed-config-name', 'warning', /"EndpointConfigName": "fixed"/),
      at('faulty.yaml', 'fixed-config-name', 'warning', /EndpointConfigName: fixed/),
    ]);
  });

  test('keeps to the limits of code scanning: help for every rule, one place for every result, short texts', async () => {
    const { log } = await sarif('Faulty.template.json');
    const [{ tool, results }] = log.runs;
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(RULES.map(({ id }) => id));
    for (const rule of tool.driver.rules) {
      expect(rule).toMatchObject({ help: { text: expect.stringContaining('Remedy: ') as string } });
      expect(JSON.stringify(rule).length).toBeLessThan(2500);
    }
    for (const { ruleId, ruleIndex, locations, message } of results) {
      expect(tool.driver.rules[ruleIndex]!.id).toBe(ruleId);
      expect(locations).toHaveLength(1);
      expect(message.text.length).toBeLessThan(1000);
    }
  });

  test('knows a finding again when its lines have moved', async () => {
    const hashes = async (): Promise<string[]> =>
      (await sarif('faulty.yaml')).log.runs[0].results.map((one) => one.partialFingerprints.primaryLocationLineHash);
    const first = await hashes();
    expect(new Set(first).size).toBe(2);
    const text = fs.readFileSync('faulty.yaml', 'utf8');
    fs.writeFileSync('faulty.yaml', `# Another comment\n${text}`);
    expect(await hashes()).toEqual(first);
    fs.writeFileSync('faulty.yaml', text);
  });
});

describe('JUnit', () => {
  test('has a suite for every template and a case for every rule', async () => {
    const { stdout, code } = await runTidegate([
      'prove',
      'Faulty.template.json',
      'Sound.template.json',
      '--format',
      'junit',
    ]);
    expect(code).toBe(1);
    const elements = elementsOf(stdout);
    const named = (name: string) => elements.filter((one) => one.name === name);
    expect(named('testsuites')[0]!.attributes).toMatchObject({ tests: String(2 * RULES.length), failures: '1' });
    expect(named('testsuite').map(({ attributes }) => [attributes['name'], attributes['failures']])).toEqual([
      ['Faulty.template.json', '1'],
      ['Sound.template.json', '0'],
    ]);
    expect(named('testcase')).toHaveLength(2 * RULES.length);
    expect(named('failure').map(({ text }) => text)).toEqual([
      expect.stringMatching(/Faulty\.template\.json:\d+: Target\.MinCapacity\n/),
    ]);
    expect(named('system-out').map(({ text }) => text)).toEqual([
      expect.stringContaining('warning Faulty.template.json:'),
    ]);
  });

  test('holds any text', () => {
    const text = 'a<b>&"c"\'d\' ]]> \u0000\u001b[31m \ud800 \ufffe é 🌊\n\ttwo';
    const xml = junitXml(text, [
      { name: text, cases: [{ name: text, failure: { message: text, text }, output: text }] },
    ]);
    const kept = 'a<b>&"c"\'d\' ]]> \ufffd\ufffd[31m \ufffd \ufffd é 🌊\n\ttwo';
    const [suites, suite, one, failure, output] = elementsOf(xml);
    expect([suites, suite, one].map((element) => element!.attributes['name'])).toEqual([kept, kept, kept]);
    expect([failure!.attributes['message'], failure!.text, output!.text]).toEqual([kept, kept, kept]);
  });

  test('of simulate has a case for every threshold', async () => {
    const args = ['simulate', 'Chat.template.json', '--trace', 'traffic.csv', '--no-advice', '--format', 'junit'];
    const { stdout, code } = await runTidegate([...args, '--fail-if', 'cost>1/month', 'slo<1']);
    expect(code).toBe(1);
    const elements = elementsOf(stdout);
    expect(elements[1]).toMatchObject({ name: 'testsuite', attributes: { name: CHAT, tests: '2', failures: '1' } });
    expect(elements[3]!.attributes['message']).toMatch(/^cost>1\/month: it is \d.* USD$/);
    const passing = await runTidegate(args);
    expect([passing.code, elementsOf(passing.stdout)[1]!.attributes]).toMatchObject([0, { tests: '1', failures: '0' }]);
  });
});

describe('markdown', () => {
  test('is a table of findings', async () => {
    const { stdout, code } = await runTidegate(['prove', 'Faulty.template.json', '--format', 'markdown']);
    expect(code).toBe(1);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('### tidegate prove: 1 error, 1 warning');
    expect(lines[4]).toMatch(
      /^\| ❌ error \| `zero-where-impossible` \| `Faulty\.template\.json:\d+` `Target\.MinCapacity` \| /,
    );
    for (const line of lines.slice(2, 6)) expect(line.split(/(?<!\\)\|/)).toHaveLength(7);
    const sound = await runTidegate(['prove', 'Sound.template.json', '--format', 'markdown']);
    expect(sound.stdout).toBe('### tidegate prove: no findings\n\n1 template checked.\n');
  });

  test('of simulate is a table of fleets, with the thresholds that are crossed', async () => {
    const args = ['simulate', 'Chat.template.json', '--trace', 'traffic.csv', '--format', 'markdown', '--fail-if'];
    const crossed = await runTidegate([...args, 'cost>1/month']);
    expect(crossed.stdout).toMatch(
      /^### tidegate simulate: 1 crossed\n\n- ❌ `endpoint\/chat\/variant\/main`: cost>1\/month: it is /,
    );
    expect(crossed.stdout).toMatch(
      /\| `endpoint\/chat\/variant\/main` \| [\d.]+ % \(objective 99 %\) \| [\d.]+ s \| 0 of 1,800 \|/,
    );
    const kept = await runTidegate([...args, 'slo<1']);
    expect(kept.stdout).toContain('✅ Every threshold is kept.');
  });

  test('shows text as it is', () => {
    expect(markdownText('a|b <img> @team *x* _y_ [z](q) `c` &amp;\nd')).toBe(
      'a\\|b &lt;img> &#64;team \\*x\\* \\_y\\_ \\[z\\](q) \\`c\\` &amp;amp; d',
    );
    expect(markdownCode('a|b')).toBe('`a\\|b`');
    expect(markdownCode('a`b')).toBe('`` a`b ``');
  });

  test('fits into a comment', () => {
    const table = markdownTable(
      ['n'],
      Array.from({ length: 52 }, (_, n) => [String(n)]),
    );
    expect(table.split('\n').slice(-4)).toEqual(['| 48 |', '| 49 |', '', '2 more rows left out.']);
  });
});

describe('lines of templates', () => {
  test.each<[string, string, string, number | undefined]>([
    ['a resource', 'Target', '', 3],
    ['a property', 'Target', 'MinCapacity', 7],
    ['an item of a list', 'Target', 'List.1.B', 10],
    ['a property that is not there', 'Target', 'MaxCapacity', 6],
    ['a part that is not there', 'Target', 'List.7.B', 8],
    ['a resource that is not there', 'Other', '', undefined],
  ])('are those of %s', (_what, logicalId, property, line) => {
    const text = [
      '# comment',
      'Resources:',
      '  Target:',
      '    Type: T',
      '    DependsOn: !Ref X',
      '    Properties:',
      '      MinCapacity: !If [A, 0, 1]',
      '      List:',
      '        - A: 1',
      '        - B: 2',
    ];
    fs.writeFileSync('lines.yaml', text.join('\n'));
    expect(new TemplateLines().lineOf({ template: 'lines.yaml', logicalId, property })).toBe(line);
    expect(new TemplateLines().lineOf({ template: 'stdin', logicalId, property })).toBe(undefined);
  });
});

describe('--format and --out', () => {
  test('--json is --format json', async () => {
    const args = ['prove', 'Faulty.template.json'];
    const json = await runTidegate([...args, '--json']);
    expect(await runTidegate([...args, '--format', 'json'])).toEqual(json);
    expect(await runTidegate([...args, '--format', 'json', '--json'])).toEqual(json);
    expect(JSON.parse(json.stdout)).toMatchObject({ findings: [{ rule: 'zero-where-impossible' }, {}] });
  });

  test('--out writes the result into a file, without colours, and prints the text', async () => {
    const args = ['prove', 'Faulty.template.json'];
    const text = await runTidegate(args);
    const junit = await runTidegate([...args, '--format', 'junit']);
    const { stdout, stderr, code } = await runTidegate([...args, '--format', 'junit', '--out', 'new/tidegate.xml']);
    expect({ stdout, stderr, code }).toEqual({ ...text, stderr: 'tidegate: the result is in new/tidegate.xml\n' });
    expect(fs.readFileSync('new/tidegate.xml', 'utf8')).toBe(junit.stdout);
    await runTidegate([...args, '--out', 'text.txt'], { FORCE_COLOR: '1' });
    expect(fs.readFileSync('text.txt', 'utf8')).toBe(text.stdout);
  });

  test.each<[string, string]>([
    ['prove Sound.template.json --format xml', 'Allowed choices are text, json, sarif, junit, markdown.'],
    ['prove Sound.template.json --json --format sarif', '--json and --format sarif exclude each other; leave one out'],
    ['prove --rules --format sarif', "--format is 'sarif', which this result does not have; it has text and json"],
    ['tune Chat.template.json --trace none.csv --out .', "--out is '.', which cannot be written (EISDIR)"],
    ['compare --trace none.csv --json --format markdown', '--json and --format markdown exclude each other'],
    ['prove Sound.template.json --out .', "--out is '.', which cannot be written (EISDIR)"],
    ['prove Sound.template.json --out Sound.template.json/x', 'cannot be written (EEXIST)'],
    ['prove Sound.template.json --out results/', "--out is 'results/', which names no file; write the path"],
    ['simulate Chat.template.json --trace none.csv --report ', "--report is '', which names no file; write the path"],
    ['simulate Chat.template.json --trace none.csv --out .', "--out is '.', which cannot be written (EISDIR)"],
    [
      'simulate Chat.template.json --trace traffic.csv --format sarif',
      'Allowed choices are text, json, junit, markdown.',
    ],
  ])('refuse %s', async (line, message) => {
    const { stderr, stdout, code } = await runTidegate(line.split(' '));
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain(message);
  });
});
