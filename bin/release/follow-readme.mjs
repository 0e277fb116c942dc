#!/usr/bin/env node
// Does what "Your first stack" in README.md says, word for word, in an empty folder: runs its commands, saves its programs, in their order.
//   node bin/release/follow-readme.mjs --tarball FILE --wheel FILE
// Only the name `tidegate` in the two install commands becomes the path of a file, as long as the registries do not have it.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const { values } = parseArgs({ options: { tarball: { type: 'string' }, wheel: { type: 'string' } } });
for (const name of ['tarball', 'wheel'])
  if (values[name] === undefined || !fs.existsSync(values[name])) {
    process.stderr.write(
      `tidegate: --${name} is '${values[name] ?? ''}', which is no file; make it with npm run package:python\n`,
    );
    process.exit(2);
  }
const [tarball, wheel] = [path.resolve(values.tarball), path.resolve(values.wheel)];

const readme = fs.readFileSync(path.join(projectDirectory, 'README.md'), 'utf8');
const section = /^## Your first stack\n(.*?)^## /ms.exec(readme)[1];
const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-first-stack-'));
const FILES = { ts: 'app.ts', python: 'app.py' };
const script = ['set -e'];
for (const { language, code } of blocks) {
  if (FILES[language]) fs.writeFileSync(path.join(folder, FILES[language]), code);
  else
    for (const line of code.trim().split('\n')) {
      const command = line
        .replace(/^npm install tidegate\b/, `npm install ${tarball}`)
        .replace(/^pip install tidegate\b/, `pip install ${wheel}`);
      script.push(`echo ${JSON.stringify(`$ ${line.replaceAll("'", '"')}`)}`, command);
    }
}
// One shell, as a person has: what one command activates is there for the next.
const { status } = spawnSync('bash', ['-c', script.join('\n')], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (status !== 0) {
  process.stderr.write(`tidegate: following README.md failed; what it left is in ${folder}\n`);
  process.exit(1);
}
const templates = ['cdk.out', 'cdk.out.python'].map((output) => path.join(folder, output, 'Inference.template.json'));
const [typescript, python] = templates.map((file) =>
  Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')).Resources)
    .sort()
    .join(),
);
if (typescript !== python) {
  process.stderr.write(`tidegate: TypeScript and Python gave different resources; both are in ${folder}\n`);
  process.exit(1);
}
fs.rmSync(folder, { recursive: true, force: true });
process.stdout.write('README.md was followed without a guess, in TypeScript and in Python\n');
