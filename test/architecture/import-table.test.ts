import { type Import, readImports } from './imports';

/** The kinds of outside packages that the table speaks of. */
const CDK = /^(aws-cdk-lib|constructs|cdk-nag)(\/|$)/;
const AWS_SDK = /^(@aws-sdk|@smithy)\//;
const LAMBDA_LIBRARIES = /^(aws-lambda|@aws-lambda-powertools\/|zod)/;
const NODE = /^node:/;

const CORE = /^lib\/core\//;
const CATALOG = /^lib\/catalog\//;
const ANY_DECIDE = /^lib\/[^/]+\/decide\//;
const ANY_CONTRACT = /^lib\/[^/]+\/contract\.ts$/;
const SCALING_DECIDE = /^lib\/scaling\/decide\//;
const SCALING_CONTRACT = /^lib\/scaling\/contract\.ts$/;
const PURE = [CORE, CATALOG, ANY_DECIDE, ANY_CONTRACT];

interface Rule {
  readonly name: string;
  readonly applies: RegExp;
  /** What such a file may import, given its own room. */
  readonly may: (room: string) => readonly RegExp[];
}

const room = (name: string): RegExp => new RegExp(`^lib/${name}/`);

/** Rooms of constructs: a room that is not built yet has its place here already. */
const CONSTRUCT_ROOMS = [
  'inference',
  'scaling',
  'ingestion',
  'features',
  'training',
  'cost',
  'gateway',
  'compression',
  'drift',
  'edge',
  'kubernetes',
  'pipelines',
];

