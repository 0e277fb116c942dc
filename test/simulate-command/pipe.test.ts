import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/template/chat-template';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-pipe-'));
  fs.writeFileSync(path.join(folder, 'Chat.template.json'), JSON.stringify(chatTemplate()));
  fs.writeFileSync(path.join(folder, 'trace.csv'), `# step_seconds=1\nrequests\n${'2\n'.repeat(14_400)}`);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs the command as a program whose reader waits before it reads. */
function read(waitMs: number): Promise<{ readonly text: string; readonly code: number | null }> {
  const command = path.join(projectDirectory, 'bin/tidegate.mjs');
  const flags = ['--template', 'Chat.template.json', '--trace', 'trace.csv', '--json', '--no-advice'];
  const child = spawn(process.execPath, [command, 'simulate', ...flags], {
    cwd: folder,
    env: { ...process.env, TIDEGATE_SET_UP: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.pause();
  setTimeout(() => child.stdout.resume(), waitMs);
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ text, code })));
}

test('a result longer than a pipe holds arrives whole at a slow reader', async () => {
  const { text, code } = await read(4000);
  expect(code).toBe(0);
  expect(text.length).toBeGreaterThan(200_000);
  expect(() => JSON.parse(text) as unknown).not.toThrow();
}, 60_000);
