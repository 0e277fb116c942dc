import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RedriveReport } from '../../lib/ingestion/decide/redrive';
import { runTidegate, type CommandLineRun } from '../support/command-line';

const resource = (id: string, type: string, physical: string): string =>
  `<member><LogicalResourceId>${id}</LogicalResourceId><ResourceType>${type}</ResourceType><PhysicalResourceId>${physical}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus><LastUpdatedTimestamp>2026-01-05T00:00:00Z</LastUpdatedTimestamp></member>`;
const pageOf = (resources: readonly string[], token = ''): string =>
  `<ListStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><ListStackResourcesResult><StackResourceSummaries>${resources.join('')}</StackResourceSummaries>${token === '' ? '' : `<NextToken>${token}</NextToken>`}</ListStackResourcesResult></ListStackResourcesResponse>`;
const LAMBDA = 'AWS::Lambda::Function';

const report = (given: Partial<RedriveReport> = {}): RedriveReport => ({
  streamName: 'requests',
  dryRun: false,
  found: 3,
  redriven: 3,
  skipped: {},
  named: [],
  ...given,
});

/** Account with stacks, and a redrive function that returns one report after the other. */
class Account {
  public readonly events: { readonly functionName: string; readonly event: { [name: string]: unknown } }[] = [];
  public reports: (RedriveReport | string)[] = [report()];
  private readonly server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const [, functionName] = /functions\/([^/]+)\/invocations/.exec(request.url!) ?? [];
      if (functionName !== undefined) {
        this.events.push({ functionName, event: JSON.parse(body) as { [name: string]: unknown } });
        const next = this.reports.shift()!;
        const failed = typeof next === 'string';
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(failed && { 'x-amz-function-error': 'Unhandled' }),
        });
        response.end(JSON.stringify(failed ? { errorMessage: next } : next));
        return;
      }
      const stack = new URLSearchParams(body).get('StackName');
      const found = this.stacks[`${stack}${new URLSearchParams(body).get('NextToken') ?? ''}`];
      response.writeHead(found === undefined ? 400 : 200, { 'content-type': 'text/xml' });
      response.end(
        found ??
          `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ${stack} does not exist</Message></Error></ErrorResponse>`,
      );
    });
  });

  public constructor(private readonly stacks: { readonly [name: string]: string }) {}

  public start(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  public stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  public redrive(...flags: string[]): Promise<CommandLineRun> {
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return runTidegate(['redrive', '--endpoint', url, ...flags]);
  }
}

