import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CHROMIUM, MISSING_CHROMIUM, testWith } from './needs';
import { LOWEST_CONTRAST, MISPLACED_TEXTS } from './page-probes';

/** Tests that need Chromium. */
export const inBrowser = testWith(MISSING_CHROMIUM);

/** Page with the complaints of the browser and the addresses that it asked for. */
export interface OpenPage {
  readonly page: Page;
  readonly complaints: readonly string[];
  readonly asked: readonly string[];
}

export interface WindowSettings {
  readonly width: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** Browser of a test file, started before its tests and closed after them; undefined pages where there is no Chromium. */
export class TestBrowser {
  private browser: Browser | undefined;
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-page-'));

  public constructor() {
    beforeAll(async () => {
      if (CHROMIUM === undefined) return;
      this.browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      });
    }, 60_000);
    afterAll(async () => {
      await this.browser?.close();
      fs.rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Opens an address and gathers what the browser complains about and asks of the network. */
  public async open(url: string, { width, colorScheme = 'light' }: WindowSettings): Promise<OpenPage> {
    const page = await this.browser!.newPage({ locale: 'en-US', viewport: { width, height: 900 }, colorScheme });
    const complaints: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(url);
    return { page, complaints, asked };
  }

  /** Opens a page that is one file. */
  public openText(html: string, settings: WindowSettings): Promise<OpenPage> {
    const file = path.join(this.folder, 'report.html');
    fs.writeFileSync(file, html);
    return this.open(pathToFileURL(file).href, settings);
  }
}

/** Tests that a page is readable in windows of 1280 and 400 pixels, in light and in dark. */
export function describeReadability(open: (settings: WindowSettings) => Promise<OpenPage>): void {
  describe.each([1280, 400])('in a window of %d pixels', (width) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      inBrowser(`in ${colorScheme}, scrolls down only, and its texts have contrast and do not overlap`, async () => {
        const { page, complaints } = await open({ width, colorScheme });
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        expect(await page.evaluate<string[]>(MISPLACED_TEXTS)).toEqual([]);
        const lowest = await page.evaluate<{ contrast: number; text: string }>(LOWEST_CONTRAST);
        expect({ ...lowest, enough: lowest.contrast >= 4.5 }).toMatchObject({ enough: true });
        expect(complaints).toEqual([]);
        await page.close();
      });
    }
  });
}
