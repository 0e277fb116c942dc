import * as fs from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { pricesCommand } from '../../bin/commands/prices';
import { InputError } from '../../lib/core/errors';
import { PlatformStack } from '../../lib/platform';
import { checkStageConfiguration, stageConfiguration } from '../../lib/platform/stages';
import { getProducts, regionFile } from '../support/price-lists';

const LISTED = [
  { instanceType: 'ml.g5.xlarge', usd: '1.57' },
  { instanceType: 'ml.g6.xlarge', usd: '1.26' },
  { instanceType: 'ml.g5.xlarge', component: 'Training', usd: '1.58' },
  { instanceType: 'ml.g6.xlarge', component: 'Training', usd: '1.27' },
];

describe('tidegate prices update', () => {
  let folder: string;
  let server: Server;
  let lists: string;
  const replies: { [url: string]: { readonly status: number; readonly body: string } } = {};
  beforeAll(async () => {
    server = createServer((request, response) => {
      const reply = replies[request.url!] ?? { status: 403, body: 'AccessDenied' };
      response.writeHead(reply.status, { connection: 'close' }).end(reply.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    lists = `http://127.0.0.1:${(server.address() as AddressInfo).port}/AmazonSageMaker/current`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-prices-'));
    for (const url of Object.keys(replies)) delete replies[url];
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const update = async (...args: string[]): Promise<string> => {
    let output = '';
    const sink = { write: (text: string) => (output += text) };
    await pricesCommand({ stdout: sink, stderr: sink }, lists)
      .exitOverride()
      .parseAsync(['update', '--out', path.join(folder, 'prices.json'), ...args], { from: 'user' });
    return output;
  };
  const listing = (region: string, body: unknown, status = 200): void => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    replies[`/AmazonSageMaker/current/${region}/index.json`] = { status, body: text };
  };
  const written = () => JSON.parse(fs.readFileSync(path.join(folder, 'prices.json'), 'utf8')) as unknown;
  const saved = (name: string, document: unknown): string => {
    fs.writeFileSync(path.join(folder, name), JSON.stringify(document));
    return path.join(folder, name);
  };

  test('refuses a file without a name before it reads a list', async () => {
    await expect(update('--from', 'none.json', '--out', '')).rejects.toThrow(
      new InputError("--out is '', which names no file; write the path of the file to make"),
    );
  });

  test('downloads the lists of the regions, and writes their prices with date and source', async () => {
    listing('eu-west-1', regionFile(LISTED));
    expect(await update('--region', 'eu-west-1')).toMatch(/4 prices of eu-west-1 are in .*prices\.json/);
    expect(written()).toEqual({
      source: lists,
      regions: {
        'eu-west-1': {
          asOf: '2026-11-20',
          hosting: { 'ml.g5.xlarge': 1.57, 'ml.g6.xlarge': 1.26 },
          training: { 'ml.g5.xlarge': 1.58, 'ml.g6.xlarge': 1.27 },
        },
      },
    });
  });

  test('makes a region deployable whose prices the package does not have', async () => {
    listing('eu-west-1', regionFile(LISTED));
    await update('--region', 'eu-west-1');
    const stage = { ...stageConfiguration('dev'), region: 'eu-west-1', priceFile: path.join(folder, 'prices.json') };
    expect(checkStageConfiguration(stage)).toEqual([]);
    const template = JSON.stringify(
      Template.fromStack(new PlatformStack(new App(), 'Tidegate-dev', { stage })).toJSON(),
    );
    expect(template).toContain('\\"pricesPerHourUsd\\":{\\"ml.g5.xlarge\\":1.57,\\"ml.g6.xlarge\\":1.26}');
    expect(template).toContain('\\"pricesPerHourUsd\\":{\\"ml.g5.xlarge\\":1.58,\\"ml.g6.xlarge\\":1.27}');
    const given = { ...stage, pricesPerHourUsd: { 'ml.g5.xlarge': 1.4 } };
    expect(
      JSON.stringify(Template.fromStack(new PlatformStack(new App(), 'Tidegate-dev', { stage: given })).toJSON()),
    ).toContain('\\"pricesPerHourUsd\\":{\\"ml.g5.xlarge\\":1.4,\\"ml.g6.xlarge\\":1.26}');
    expect(checkStageConfiguration({ ...stage, region: 'eu-west-3' }).join()).toMatch(/no hosting price is known/);
  });

  test('reads saved pages of GetProducts, and keeps the other regions of the file', async () => {
    await update(
      '--from',
      saved('a.json', getProducts(LISTED.slice(0, 2))),
      saved('b.json', getProducts(LISTED.slice(2))),
    );
    await update('--from', saved('c.json', getProducts([{ ...LISTED[0]!, region: 'eu-west-3' }])));
    expect(written()).toMatchObject({
      regions: {
        'eu-west-1': { hosting: { 'ml.g6.xlarge': 1.26 }, training: { 'ml.g6.xlarge': 1.27 } },
        'eu-west-3': { hosting: { 'ml.g5.xlarge': 1.57 } },
      },
    });
  });

  test.each<[string, unknown, number, RegExp]>([
    [
      'a price of 0',
      regionFile([{ ...LISTED[0]!, usd: '0' }]),
      200,
      /no prices were written:\n {2}- .*no price above 0/,
    ],
    ['a region that is not listed', 'AccessDenied', 403, /returned HTTP 403; check --region/],
    ['half a file', '{"products": {', 200, /is not the whole JSON of a price list/],
    ['a list of another service', { products: {}, terms: {} }, 200, /expected a list of AmazonSageMaker/],
  ])('writes nothing from %s', async (_, body, status, message) => {
    listing('eu-west-1', body, status);
    await expect(update('--region', 'eu-west-1')).rejects.toThrow(message);
    await expect(update('--region', 'eu-west-1')).rejects.toBeInstanceOf(InputError);
    expect(fs.existsSync(path.join(folder, 'prices.json'))).toBe(false);
  });

  test('refuses files that contradict each other, and files that cannot be read', async () => {
    const other = saved('b.json', getProducts([{ ...LISTED[0]!, usd: '2' }]));
    await expect(update('--from', saved('a.json', getProducts(LISTED)), other)).rejects.toThrow(
      /two lists have ml\.g5\.xlarge for hosting in eu-west-1 at 1\.57 and at 2 USD/,
    );
    await expect(update('--from', path.join(folder, 'none.json'))).rejects.toThrow(/cannot be read \(ENOENT\)/);
    await expect(update('--region', 'Ireland')).rejects.toThrow(/--region is 'Ireland'/);
  });

  test('says how to go on where the server does not respond', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const sink = { write: () => undefined };
    await expect(
      pricesCommand({ stdout: sink, stderr: sink }, `http://127.0.0.1:${port}`).parseAsync(
        ['update', '--region', 'eu-west-1', '--out', path.join(folder, 'p.json')],
        { from: 'user' },
      ),
    ).rejects.toThrow(/cannot be read \(.*ECONNREFUSED.*\); check the network, or give saved lists with --from/);
  });
});
