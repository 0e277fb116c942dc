import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Page } from 'playwright-core';
import { startLivePage, type LivePage } from '../../../../lib/local/report/live-page';
import { embedRecording } from '../../../../lib/local/report/html-report';
import { inBrowser, TestBrowser } from '../../../support/browser';
import { LOWEST_CONTRAST, MISPLACED_TEXTS, paintedPixels, says, WIDTHS } from '../../../support/page-probes';
import { finishedRecording, recordedRun } from './recorded-run';

const pageFile = path.resolve(__dirname, '../../../../dist/page.html');

describe('the page', () => {
  const html = fs.readFileSync(pageFile, 'utf8');
  const browser = new TestBrowser();
  const open: TestBrowser['open'] = (url, settings) => browser.open(url, settings);

  /** Waits for an expression in the page; the page's policy forbids Playwright's own way of waiting for one. */
  async function becomesTrue(page: Page, expression: string): Promise<void> {
    for (let tries = 0; !(await page.evaluate<boolean>(expression)); tries++) {
      if (tries > 200) throw new Error(`it did not come true: ${expression}`);
      await page.waitForTimeout(25);
    }
  }

  const painted = (page: Page, id: string): Promise<number> => page.evaluate<number>(paintedPixels(id));

  test('is one file that names no other and allows its own script alone', () => {
    const external = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target!);
    expect(external.filter((target) => !target.startsWith('data:'))).toEqual([]);
    expect(html).toMatch(/default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'/);
    expect(html).not.toContain('unsafe-inline');
    expect(fs.statSync(pageFile).size).toBeLessThan(150_000);
  });

  describe('while a run goes on', () => {
    let live: LivePage;
    const recorder = recordedRun({ finished: false });
    beforeAll(async () => {
      live = await startLivePage({ recorder, html, port: 0 });
    });
    afterAll(() => live.stop());

    inBrowser('draws every chart, fills the tiles and lists what happened with its reason', async () => {
      const { page, complaints, asked } = await open(live.url, { width: 1280 });
      await page.waitForSelector('#chart-demand canvas');
      await page.waitForSelector('#events li');
      for (const id of ['demand', 'latency', 'instances', 'spend', 'waiting']) {
        expect(await painted(page, `chart-${id}`)).toBeGreaterThan(3000);
      }
      expect(await page.textContent('#tiles')).toContain('$4.42');
      expect(await page.textContent('#tiles')).toContain('shrink');
      expect(await page.textContent('#tiles')).toContain(
        'Elapsed50:00of 50:00 of traffic, since 2026-11-30 22:05:00 UTC',
      );
      expect(await page.textContent('#chart-demand .u-legend')).toContain('UTC');
      expect(await page.textContent('#events')).toContain('22:40:00');
      expect(await page.textContent('footer')).toContain('Times of day are UTC on the clock of the run');
      expect(await page.textContent('#events')).toContain('the scalable maximum was lowered to 2');
      expect(await page.textContent('#steps')).toContain('58 of 58 resources verified');
      expect(complaints).toEqual([]);
      expect(asked.filter((url) => !url.startsWith(live.url) && !url.startsWith('data:'))).toEqual([]);
      await page.close();
    });

    inBrowser('follows what happens, and says it to screen readers', async () => {
      const { page } = await open(live.url, { width: 1280 });
      await page.waitForSelector('#events li');
      recorder.event(3010, 'scale-out', 'Scaled out 2 → 7 instances', 'because of this test');
      await becomesTrue(page, says('#events', 'because of this test'));
      await becomesTrue(page, says('#live', '2 → 7'));
      await page.close();
    });

    inBrowser('hides alarms until they are asked for', async () => {
      const { page } = await open(live.url, { width: 1280 });
      await page.waitForSelector('#events li');
      expect(await page.textContent('#events')).not.toContain('AlarmHigh');
      await page.getByRole('checkbox', { name: 'alarm' }).check();
      expect(await page.textContent('#events')).toContain('AlarmHigh');
      await page.close();
    });

    for (const width of [1280, 400]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        inBrowser(`fits a window of ${width} pixels in ${colorScheme}, with readable contrast`, async () => {
          const { page, complaints } = await open(live.url, { width, colorScheme });
          await page.waitForSelector('#chart-waiting canvas');
          const sizes = await page.evaluate<{ page: number; window: number; charts: number[] }>(WIDTHS);
          expect(sizes.page).toBeLessThanOrEqual(sizes.window);
          expect(await page.evaluate<string[]>(MISPLACED_TEXTS)).toEqual([]);
          for (const right of sizes.charts) expect(right).toBeLessThanOrEqual(sizes.window);
          const lowest = await page.evaluate<{ contrast: number; text: string }>(LOWEST_CONTRAST);
          expect({ ...lowest, enough: lowest.contrast >= 4.5 }).toMatchObject({ enough: true });
          expect(complaints).toEqual([]);
          await page.close();
        });
      }
    }

    inBrowser('names every chart, control and region', async () => {
      const { page } = await open(live.url, { width: 1280 });
      await page.waitForSelector('#chart-demand canvas');
      const charts = page.getByRole('img');
      expect(await charts.count()).toBe(5);
      for (const label of await charts.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))) {
        expect(label).toMatch(/\d|none/);
      }
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Tidegate');
      expect(await page.getByRole('heading', { level: 2 }).count()).toBeGreaterThanOrEqual(6);
      expect(await page.getAttribute('html', 'lang')).toBe('en');
      await page.close();
    });
  });

  inBrowser('says so when the connection is lost', async () => {
    const live = await startLivePage({ recorder: recordedRun({ finished: false }), html, port: 0 });
    const { page } = await open(live.url, { width: 1280 });
    await becomesTrue(page, says('#status', 'Traffic'));
    await live.stop();
    await becomesTrue(page, says('#status', 'connection lost'));
    await page.close();
  });

  inBrowser('is the report too, from a file, without a server', async () => {
    const report = embedRecording(html, finishedRecording());
    const { page, complaints, asked } = await browser.openText(report, { width: 1280 });
    await page.waitForSelector('#chart-demand canvas');
    expect(await page.textContent('#status')).toBe('passed');
    expect(await page.textContent('#summary')).toContain('12,031');
    expect(await painted(page, 'chart-demand')).toBeGreaterThan(3000);
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith('file:') && !url.startsWith('data:'))).toEqual([]);
    await page.close();
  });

  inBrowser('shows text of the run as text, never as markup', async () => {
    const recorder = recordedRun({ finished: true });
    recorder.event(1, 'problem', '<img src=x onerror="document.title=1">', '<b>bold</b>');
    const { page } = await browser.openText(embedRecording(html, recorder.recording()), { width: 1280 });
    await page.waitForSelector('#events li');
    expect(await page.locator('#events img, #events b').count()).toBe(0);
    expect(await page.textContent('#events')).toContain('<b>bold</b>');
    await page.close();
  });
});
