import { CommandError, runCommand } from '../../lib/emulator/child-process';
import { listProcesses } from '../../lib/local/report/process-memory';

const options = { cwd: process.cwd(), env: process.env, signal: new AbortController().signal };

/** A process that has ended but was not collected by its new parent yet does not count. */
async function isRunning(pid: number): Promise<boolean> {
  const found = (await listProcesses()).find((entry) => entry.pid === pid);
  return found !== undefined && found.residentKib > 0;
}

describe('runCommand', () => {
  test('hands over every line, without colours, whatever ends it', async () => {
    const lines: string[] = [];
    const script = String.raw`process.stdout.write('one\n\u001b[31mtwo\u001b[0m\r\nthr'); process.stdout.write('ee')`;
    await runCommand(process.execPath, ['-e', script], { ...options, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  test('throws with the output when the command fails', async () => {
    const failing = runCommand(process.execPath, ['-e', 'console.error("no way"); process.exit(3)'], options);
    await expect(failing).rejects.toThrow(CommandError);
    await expect(failing).rejects.toMatchObject({ output: 'no way' });
  });

  test('an abort ends the command with all it started', async () => {
    const controller = new AbortController();
    const script = `
      const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    let grandchild = 0;
    const running = runCommand(process.execPath, ['-e', script], {
      ...options,
      signal: controller.signal,
      onLine: (line) => {
        grandchild = Number(line);
        controller.abort(new Error('ended by the test'));
      },
    });
    await expect(running).rejects.toThrow('ended by the test');
    expect(grandchild).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await isRunning(grandchild)).toBe(false);
  });
});
