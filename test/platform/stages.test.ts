import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App } from 'aws-cdk-lib';
import { PlatformStack } from '../../lib/platform';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import { projectDirectory } from '../architecture/imports';
import { differingLines, templateText } from './template-text';

/** The snapshot is text: a line that changes is a line to review. */
expect.addSnapshotSerializer({ test: (value) => typeof value === 'string', print: (value) => String(value) });

const { context } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8')) as {
  readonly context: { readonly [name: string]: unknown };
};

/** Every deployed file of a stage's assembly, by name. */
function synthesised(name: string): { readonly [file: string]: string } {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-stage-'));
  try {
    const app = new App({ outdir, context, analyticsReporting: false });
    new PlatformStack(app, `Tidegate-${name}`, { stage: stageConfiguration(name) });
    app.synth();
    const files = fs.readdirSync(outdir).filter((file) => /\.(template|assets)\.json$|^manifest\.json$/.test(file));
    return Object.fromEntries(files.map((file) => [file, fs.readFileSync(path.join(outdir, file), 'utf8')]));
  } finally {
    fs.rmSync(outdir, { recursive: true });
  }
}

/** The first assembly of each stage, which takes most of a second. */
const first = Object.fromEntries(STAGE_NAMES.map((name) => [name, synthesised(name)]));
const reviewed = (name: string): string => templateText(first[name]![`Tidegate-${name}.template.json`]!);

describe('the stages', () => {
  const dev = reviewed('dev');

  test('deploy as dev what they deployed before', () => expect(dev).toMatchSnapshot());

  test.each(STAGE_NAMES.filter((name) => name !== 'dev'))('differ as %s from dev as they did before', (name) => {
    const renamed = reviewed(name).replaceAll(new RegExp(`(?<=[/"-])${name}(?=[/":-])`, 'g'), 'dev');
    expect(differingLines(dev, renamed)).toMatchSnapshot();
  });

  test.each(STAGE_NAMES)('are the same, byte for byte, when %s is synthesised again', (name) => {
    expect(synthesised(name)).toEqual(first[name]);
  });
});
