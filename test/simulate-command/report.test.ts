import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { htmlReport } from '../../lib/simulation/report';
import { niceMaximum } from '../../lib/simulation/report/chart';
import { advise, hindsight, rehearse, type Rehearsal } from '../../lib/simulation/simulator';
import { fleetsOfTemplate } from '../../lib/simulation/template';
import { generateWorkload } from '../../lib/simulation/workload';
import { LOWEST_CONTRAST } from '../local/page/page-probes';
import { chatTemplate, guardResources } from '../simulation/template/chat-template';

const CANDIDATES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const executablePath = CANDIDATES.find((file) => file !== undefined && fs.existsSync(file));
if (executablePath === undefined) {
  process.stderr.write(
    'The rehearsal report is not tested in a browser: no Chromium was found (apt-get install chromium, or set CHROMIUM_PATH).\n',
  );
}
const inBrowser = executablePath === undefined ? test.skip : test;

const sha256Base64 = (text: string): string => createHash('sha256').update(text).digest('base64');

function rehearsed(): Rehearsal {
  const budget = { amountUsd: 20, periodStart: null, periodEnd: null };
  const [fleet] = fleetsOfTemplate(chatTemplate({ resources: guardResources(budget) }), { name: 'chat' }).fleets;
  const traffic = generateWorkload({
    seed: 3,
    durationSeconds: 7200,
    lowRequestsPerSecond: 2,
    highRequestsPerSecond: 14,
    daySeconds: 7200,
    startHour: 2,
  });
  const rehearsal = rehearse(fleet!, traffic, {
    seed: 3,
    requestTimeoutSeconds: 20,
    capacityFailures: [{ instanceType: 'ml.g5.xlarge', fromSeconds: 600, toSeconds: 3000 }],
  });
  return { ...rehearsal, advice: advise(fleet!, rehearsal), hindsight: hindsight(fleet!, traffic, rehearsal)! };
}

describe('the report of a rehearsal', () => {
  const rehearsal = rehearsed();
  const html = htmlReport([rehearsal], { sha256Base64 });
  let browser: Browser | undefined;
  let folder: string;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-rehearsal-'));
    if (executablePath === undefined) return;
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function open(text: string, settings: { width: number; colorScheme?: 'light' | 'dark' }) {
    const file = path.join(folder, 'report.html');
    fs.writeFileSync(file, text);
    const page = await browser!.newPage({
      locale: 'en-US',
      viewport: { width: settings.width, height: 900 },
      colorScheme: settings.colorScheme ?? 'light',
    });
    const complaints: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    return { page, complaints, asked };
  }

  test('is one small file without a script, whose policy allows its own style alone', () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!;
    expect(html).toContain(`default-src 'none'; style-src 'sha256-${sha256Base64(style)}'`);
    expect(html).not.toMatch(/<script|<link|<img|https?:|\ssrc=|\sstyle=|@import|url\(/);
    expect(html.length).toBeLessThan(300_000);
    expect(htmlReport([], { sha256Base64 }).length).toBeLessThan(20_000);
  });

  test('is the same for the same rehearsal', () => {
    expect(htmlReport([rehearsed()], { sha256Base64 })).toBe(html);
  });

  test('never takes text of a rehearsal for markup', () => {
    const hostile = {
      ...rehearsal,
      fleet: { ...rehearsal.fleet, resourceId: '"><img src=x onerror=alert(1)>' },
      advice: [{ title: '<b>bold</b>', reason: "</p><script>alert('1')</script>" }],
      notes: ['<i>note</i>'],
    };
    const text = htmlReport([hostile, hostile], { sha256Base64 });
    expect(text).not.toMatch(/<img|<script|<b>bold|<i>note/);
    expect(text).toContain('&#60;b&#62;bold');
  });

  test('says so where nothing happened', () => {
    const { hindsight: _best, ...withoutHindsight } = rehearsal;
    const quiet = {
      ...withoutHindsight,
      missedBy: {},
      events: [],
      advice: [],
      scaling: { scaleOuts: 0, scaleIns: 0, capacityErrors: 0, actions: [] },
    };
    const text = htmlReport([quiet], { sha256Base64 });
    expect(text).not.toContain('hindsight');
    expect(text).toContain('Nothing that would help');
    expect(text).toContain('The wanted capacity never changed.');
    expect(text).not.toContain('What else happened');
    expect(htmlReport([{ ...rehearsal, timeline: [] }], { sha256Base64 })).not.toContain('<figure');
  });

  test.each([
    [0, 1],
    [0.0031, 0.0032],
    [7.2, 8],
    [8, 8],
    [81, 100],
    [230, 240],
  ])('gives an axis for %d the end %d', (value, end) => {
    expect(niceMaximum(value)).toBe(end);
  });

  inBrowser('shows charts, tiles, advice, causes, decisions with reasons and what happened', async () => {
    const { page, complaints, asked } = await open(html, { width: 1280 });
    const charts = page.getByRole('img');
    expect(await charts.count()).toBe(5);
    for (const label of await charts.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label'))))
      expect(label).toMatch(/up to [\d.,]+/);
    const text = (await page.textContent('main'))!;
    for (const word of [
      'Beside the best schedule in hindsight',
      'Served well',
      'Wait p99',
      'Cost a month',
      'What to change',
      'Why requests were served badly',
    ])
      expect(text).toContain(word);
    expect(text).toContain(rehearsal.scaling.actions[0]!.reason);
    expect(text).toContain('fell back to ml.g6.xlarge');
    expect(text).toContain(rehearsal.advice[0]!.title);
    const drawn = await page
      .locator('.field svg')
      .evaluateAll((all) =>
        all.map((one) => [one.getBoundingClientRect().height, one.querySelectorAll('path').length]),
      );
    for (const [height, paths] of drawn) {
      expect(height).toBeGreaterThan(150);
      expect(paths).toBeGreaterThanOrEqual(2);
    }
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith('file:'))).toEqual([]);
    await page.close();
  });

  inBrowser('tells the values under the pointer, and the steps of a decision when asked', async () => {
    const { page } = await open(html, { width: 1280 });
    const field = page.locator('.field').first();
    await field.scrollIntoViewIfNeeded();
    const box = (await field.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const reading = page.locator('.read span:visible');
    expect(await reading.count()).toBe(1);
    expect(await reading.textContent()).toMatch(/^\d\d:\d\d:\d\d · in work [\d.]+ · demand [\d.]+ · capacity/);
    const steps = page.locator('details ul').first();
    expect(await steps.isVisible()).toBe(false);
    await page.locator('summary').first().click();
    expect(await steps.isVisible()).toBe(true);
    await page.close();
  });

  for (const width of [1280, 400]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      inBrowser(`fits a window of ${width} pixels in ${colorScheme}, with readable contrast`, async () => {
        const { page, complaints } = await open(html, { width, colorScheme });
        const wanted = await page.evaluate<number>('document.documentElement.scrollWidth');
        expect(wanted).toBeLessThanOrEqual(width);
        const lowest = await page.evaluate<{ contrast: number; text: string }>(LOWEST_CONTRAST);
        expect({ ...lowest, enough: lowest.contrast >= 4.5 }).toMatchObject({ enough: true });
        expect(complaints).toEqual([]);
        await page.close();
      });
    }
  }
});
