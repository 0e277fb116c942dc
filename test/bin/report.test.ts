import { createHash } from 'node:crypto';
import { hindsight } from '../../lib/simulation/compare';
import { advise, rehearsalHtml, rehearse, type Rehearsal } from '../../lib/simulation/rehearse';
import { type FleetBlueprint, fleetsOfTemplates } from '../../lib/simulation/blueprint';
import { generateWorkload } from '../../lib/simulation/traffic';
import { chatTemplate, guardResources } from '../simulation/blueprint/chat-template';
import { describeReadability, inBrowser, TestBrowser } from '../support/browser';

const sha256Base64 = (text: string): string => createHash('sha256').update(text).digest('base64');

const options = {
  sha256Base64,
  origin: {
    version: '1.2.3',
    commandLine: "tidegate simulate --trace 'a b.csv'",
    madeAt: '2026-01-31T12:00:00Z',
    files: [{ use: 'trace', name: 'a b.csv', content: { bytes: 2150, sha256: 'c0ffee'.repeat(10) } }],
  },
};

function scenario() {
  // A month of the floor costs at most 744 x 3 USD, which the guard keeps back; 20 USD remain.
  const budget = { amountUsd: 744 * 3 + 20, periodStart: null, periodEnd: null };
  const [fleet] = fleetsOfTemplates([
    { name: 'chat', document: chatTemplate({ resources: guardResources(budget) }) },
  ]).fleets;
  const traffic = generateWorkload({
    seed: 3,
    durationSeconds: 7200,
    lowRequestsPerSecond: 2,
    highRequestsPerSecond: 14,
    daySeconds: 7200,
    startHour: 2,
  });
  return { fleet: fleet!, traffic };
}

function rehearsed(): Rehearsal {
  const { fleet, traffic } = scenario();
  const rehearsal = rehearse(fleet, traffic, {
    seed: 3,
    requestTimeoutSeconds: 20,
    capacityFailures: [{ instanceType: 'ml.g5.xlarge', fromSeconds: 600, toSeconds: 3000 }],
  });
  return { ...rehearsal, advice: advise(fleet, rehearsal), hindsight: hindsight(roomy(fleet), traffic, rehearsal)! };
}

/** The fleet with a maximum that suffices: the template's own keeps the objective with no schedule. */
const roomy = (fleet: FleetBlueprint): FleetBlueprint => ({ ...fleet, plan: { ...fleet.plan, maxCapacity: 16 } });

describe('the report of a rehearsal', () => {
  const rehearsal = rehearsed();
  const html = rehearsalHtml([rehearsal], options);
  const browser = new TestBrowser();
  const open = (text: string, settings: { width: number }) => browser.openText(text, settings);

  test('is one small file without a script, whose policy allows its own style alone', () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!;
    expect(html).toContain(`default-src 'none'; style-src 'sha256-${sha256Base64(style)}'`);
    expect(html).not.toMatch(/<script|<link|<img|https?:|\ssrc=|\sstyle=|@import|url\(/);
    expect(html.length).toBeLessThan(300_000);
    expect(rehearsalHtml([], options).length).toBeLessThan(20_000);
  });

  test('is the same for the same rehearsal', () => {
    expect(rehearsalHtml([rehearsed()], options)).toBe(html);
  });

  test('calls no schedule the best that costs more than a fleet that keeps the objective', () => {
    const { fleet, traffic } = scenario();
    const { usdPerMonth } = rehearsal.hindsight!;
    const costing = (sloPercent: number, fleetUsdPerMonth: number) =>
      hindsight(roomy(fleet), traffic, {
        ...rehearsal,
        sloPercent,
        cost: { ...rehearsal.cost, usdPerMonth: fleetUsdPerMonth },
      });
    expect(costing(100, usdPerMonth - 1)).toBeUndefined();
    expect(costing(100, usdPerMonth + 1)).toEqual(rehearsal.hindsight);
    expect(costing(50, usdPerMonth - 1)).toEqual(rehearsal.hindsight);
  });

  test('names no best schedule where none within the limits keeps the objective', () => {
    const { fleet, traffic } = scenario();
    expect(hindsight(fleet, traffic, rehearsal)).toBeUndefined();
  });

  test('never takes text of a rehearsal for markup', () => {
    const hostile = {
      ...rehearsal,
      fleet: { ...rehearsal.fleet, resourceId: '"><img src=x onerror=alert(1)>' },
      advice: [{ title: '<b>bold</b>', reason: "</p><script>alert('1')</script>" }],
      notes: ['<i>note</i>'],
    };
    const text = rehearsalHtml([hostile, hostile], options);
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
    const text = rehearsalHtml([quiet], options);
    expect(text).not.toContain('hindsight');
    expect(text).toContain('None: the objective is met');
    expect(text).toContain('The desired capacity never changed.');
    expect(text).not.toContain('Other events');
    expect(rehearsalHtml([{ ...rehearsal, timeline: [] }], options)).not.toContain('<figure');
  });

  inBrowser('shows charts, tiles, advice, causes, decisions with reasons and what happened', async () => {
    const { page, complaints, asked } = await open(html, { width: 1280 });
    const charts = page.getByRole('img');
    expect(await charts.count()).toBe(7);
    for (const text of await charts.evaluateAll((all) => all.map((one) => one.textContent)))
      expect(text).toMatch(/up to [\d.,]+ \S.*; time: elapsed/);
    const text = (await page.textContent('main'))!;
    for (const word of [
      'Compared with the best schedule in hindsight',
      'Served well',
      'Wait p99',
      'Cost a month',
      'Recommended changes',
      'Causes of requests served badly',
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
    expect(await reading.textContent()).toMatch(/^\+\d:\d\d:\d\d · in service [\d.]+ · demand [\d.]+ · capacity/);
    const steps = page.locator('details ul').first();
    expect(await steps.isVisible()).toBe(false);
    await page.locator('summary').first().click();
    expect(await steps.isVisible()).toBe(true);
    await page.close();
  });

  describeReadability((settings) => browser.openText(html, settings));
});