describe('tidegate redrive', () => {
  const account = new Account({
    // The function is on the second page, and that of another ingestion in a nested stack.
    Chat: pageOf([resource('RequestsConsumer0A1B2C3D', LAMBDA, 'consumer')], 'page2'),
    Chatpage2: pageOf([resource('RequestsRedrive0A1B2C3D', LAMBDA, 'redriver')]),
    Both: pageOf([
      resource('Inner', 'AWS::CloudFormation::Stack', 'Chat'),
      resource('ImagesRedriveFFFFFFFF', LAMBDA, 'images-redriver'),
    ]),
    Empty: pageOf([]),
  });
  beforeAll(() => account.start());
  afterAll(() => account.stop());
  beforeEach(() => {
    account.events.length = 0;
    account.reports = [report()];
  });

  test('finds the function of the stack, passes the flags on, and prints the report', async () => {
    const { code, stdout, stderr } = await account.redrive(
      ...['--stack', 'Chat', '--since', '1764547200', '--rate', '50', '--dry-run'],
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /stack Chat, ingestion Requests, stream requests\n\n +3 {2}found\n +3 {2}put into the stream/,
    );
    expect(code).toBe(0);
    expect(account.events).toEqual([
      { functionName: 'redriver', event: { dryRun: true, recordsPerSecond: 50, seconds: 45, since: 1_764_547_200 } },
    ]);
  });

  test('goes on until nothing is left, and adds the parts up', async () => {
    const next = { shardId: 's', letter: 'l', batch: 'b', records: 1, heldKeys: ['k'] };
    account.reports = [report({ next }), report({ next: { ...next, records: 5 }, skipped: { redriven: 2 } }), report()];
    const { code, stdout, stderr } = await account.redrive('--stack', 'Chat', '--json');
    expect(JSON.parse(stdout)).toEqual({
      stack: 'Chat',
      ingestion: 'Requests',
      report: report({ found: 9, redriven: 9, skipped: { redriven: 2 } }),
    });
    expect(stderr.trim().split('\n')).toEqual([
      'tidegate: 3 found, 3 put into the stream so far',
      'tidegate: 6 found, 6 put into the stream so far',
    ]);
    expect(account.events.map(({ event }) => event['cursor'])).toEqual([undefined, next, { ...next, records: 5 }]);
    expect(code).toBe(0);
  });

  test('exits with 1 when records are left, and names them and the way out', async () => {
    const object = 'dead-letters/requests/s/0049.json';
    const left = report({
      found: 9,
      skipped: { redriven: 4, 'too-large': 2 },
      named: [{ object, reason: 'too-large', detail: '2000 bytes of at most 1000' }],
    });
    account.reports = [left, left];
    const { code, stdout } = await account.redrive('--stack', 'Chat');
    expect(code).toBe(1);
    expect(stdout).toMatch(/2 {2}skipped: too large .*raise maxRecordSize/);
    expect(stdout).toContain(`too-large: ${object} (2000 bytes of at most 1000)`);
    expect(stdout).toMatch(/2 records are left\n$/);
    const { stdout: markdown } = await account.redrive('--stack', 'Chat', '--format', 'markdown');
    expect(markdown).toMatch(/^### tidegate redrive: Chat, Requests, requests\n\n\|[^]*\| skipped: too-large \| 2 \|/);
  });

  test('says which failed batches it cannot bring back, and where they are', async () => {
    const failuresWithoutRecords = 'arn:aws:sqs:us-east-1:123456789012:failed';
    const nothing = report({ found: 0, redriven: 0, failuresWithoutRecords });
    account.reports = [nothing, nothing, nothing];
    const { code, stdout } = await account.redrive('--stack', 'Chat');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /failed batches went to arn:aws:sqs:us-east-1:123456789012:failed, which has their topic, partition and offsets, but not the records/,
    );
    expect(stdout).toMatch(/no dead letter was set aside\n$/);
    const { stdout: markdown } = await account.redrive('--stack', 'Chat', '--format', 'markdown');
    expect(markdown).toContain('read them there and send them again');
    const { stdout: json } = await account.redrive('--stack', 'Chat', '--json');
    expect(JSON.parse(json)).toMatchObject({ report: { failuresWithoutRecords } });
  });

  test.each<[string, string[], RegExp]>([
    ['a stack that is not there', ['--stack', 'Chad'], /stack Chad could not be read: .*does not exist; check --stack/],
    ['a stack without an ingestion', ['--stack', 'Empty'], /Empty has no function for redrives; name the stack that/],
    ['several ingestions', ['--stack', 'Both'], /2 ingestions; choose one with --ingestion: Requests, Images/],
    [
      'an ingestion that is not there',
      ['--stack', 'Both', '--ingestion', 'Texts'],
      /--ingestion is 'Texts', which the stack Both does not have; it has Requests, Images/,
    ],
    ['no stack', [], /--stack is missing; name the stack/],
    ['a name that is none', ['--stack', '../x'], /--stack is '\.\.\/x'; write the name of a stack/],
    ['a rate of nothing', ['--stack', 'Chat', '--rate', '0'], /--rate is '0'; it must be a number from 0\.1 to 1000/],
    ['a time that is none', ['--stack', 'Chat', '--since', 'noon'], /--since is 'noon'; write a time such as/],
    [
      'an ingestion that is no id',
      ['--stack', 'Chat', '--ingestion', 'a/b'],
      /--ingestion is 'a\/b'; write a logical id/,
    ],
  ])('refuses %s', async (_name, flags, message) => {
    const { code, stdout, stderr } = await account.redrive(...flags);
    expect(stderr).toMatch(message);
    expect({ code, stdout, invoked: account.events.length }).toEqual({ code: 2, stdout: '', invoked: 0 });
  });

  test('chooses one of several ingestions', async () => {
    expect((await account.redrive('--stack', 'Both', '--ingestion', 'Images')).code).toBe(0);
    expect(account.events[0]!.functionName).toBe('images-redriver');
  });

  test('passes the error of the function on, and says that a repetition is safe', async () => {
    account.reports = ['AccessDeniedException: kinesis:PutRecord'];
    const { code, stderr } = await account.redrive('--stack', 'Chat');
    expect(stderr).toMatch(/redriver failed: AccessDeniedException: kinesis:PutRecord; .*again: .*is remembered/);
    expect(code).toBe(1);
  });
});
