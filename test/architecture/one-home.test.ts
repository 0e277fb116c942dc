import * as fs from 'node:fs';
import * as path from 'node:path';
import { exportedNames, identifiersOf } from './exported-names';
import { projectDirectory, sourceFiles } from './imports';

const SOURCES = ['lib', 'lambda', 'bin'];

/** Names that every member of a family has: the entry points of handlers, and functions that are the whole of a `decide/` folder. */
const FAMILY_NAMES = ['handler', 'createHandler', 'observe', 'RULES'];

describe('exported names', () => {
  const names = exportedNames(SOURCES);

  test('mean one thing each', () => {
    const files = new Map<string, string[]>();
    for (const { name, file } of names) files.set(name, [...(files.get(name) ?? []), file]);
    const twice = [...files].filter(([name, homes]) => homes.length > 1 && !FAMILY_NAMES.includes(name));
    expect(twice.map(([name, homes]) => `${name}: ${homes.join(', ')}`)).toEqual([]);
  });

  test('are used by another file, or are part of the public surface', () => {
    const used = identifiersOf([...SOURCES, 'test']);
    const publicFiles = /^lib\/(index|decide)\.ts$|^lib\/[^/]+\/decide\/|^bin\/|^lambda\/[^/]+\/index\.ts$/;
    const dead = names.filter(({ name, file, isValue }) => {
      if (!isValue || publicFiles.test(file)) return false;
      for (const [other, identifiers] of used) if (other !== file && identifiers.has(name)) return false;
      return !isPublic(file);
    });
    expect(dead.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
  });
});

/** True if the room's index exports everything of the file. */
function isPublic(file: string): boolean {
  const [, room, ...rest] = file.split('/');
  const index = path.join(projectDirectory, 'lib', room!, 'index.ts');
  if (!file.startsWith('lib/') || !fs.existsSync(index)) return false;
  return fs.readFileSync(index, 'utf8').includes(`export * from './${rest.join('/').replace(/\.ts$/, '')}'`);
}

/** What is written in one place only, and where. */
const HOMES: readonly (readonly [what: string, text: RegExp, home: RegExp])[] = [
  ['scalable dimensions', /'sagemaker:[a-z-]+:Desired[A-Za-z]+'/, /^lib\/catalog\/scalable-resource\.ts$/],
  ['namespaces of SageMaker metrics', /'(\/aws\/sagemaker\/\w+|AWS\/SageMaker)'/, /^lib\/catalog\//],
  ['the namespace of own metrics', /'Tidegate'/, /^lib\/(core|catalog)\//],
  ['days of 400 years of the Gregorian calendar', /\b146_?097\b/, /^lib\/core\/calendar\.ts$/],
  [
    'clients of AWS services in handlers',
    /\bnew \w*Client\(|@smithy\/node-http-handler/,
    /^lambda\/clients\/aws-client\.ts$|^lib\//,
  ],
  [
    'requests of handlers without a client of an AWS service, each with a time-out',
    /\bfetch\(|\bnew Kafka\(/,
    /^lambda\/(clients\/(signed-request|webhook|kafka-cluster)|support\/custom-resource)\.ts$|^(lib|bin)\//,
  ],
  [
    'permissions on keys, beside a key policy and the roles of containers',
    /'kms:[A-Z]/,
    /^lib\/(catalog\/(dependent-permissions|provisioning-actions)|cost\/notification-topic|inference\/endpoint\/execution-policy)\.ts$/,
  ],
  ['resource ids of variants', /`endpoint\/\$\{[^`]*\/variant\//, /^lib\/catalog\/scalable-resource\.ts$/],
  [
    'the writing of files, which leaves none cut off',
    /\bfs(\.promises)?\.(writeFile|writeFileSync|createWriteStream)\(/,
    // A stream, an archive for the CDK, and files of a run that nobody reads after a failure.
    /^lib\/(files|emulator\/(engine|processing|training))\/|^lib\/training\/packed-asset\.ts$|^bin\/input\/trace-file\.ts$/,
  ],
  ['the first bytes of gzip', /\b0x1f\b/, /^lib\/(traffic-file|inference\/model)\//],
];

describe('facts', () => {
  const texts = SOURCES.flatMap(sourceFiles).map(
    (file) => [file, fs.readFileSync(path.join(projectDirectory, file), 'utf8')] as const,
  );

  test.each(HOMES)('of one kind have one home: %s', (_what, text, home) => {
    expect(texts.filter(([file, content]) => text.test(content) && !home.test(file)).map(([file]) => file)).toEqual([]);
  });
});

describe('dependencies for development', () => {
  test('are used by a source, a test, a script or a configuration', () => {
    const { devDependencies, scripts } = JSON.parse(
      fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8'),
    ) as { readonly devDependencies: object; readonly scripts: object };
    const texts = [
      JSON.stringify(scripts),
      ...fs
        .readdirSync(projectDirectory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|mjs|cjs|html)$/.test(entry.name))
        .map((entry) => path.join(entry.parentPath, entry.name))
        .filter((file) => !/\/(node_modules|build|dist|assets|cdk\.out|\.local)\//.test(file))
        .filter((file) => !file.includes('/test/architecture/'))
        .map((file) => fs.readFileSync(file, 'utf8')),
    ];
    const command: { readonly [name: string]: string } = { typescript: 'tsc', 'aws-cdk': 'cdk ' };
    const unused = Object.keys(devDependencies).filter((name) => {
      const typed = name.replace(/^@types\//, '');
      if (typed === 'node' || typed === 'jest' || name === '@swc/core') return false;
      const word = command[name] ?? typed;
      return !texts.some(
        (text) =>
          text.includes(`'${typed}`) || (text.includes(`${word}`) && word !== typed) || text.includes(`${typed} `),
      );
    });
    expect(unused).toEqual([]);
  });
});
