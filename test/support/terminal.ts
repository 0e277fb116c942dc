import { spawn } from 'node:child_process';

/** What a program printed in a pseudo-terminal, and its exit code. */
export interface TerminalRun {
  /** Standard output and standard error as the terminal got them, in order. */
  readonly text: string;
  readonly code: number | null;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly columns?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Text at which Ctrl-C is pressed. */
  readonly interruptAt?: RegExp;
  readonly timeoutMs?: number;
}

/** Gives the program a pseudo-terminal of a width, passes its output on and its exit code up; a line on stdin is a key press. */
const PTY = `
import fcntl, os, pty, select, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 40, columns, 0, 0))
open_inputs = [terminal, 0]
while True:
    for source in select.select(open_inputs, [], [])[0]:
        if source == 0:
            keys = os.read(0, 64)
            if keys: os.write(terminal, keys)
            else: open_inputs.remove(0)
            continue
        try: output = os.read(terminal, 65536)
        except OSError: output = b''
        if not output:
            status = os.waitpid(pid, 0)[1]
            sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
        os.write(1, output)
`;

/** Runs a program in a pseudo-terminal, as a person does. */
export function runInTerminal(
  command: readonly string[],
  { cwd, columns = 80, env = process.env, interruptAt, timeoutMs = 60_000 }: TerminalOptions,
): Promise<TerminalRun> {
  const child = spawn(process.env.PYTHON ?? 'python3', ['-c', PTY, String(columns), ...command], {
    cwd,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let interrupted = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (interruptAt === undefined || interrupted || !interruptAt.test(text)) return;
    interrupted = true;
    child.stdin.write('\u0003');
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ text, code });
    });
  });
}

/** Returns the lines that stay on a terminal: what a carriage return or an erased line takes away is gone. */
export function screenLines(text: string): string[] {
  return text.split(/\r*\n/).map((line) => line.split(/\r|\u001b\[2K/).at(-1)!);
}
