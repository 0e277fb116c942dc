import { contentVersion, edgeRecipe } from '../../../lib/edge/contract';
import { updatedConfiguration } from '../../../lib/emulator/edge/configuration';
import { at, interpolate, manifestFor, parseRecipe } from '../../../lib/emulator/edge/recipe';

const base = {
  RecipeFormatVersion: '2020-01-25',
  ComponentName: 'com.example.camera',
  ComponentVersion: '1.0.0',
  Manifests: [{ Lifecycle: { Run: 'echo hello' } }],
};
const recipe = (changes: object = {}): string => JSON.stringify({ ...base, ...changes });
const withLifecycle = (Lifecycle: object): string => recipe({ Manifests: [{ Lifecycle }] });

describe('a recipe', () => {
  test('may give a step as a script or as an object', () => {
    const { Manifests } = parseRecipe(withLifecycle({ Install: { Script: 'true', Timeout: 5 }, Run: 'echo hello' }));
    expect(Manifests[0]!.Lifecycle).toEqual({ Install: { Script: 'true', Timeout: 5 }, Run: { Script: 'echo hello' } });
  });

  test.each<[string, string, string]>([
    ['text that is not JSON', '{', 'the recipe is not JSON'],
    ['another format', recipe({ RecipeFormatVersion: '2019' }), 'RecipeFormatVersion'],
    ['a version of two numbers', recipe({ ComponentVersion: '1.0' }), 'ComponentVersion: must be MAJOR.MINOR.PATCH'],
    ['a version with a number of seven digits', recipe({ ComponentVersion: '1.0.1000000' }), 'each from 0 to 999999'],
    ['a name with blanks', recipe({ ComponentName: 'a b' }), 'ComponentName'],
    ['no manifest', recipe({ Manifests: [] }), 'Manifests'],
    ['an unknown member', recipe({ Manifest: [] }), 'Manifest'],
    ['run and startup', withLifecycle({ Run: 'a', Startup: 'b' }), 'only one of both is allowed'],
    [
      'an artifact that is not in S3',
      recipe({ Manifests: [{ Lifecycle: {}, Artifacts: [{ URI: 'https://example.com/a.zip' }] }] }),
      'must be s3://BUCKET/KEY',
    ],
    [
      'two artifacts of one name',
      recipe({ Manifests: [{ Lifecycle: {}, Artifacts: [{ URI: 's3://a/x.zip' }, { URI: 's3://b/x.zip' }] }] }),
      'the same file name',
    ],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parseRecipe(text)).toThrow(message);
  });

  test('gives a device the first manifest for its platform', () => {
    const parsed = parseRecipe(
      recipe({
        Manifests: [
          { Name: 'a', Platform: { os: 'linux', architecture: '/amd64|x86/' }, Lifecycle: {} },
          { Name: 'b', Platform: { os: 'linux', architecture: '*' }, Lifecycle: {} },
          { Name: 'c', Platform: { os: 'windows' }, Lifecycle: {} },
        ],
      }),
    );
    const named = (os: string, architecture: string) => manifestFor(parsed, { os, architecture }).Name;
    expect(named('linux', 'amd64')).toBe('a');
    expect(named('linux', 'aarch64')).toBe('b');
    expect(named('windows', 'amd64')).toBe('c');
    expect(() => named('darwin', 'aarch64')).toThrow('com.example.camera has no manifest for darwin on aarch64');
  });

  test('replaces variables and values of the configuration, and leaves other braces', () => {
    const values = { 'work:path': '/work' };
    const configuration = { a: { b: 'text' }, n: 7 };
    const fill = (script: string) => interpolate(script, { values, configuration });
    expect(fill('cd {work:path}; echo {configuration:/a/b} {configuration:/n} ${X:-1} {}')).toBe(
      'cd /work; echo text 7 ${X:-1} {}',
    );
    expect(() => fill('{configuration:/missing}')).toThrow('which the configuration does not have');
    expect(() => fill('{kernel:rootPath}')).toThrow('known here: work:path');
  });
});

