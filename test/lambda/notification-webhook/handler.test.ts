import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { createParameters } from '../../../lambda/clients/parameters';
import { createWebhook } from '../../../lambda/clients/webhook';
import { createHandler, type TopicEvent } from '../../../lambda/notification-webhook/handler';
import { chatText } from '../../../lambda/notification-webhook/text';
import { createLogger } from '../../../lambda/support/logger';

const ALARM = JSON.stringify({
  AlarmName: 'Tidegate-prod-GuardLimits',
  AlarmDescription: 'Meaning: the budget is spent.\nDo: raise it.',
  NewStateValue: 'ALARM',
  OldStateValue: 'OK',
  NewStateReason: 'Threshold Crossed: 1 datapoint [2.0] was greater than 1.5',
  Region: 'US East (N. Virginia)',
  Trigger: { MetricName: 'GuardLevel' },
});

const event = (...messages: { Subject?: string; Message: string }[]): TopicEvent => ({
  Records: messages.map((message, index) => ({ Sns: { MessageId: `m-${index}`, ...message } })),
});

describe('the text in the chat', () => {
  test('of an alarm is its name, region, reason and runbook entry', () => {
    expect(chatText({ Subject: 'ALARM: "x"', Message: ALARM })).toBe(
      [
        'ALARM: Tidegate-prod-GuardLimits in US East (N. Virginia)',
        'Threshold Crossed: 1 datapoint [2.0] was greater than 1.5',
        'Meaning: the budget is spent.',
        'Do: raise it.',
      ].join('\n'),
    );
  });

  test('of an alarm that ends is without its runbook entry', () => {
    const ended = JSON.stringify({ ...(JSON.parse(ALARM) as object), NewStateValue: 'OK' });
    expect(chatText({ Message: ended })).toMatch(/^OK: Tidegate-prod-GuardLimits[^]*greater than 1\.5$/);
  });

  test('of an alarm without a region, a reason or a runbook entry is what is known of it', () => {
    const bare = { AlarmName: 'x', NewStateValue: 'ALARM', NewStateReason: '', AlarmDescription: null };
    expect(chatText({ Message: JSON.stringify(bare) })).toBe('ALARM: x');
  });

  test.each([
    [
      { Subject: 'Tidegate cost guard: ok -> warn', Message: 'Spent 80 %.' },
      'Tidegate cost guard: ok -> warn\nSpent 80 %.',
    ],
    [{ Subject: null, Message: 'Spent 80 %.' }, 'Spent 80 %.'],
    [{ Subject: '', Message: 'Spent 80 %.' }, 'Spent 80 %.'],
    [{ Message: '{"AlarmName": 7, "NewStateValue": "OK"}' }, '{"AlarmName": 7, "NewStateValue": "OK"}'],
    [{ Message: '{"AlarmName": "x"}' }, '{"AlarmName": "x"}'],
    [{ Message: 'null' }, 'null'],
  ])('of %j is its subject and its message', (message, text) => {
    expect(chatText(message)).toBe(text);
  });

  test('has 4,000 characters at most', () => {
    expect(chatText({ Message: 'x'.repeat(4_000) })).toBe('x'.repeat(4_000));
    expect(chatText({ Message: 'x'.repeat(4_001) })).toBe(`${'x'.repeat(3_999)}…`);
  });
});

describe('the handler', () => {
  let server: Server;
  let url: string;
  let received: { readonly path: string; readonly type: string; readonly body: unknown }[];
  let status: number;
  let lines: string[];
  const ssm = mockClient(SSMClient);

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
        received.push({ path: request.url!, type: String(request.headers['content-type']), body });
        if (status === 0) return; // accepts the request and never answers
        response
          .writeHead(status, { connection: 'close', ...(status === 302 && { location: '/elsewhere' }) })
          .end(status === 200 ? 'ok' : 'no_service');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/secret`;
  });
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    [received, status, lines] = [[], 200, []];
    ssm.reset();
    ssm
      .on(GetParameterCommand, { Name: '/tidegate/slack', WithDecryption: true })
      .resolves({ Parameter: { Value: url } });
  });

  const handler = (timeoutMs?: number) =>
    createHandler({
      urlParameter: '/tidegate/slack',
      parameters: createParameters(new SSMClient({ region: 'us-east-1' })),
      webhook: createWebhook(timeoutMs),
      logger: createLogger((line) => lines.push(line)),
    });

  test('posts every notification to the URL in the decrypted parameter', async () => {
    await handler()(event({ Message: ALARM }, { Subject: 'guard', Message: 'Spent 80 %.' }));
    expect(received).toEqual([
      { path: '/services/T0/B0/secret', type: 'application/json', body: { text: chatText({ Message: ALARM }) } },
      { path: '/services/T0/B0/secret', type: 'application/json', body: { text: 'guard\nSpent 80 %.' } },
    ]);
  });

  test.each([404, 410, 429, 500, 302])(
    'fails when the webhook returns %d, so that Lambda invokes it again',
    async (code) => {
      status = code;
      await expect(handler()(event({ Message: 'x' }))).rejects.toThrow(
        /the webhook (returned HTTP \d+: no_service|was not reached)/,
      );
      expect(received.every(({ path }) => path !== '/elsewhere')).toBe(true);
    },
  );

  test('fails in time when the webhook is silent', async () => {
    status = 0;
    await expect(handler(100)(event({ Message: 'x' }))).rejects.toThrow('the webhook was not reached (TimeoutError)');
  });

  test('fails when nobody listens', async () => {
    ssm.on(GetParameterCommand).resolves({ Parameter: { Value: 'http://127.0.0.1:9/services/secret' } });
    await expect(handler()(event({ Message: 'x' }))).rejects.toThrow(/the webhook was not reached/);
  });

  test('takes a URL with TLS only', async () => {
    for (const value of [
      'http://hooks.example.com/secret',
      'hooks.example.com/secret',
      'https://',
      'https:///secret',
      'ftp://example.com/https://example.com/',
      'ftp://example.com/http://127.0.0.1/',
      'http://127.0.0.1.example.com/',
    ]) {
      ssm.on(GetParameterCommand).resolves({ Parameter: { Value: value } });
      await expect(handler()(event({ Message: 'x' }))).rejects.toThrow(
        /the parameter \/tidegate\/slack holds no URL that begins with https/,
      );
    }
    expect(received).toEqual([]);
  });

  test.each(['https://hooks.example.com/secret', 'http://127.0.0.1/secret', 'http://127.0.0.1:8080/secret'])(
    'posts to %s',
    async (value) => {
      const posted: string[] = [];
      await createHandler({
        urlParameter: '/tidegate/slack',
        parameters: { read: () => Promise.resolve(value) },
        webhook: { post: (to, text) => Promise.resolve(void posted.push(to, text)) },
        logger: createLogger(() => undefined),
      })(event({ Message: 'x' }));
      expect(posted).toEqual([value, 'x']);
    },
  );

  test('never shows the URL, which is a secret', async () => {
    for (const code of [200, 500, 302]) {
      status = code;
      await handler()(event({ Message: 'x' })).catch((error: Error) => lines.push(String(error.stack)));
    }
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.join('\n')).not.toContain('secret');
  });
});