/** Which way imports point, one row a kind of file. The first row that applies counts. */
const TABLE: readonly Rule[] = [
  { name: 'lib/core', applies: CORE, may: () => [CORE] },
  { name: 'lib/catalog', applies: CATALOG, may: () => [CORE, CATALOG] },
  {
    name: 'lib/scaling/decide and its contract',
    applies: /^lib\/scaling\/(decide\/|contract\.ts$)/,
    may: () => [CORE, CATALOG, SCALING_DECIDE, SCALING_CONTRACT],
  },
  {
    name: 'decide and contract of other rooms',
    applies: /^lib\/[^/]+\/(decide\/|contract\.ts$)/,
    may: (own) => [CORE, CATALOG, SCALING_DECIDE, new RegExp(`^lib/${own}/(decide/|contract\\.ts$)`)],
  },
  {
    name: 'lib/simulation',
    applies: /^lib\/simulation\//,
    may: () => [CORE, CATALOG, room('template'), ANY_DECIDE, ANY_CONTRACT, room('simulation')],
  },
  {
    name: 'lib/preflight',
    applies: /^lib\/preflight\//,
    may: () => [...PURE, room('template'), room('preflight')],
  },
  {
    name: 'lib/inspection',
    applies: /^lib\/inspection\//,
    may: () => [...PURE, room('template'), /^lib\/simulation\/traffic\//, room('inspection')],
  },
  { name: 'lib/template', applies: /^lib\/template\//, may: () => [CORE, CATALOG, ANY_CONTRACT, room('template')] },
  {
    name: 'lib/traffic-file',
    applies: /^lib\/traffic-file\//,
    may: () => [
      CORE,
      /^lib\/simulation\/traffic\//,
      room('files'),
      room('traffic-file'),
      NODE,
      /^(hyparquet|hyparquet-compressors)$/,
    ],
  },
  {
    name: 'lib/emulator/kafka/kafka-client.ts',
    applies: /^lib\/emulator\/kafka\/kafka-client\.ts$/,
    may: () => [/^kafkajs($|\/)/],
  },
  {
    name: 'lib/emulator',
    applies: /^lib\/emulator\//,
    may: () => [...PURE, room('simulation'), room('emulator'), room('files'), NODE, AWS_SDK, /^zod$/],
  },
  { name: 'lib/files', applies: /^lib\/files\//, may: () => [CORE, NODE, room('files')] },
  { name: 'lib/runtime', applies: /^lib\/runtime\//, may: () => [CDK, NODE, CORE, CATALOG, room('runtime')] },
  {
    name: 'lib/local',
    applies: /^lib\/local\//,
    may: () => [
      ...PURE,
      room('simulation'),
      room('traffic-file'),
      room('emulator'),
      room('files'),
      room('local'),
      NODE,
      AWS_SDK,
      /^(zod|picocolors|uplot)(\/|$)/,
    ],
  },
  {
    name: 'lib/monitoring',
    applies: /^lib\/monitoring\//,
    may: (own) => [CDK, ...PURE, room(own), room('runtime'), /^lib\/[^/]+\/index\.ts$/],
  },
  {
    name: 'lib/platform',
    applies: /^lib\/platform\//,
    may: () => [CDK, NODE, /^lib\/(?!simulation\/|local\/|emulator\/|traffic-file\/)/],
  },
  {
    name: 'lib/rehearsal',
    applies: /^lib\/rehearsal\//,
    may: (own) => [
      CDK,
      NODE,
      ...PURE,
      room('template'),
      room('simulation'),
      room('traffic-file'),
      room('files'),
      room(own),
    ],
  },
  {
    name: 'lib/proof',
    applies: /^lib\/proof\//,
    may: (own) => [CDK, NODE, ...PURE, room('template'), room('files'), room(own)],
  },
  {
    name: 'lib/index.ts',
    applies: /^lib\/index\.ts$/,
    may: () => [/^lib\/(?!simulation\/|local\/|emulator\/|traffic-file\/)/],
  },
  {
    name: 'lib/compression, whose jobs are training jobs',
    applies: /^lib\/compression\//,
    may: (own) => [CDK, NODE, ...PURE, room('runtime'), room('training'), room(own)],
  },
  {
    name: 'lib/rollout, whose evaluations are training jobs and whose models are those of endpoints',
    applies: /^lib\/rollout\//,
    may: (own) => [CDK, NODE, ...PURE, room('runtime'), room('training'), /^lib\/inference\/index\.ts$/, room(own)],
  },
  {
    name: 'constructs',
    applies: new RegExp(`^lib/(${CONSTRUCT_ROOMS.join('|')})/`),
    may: (own) => [CDK, NODE, ...PURE, room('runtime'), room('scaling'), room('files'), room(own)],
  },
  {
    name: 'clients of Kafka',
    applies: /^lambda\/clients\/(failure-topic|kafka-cluster|request-topic|result-topic|topic-reader)\.ts$/,
    may: () => [...PURE, /^lambda\/(clients|support)\//, NODE, /^kafkajs$/],
  },
  {
    name: 'lambda/clients',
    applies: /^lambda\/clients\//,
    may: () => [...PURE, AWS_SDK, /^lambda\/(clients|support)\//, NODE],
  },
  { name: 'lambda', applies: /^lambda\//, may: () => [...PURE, LAMBDA_LIBRARIES, NODE, /^lambda\//] },
];

function violation(one: Import): string | undefined {
  const rule = TABLE.find(({ applies }) => applies.test(one.from));
  if (rule === undefined) return `${one.from} is in no row of the import table`;
  const own = one.from.split('/')[1]!;
  if (rule.may(own).some((allowed) => allowed.test(one.to))) return undefined;
  return `${one.from} (${rule.name}) must not import ${one.to}`;
}

describe('the import table', () => {
  const imports = readImports(['lib', 'lambda']).filter(({ from }) => !from.startsWith('lib/local/report/page/'));

  test('holds for every import of the library and the handlers', () => {
    expect(imports.length).toBeGreaterThan(50);
    expect(imports.map(violation).filter((found) => found !== undefined)).toEqual([]);
  });

  test.each([
    ['lib/core/x.ts', 'lib/catalog/prices.ts', false],
    ['lib/scaling/decide/x.ts', 'node:fs', true],
    ['lib/cost/decide/x.ts', 'lib/inference/index.ts', false],
    ['lib/inference/x.ts', 'lib/cost/index.ts', false],
    ['lib/gateway/x.ts', 'lib/inference/index.ts', false],
    ['lib/template/x.ts', 'lib/proof/finding.ts', false],
    ['lib/emulator/x.ts', 'lib/local/run.ts', false],
    ['lib/emulator/kafka/x.ts', 'kafkajs', true],
    ['lib/traffic-file/x.ts', 'lib/simulation/rehearse/rehearse.ts', false],
    ['lib/inspection/x.ts', 'node:fs', true],
    ['lib/edge/decide/x.ts', 'lib/edge/edge-fleet.ts', false],
    ['lib/local/x.ts', 'aws-cdk-lib', true],
    ['lib/platform/x.ts', 'lib/simulation/fleet.ts', false],
    ['lib/rehearsal/x.ts', 'lib/scaling/index.ts', false],
    ['lambda/x/handler.ts', '@aws-sdk/client-s3', true],
    ['lambda/x/handler.ts', 'lib/scaling/index.ts', false],
  ])('refuses that %s imports %s', (from, to, external) => {
    expect(violation({ from, to, external })).toContain('must not import');
  });

  test('knows every room of the library', () => {
    expect(violation({ from: 'lib/unheard-of/x.ts', to: 'lib/core/time.ts', external: false })).toContain('in no row');
  });

  test('lets no file of the library import a test or the command line', () => {
    expect(imports.filter(({ to }) => /^(test|bin)\//.test(to))).toEqual([]);
  });
});

describe('the import graph', () => {
  test('has no cycle between files', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, external } of readImports(['lib', 'lambda', 'bin']))
      if (!external) edges.set(from, [...(edges.get(from) ?? []), to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (trail.includes(file)) {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of edges.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });
});