describe('the recipe of the component for inference', () => {
  const configuration = {
    fleet: 'f',
    metricsNamespace: 'Tidegate',
    confidenceThreshold: '0.8',
    storeMaxBytes: '8388608',
    dropPolicy: 'oldest',
    requestTopic: 'a/requests',
    responseTopic: 'a/responses',
    metricsTopic: 'a/metrics',
    forwardIntervalSeconds: '5',
    metricsIntervalSeconds: '60',
    endpointName: '',
    endpointTimeoutSeconds: '3',
    streamName: 's',
    region: 'us-east-1',
    gated: 'true',
    environmentDirectory: '',
  } as const;
  const parsed = parseRecipe(
    JSON.stringify(
      edgeRecipe({
        componentName: 'tidegate.edge.f',
        componentVersion: contentVersion('ffffffffffff'),
        publisher: 'p',
        code: { uri: 's3://b/code.zip', unarchive: 'ZIP', folder: 'code' },
        model: { uri: 's3://b/job/model.tar.gz', unarchive: 'NONE', folder: '' },
        configuration,
        installTimeoutSeconds: 60,
      }),
    ),
  );

  test('is one of the format, and names only variables that a device has', () => {
    const { Lifecycle } = parsed.Manifests[0]!;
    const values = { 'artifacts:path': '/a', 'artifacts:decompressedPath': '/d', 'work:path': '/w' };
    expect(interpolate(Lifecycle.Install!.Script, { values, configuration })).toBe(
      'python3 -B "/d/code/install.py" --work "/w" --model "/a" --gated "true" --environments ""',
    );
    expect(interpolate(Lifecycle.Run!.Script, { values, configuration })).toContain('"/d/code/main.py" run');
  });

  test('has a version of three numbers below a million', () => {
    // ffffffffff is 1,099,511,627,775: without the trillion 99,511 and 627,775.
    expect(parsed.ComponentVersion).toBe('1.99511.627775');
    expect(contentVersion('0000000001')).toBe('1.0.1');
  });
});

describe('a configuration', () => {
  const defaults = { threshold: '0.8', topics: { in: 'a', out: 'b' }, list: [1, 2] };

  test.each<[string, object | undefined, object, object]>([
    ['is that of the version at first', undefined, {}, defaults],
    ['keeps what an earlier deployment set', { threshold: '0.5' }, {}, { ...defaults, threshold: '0.5' }],
    [
      'merges objects member by member',
      undefined,
      { merge: { topics: { in: 'x' } } },
      { ...defaults, topics: { in: 'x', out: 'b' } },
    ],
    ['replaces lists', undefined, { merge: { list: [3] } }, { ...defaults, list: [3] }],
    ['has its defaults again after a reset of all', { threshold: '0.5', old: 1 }, { reset: [''] }, defaults],
    ['has one default again', { threshold: '0.5', old: 1 }, { reset: ['/threshold'] }, { ...defaults, old: 1 }],
    ['loses what has no default', { old: { a: 1, b: 2 } }, { reset: ['/old/a'] }, { ...defaults, old: { b: 2 } }],
    [
      'is reset before it is merged',
      { threshold: '0.5' },
      { reset: [''], merge: { threshold: '0.7' } },
      { ...defaults, threshold: '0.7' },
    ],
  ])('%s', (_, present, update, wanted) => {
    expect(updatedConfiguration(present as never, defaults, update)).toEqual(wanted);
  });

  test('has values at JSON pointers', () => {
    expect(at({ 'a/b': { '~': 1 } }, '/a~1b/~0')).toBe(1);
    expect(at({ a: null }, '/a/b')).toBeUndefined();
    expect(at({ a: 1 }, '')).toEqual({ a: 1 });
  });
});
