import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { EXIT } from '../../bin/command-line';
import { projectDirectory } from '../architecture/imports';
import { describeWith } from '../support/needs';
import { pythonWithTorch } from '../training/torch';

const LIMIT_MS = 600_000;
const LOOK_MS = 200;
const torch = pythonWithTorch();
const missing =
  process.platform !== 'linux' ? 'Linux, whose /proc lists processes' : 'missing' in torch ? torch.missing : undefined;

/** Command lines of the processes that work in the folder of a run. */
function processesOf(run: string): string[] {
  return fs.readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return `${command} ${fs.readlinkSync(`/proc/${pid}/cwd`)}/`.includes(run) ? [command] : [];
    } catch {
      // It ended meanwhile.
      return [];
    }
  });
}

describeWith(missing, 'the tour of learning, interrupted', () => {
  const outDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-interrupt-'));
  afterAll(() => fs.rmSync(outDirectory, { recursive: true, force: true }));

  test(
    'ends its training processes, its engine and its endpoints within the time of an impatient person',
    async () => {
      const child = spawn(
        process.execPath,
        ['bin/tidegate.mjs', 'local', '--tour', 'learning', '--speed', '60', '--out', outDirectory],
        { cwd: projectDirectory, env: { ...process.env, TIDEGATE_SET_UP: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text: Buffer) => (output += text.toString()));
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      let isOver = false;
      void ended.then(() => (isOver = true));
      const run = `${path.sep}run${path.sep}${child.pid}${path.sep}`;
      const trains = (): boolean => processesOf(run).some((command) => command.includes('train.py'));
      while (!isOver && !trains()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      expect([isOver, output.slice(-2000)]).toEqual([false, expect.any(String)]);
      expect(processesOf(run).length).toBeGreaterThan(1);

      const begun = performance.now();
      child.kill('SIGINT');
      expect(await ended).toBe(EXIT.interrupted);
      console.info(`ended ${((performance.now() - begun) / 1000).toFixed(1)} s after the interrupt`);
      expect(performance.now() - begun).toBeLessThan(60_000);
      expect(processesOf(run)).toEqual([]);
      expect(output).toContain('interrupt');
      expect(output).not.toContain('    at ');
      expect(fs.readdirSync(outDirectory)).toEqual([]);
    },
    LIMIT_MS,
  );
});
