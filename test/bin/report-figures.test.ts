import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runCommandLine } from '../../bin/command-line';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/blueprint/chat-template';
import { describeReadability, inBrowser, TestBrowser } from '../support/browser';

const PRICE_USD_PER_HOUR = 2;
const INSTANCES = 3;
const START = Date.parse('2026-03-16T13:37:12.500Z') / 1000;

let folder: string;
/** Reports as HTML, by command. */
const reports = new Map<string, string>();
const browser = new TestBrowser();

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-figures-'));
  // A fleet of three instances that never scales: its hours are known without a simulation.
  const fixed = chatTemplate({ target: { MinCapacity: INSTANCES, MaxCapacity: INSTANCES } });
  fs.writeFileSync(path.join(folder, 'fixed fleet.json'), JSON.stringify(fixed));
  // Eight hours of requests, 2 to 8 s apart, on whole seconds after the first.
  const rows: string[] = [];
  for (let second = 0; second < 8 * 3600; second += 5 + Math.round(3 * Math.sin(second / 3000))) {
    rows.push(`${new Date((START + second) * 1000).toISOString()},100,50`);
  }
  fs.writeFileSync(
    path.join(folder, 'requests.csv'),
    `timestamp,context_tokens,generated_tokens\n${rows.join('\n')}\n`,
  );
  const fleet = ['--template', path.join(folder, 'fixed fleet.json'), '--price', `ml.g5.xlarge=${PRICE_USD_PER_HOUR}`];
  await run('simulate', ...fleet, '--no-advice');
  await run('compare', '--seeds', '1', '--slots', '1', '--service-mean', '5');
  await run('tune', ...fleet, '--candidates', '30', '--workers', '0', '--service-mean', '6');
}, 300_000);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs a command line that writes a report. */
async function run(command: string, ...flags: string[]): Promise<void> {
  const file = path.join(folder, `${command}.html`);
  let stderr = '';
  const args = [command, '--trace', path.join(folder, 'requests.csv'), '--report', file, ...flags];
  const code = await runCommandLine(args, {
    projectDirectory,
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    signal: new AbortController().signal,
  } as never);
  expect([code, stderr]).toEqual([0, expect.stringContaining('the report is in')]);
  reports.set(command, fs.readFileSync(file, 'utf8'));
}

const report = (command: string): string => textOf(reports.get(command)!);

/** Text of a page, its elements separated by blanks. */
function textOf(html: string): string {
  return html
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ');
}

/** The raw trace, read without the product's readers. */
function rawTrace(): {
  readonly requests: number;
  readonly from: number;
  readonly to: number;
  readonly moments: readonly number[];
} {
  const lines = fs.readFileSync(path.join(folder, 'requests.csv'), 'utf8').trim().split('\n').slice(1);
  const moments = lines.map((line) => Date.parse(line.split(',')[0]!));
  return { requests: lines.length, from: Math.min(...moments), to: Math.max(...moments), moments };
}

/** Texts that a page lacks. */
const missing = (text: string, parts: readonly string[]): string[] => parts.filter((part) => !text.includes(part));
const wallClock = (at: number): string => new Date(at).toISOString().slice(11, 19);
const grouped = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const sha256 = (file: string): string =>
  createHash('sha256')
    .update(fs.readFileSync(path.join(folder, file)))
    .digest('hex');

/** Texts about the origin that every report has. */
const origin = (flags: string): string[] => {
  const { version } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  return [`Tidegate ${version}`, flags, sha256('requests.csv')];
};

test('a rehearsal reports the requests, the window and the cost of the raw trace, and its own origin', () => {
  const text = report('simulate');
  const { requests, from, to } = rawTrace();
  // Instances are billed by the second, that of the last request included.
  const seconds = Math.floor((to - from) / 1000) + 1;
  const usd = ((INSTANCES * seconds) / 3600) * PRICE_USD_PER_HOUR;
  const template = path.join(folder, 'fixed fleet.json');
  expect(
    missing(text, [
      `of ${grouped(requests)}: 0 timed out`,
      `Mon 16 Mar 2026 ${wallClock(from)} to ${wallClock(to)}, UTC; 8 hours`,
      `$${usd.toFixed(2)} for this run`,
      `$${grouped((usd / seconds) * 3600 * 730)}`,
      `${((INSTANCES * seconds) / 3600).toFixed(1)} instance-hours`,
      sha256('fixed fleet.json'),
      ...origin(`--template '${template}' --price ml.g5.xlarge=2 --no-advice`),
    ]),
  ).toEqual([]);
  expect(text.slice(text.indexOf('Origin'))).toMatch(/made 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
});

test('a comparison reports the requests and the window of the raw trace, and what a constant fleet costs in it', () => {
  const text = report('compare');
  const { from, to, moments } = rawTrace();
  const seconds = Math.floor((to - from) / 1000);
  const inWindow = moments.filter((moment) => moment < from + seconds * 1000).length;
  // The table's row: cost, instance-hours, on time. A constant fleet of n is billed for n times the window.
  const [, hours] = /10 static-peak [\d.]+ × ([\d.]+) 100 %/.exec(text) ?? [];
  const constant = Math.round(Number(hours) / (seconds / 3600));
  expect(hours).toBe(((constant * seconds) / 3600).toFixed(1));
  expect(
    missing(text, [
      `Mon 16 Mar 2026 ${wallClock(from)} to ${wallClock(to)}, UTC: ${grouped(inWindow)} requests`,
      ...origin('--seeds 1 --slots 1 --service-mean 5'),
    ]),
  ).toEqual([]);
});

test("a tuning reports the requests and the window of the raw trace, and what today's constant fleet costs a month", () => {
  const text = report('tune');
  const { requests, from, to } = rawTrace();
  expect(
    missing(text, [
      `${grouped(requests)} requests`,
      `Mon 16 Mar 2026 ${wallClock(from)} to ${wallClock(to)}, UTC`,
      `Cost a month today ${grouped(INSTANCES * PRICE_USD_PER_HOUR * 730)} USD`,
      `Cost a month, best found`,
      'held out: served well',
      'new scaling.FleetScaling(this',
      ...origin('--candidates 30 --workers 0 --service-mean 6'),
    ]),
  ).toEqual([]);
});

describe.each(['compare', 'tune'])('the report of %s', (command) => {
  test('is one file without script whose policy allows its own style alone', () => {
    const html = reports.get(command)!;
    expect(html).toMatch(/default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'/);
    expect(html).not.toMatch(/<script|<link|<img|https?:|\ssrc=|\sstyle=|@import|url\(/);
    expect(html.length).toBeLessThan(400_000);
  });

  inBrowser('names every chart, and each table by its rows and columns', async () => {
    const { page, asked } = await browser.openText(reports.get(command)!, { width: 1280 });
    const charts = page.locator('svg[role=img]');
    expect(await charts.count()).toBeGreaterThan(0);
    for (const chart of await charts.all()) {
      for (const attribute of ['aria-labelledby', 'aria-describedby']) {
        const id = (await chart.getAttribute(attribute))!;
        expect((await page.textContent(`[id="${id}"]`))!.length).toBeGreaterThan(2);
      }
    }
    for (const table of await page.locator('table').all()) {
      expect(await table.locator('thead th[scope=col]').count()).toBeGreaterThan(1);
      expect(await table.locator('tbody tr').count()).toBe(await table.locator('tbody th[scope=row]').count());
    }
    expect(asked.filter((url) => !url.startsWith('file:'))).toEqual([]);
    await page.close();
  });

  describeReadability((settings) => browser.openText(reports.get(command)!, settings));
});
