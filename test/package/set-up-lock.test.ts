import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectDirectory } from '../architecture/imports';

const LOCK = pathToFileURL(path.join(projectDirectory, 'bin', 'set-up-lock.mjs')).href;

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-lock-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Command that takes the lock, notes when it begins and ends with it, and gives it back. */
function command(name: string, then = 'release()'): ChildProcess {
  const script = `
    import * as fs from 'node:fs';
    import { lockSetUp } from ${JSON.stringify(LOCK)};
    const note = (text) => fs.appendFileSync(${JSON.stringify(path.join(folder, 'notes'))}, text + '\\n');
    const release = lockSetUp(${JSON.stringify(folder)});
    note('${name} begins');
    await new Promise((resolve) => setTimeout(resolve, 100));
    note('${name} ends');
    ${then};`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] });
}

const ended = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let stderr = '';
    child.stderr!.on('data', (text) => (stderr += String(text)));
    child.on('close', () => resolve(stderr));
  });

test('commands that begin at once set up one after the other', async () => {
  await Promise.all(['a', 'b', 'c'].map((name) => ended(command(name))));
  const notes = fs.readFileSync(path.join(folder, 'notes'), 'utf8').trim().split('\n');
  expect(notes).toHaveLength(6);
  for (let index = 0; index < 6; index += 2) expect(notes[index + 1]).toBe(notes[index]!.replace('begins', 'ends'));
  expect(fs.readdirSync(path.join(folder, '.local'))).toEqual([]);
});

test('a command that waits says for which process, and goes on when that has ended its work', async () => {
  fs.mkdirSync(path.join(folder, '.local'));
  const lock = path.join(folder, '.local', 'set-up.lock');
  // This process is alive.
  fs.writeFileSync(lock, String(process.pid));
  const child = command('a');
  const said = ended(child);
  await new Promise((resolve) => child.stderr!.once('data', resolve));
  expect(fs.existsSync(path.join(folder, 'notes'))).toBe(false);
  fs.rmSync(lock);
  expect(await said).toBe(
    `tidegate: another command of this clone (process ${process.pid}) installs or builds; waiting for it …\n`,
  );
  expect(fs.readFileSync(path.join(folder, 'notes'), 'utf8')).toBe('a begins\na ends\n');
});

test('a command that died holds nothing up', async () => {
  expect(await ended(command('a', "process.kill(process.pid, 'SIGKILL')"))).toBe('');
  expect(fs.readdirSync(path.join(folder, '.local'))).toEqual(['set-up.lock']);
  expect(await ended(command('b'))).toBe('');
  expect(fs.readFileSync(path.join(folder, 'notes'), 'utf8')).toContain('b ends');
});
