import * as http from 'node:http';
import { startLivePage, type LivePage } from '../../../../lib/local/report/live-page';
import type { LiveMessage } from '../../../../lib/local/recording';
import { recordedRun } from './recorded-run';

const HTML = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'"><p>page</p>';

describe('the live page server', () => {
  const recorder = recordedRun({ finished: false });
  let page: LivePage;

  beforeEach(async () => {
    page = await startLivePage({ recorder, html: HTML, port: 0 });
  });
  afterEach(() => page.stop());

  test('serves the page with its policy on the loopback address', async () => {
    const response = await fetch(page.url);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(HTML);
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(new URL(page.url).hostname).toBe('127.0.0.1');
  });

  test('sends the whole recording first, then what is new, and ends when it stops', async () => {
    const response = await fetch(`${page.url}events`);
    const reader = response.body!.getReader();
    let text = '';
    const messages = (): LiveMessage[] =>
      [...text.matchAll(/^data: (.*)\n\n/gm)].map(([, json]) => JSON.parse(json!) as LiveMessage);
    const readUntil = async (count: number): Promise<void> => {
      while (messages().length < count) text += new TextDecoder().decode((await reader.read()).value);
    };
    await readUntil(1);
    expect(messages()[0]).toEqual({ kind: 'recording', recording: recorder.recording() });
    recorder.event(3000, 'note', 'something new');
    await readUntil(2);
    expect(messages()[1]).toMatchObject({ kind: 'event', event: { title: 'something new' } });
    await page.stop();
    expect((await reader.read()).done).toBe(true);
  });

  test.each([
    ['a name that is not its own', '/', { host: 'evil.example' }, 'GET', 421],
    ['another path', '/etc/passwd', {}, 'GET', 404],
    ['a change', '/', {}, 'POST', 405],
  ])('refuses %s', async (_what, path, headers, method, status) => {
    const got = await new Promise<number | undefined>((resolve, reject) => {
      const request = http.request(new URL(path, page.url), { method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.end();
    });
    expect(got).toBe(status);
  });

  test('stops at once although a reader is connected', async () => {
    await fetch(`${page.url}events`);
    const started = performance.now();
    await page.stop();
    // A connection that is kept alive ends by itself after 5 s; one of a reader never does.
    expect(performance.now() - started).toBeLessThan(4000);
    await expect(fetch(page.url)).rejects.toThrow();
  });
});
