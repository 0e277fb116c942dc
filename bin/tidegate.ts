import * as fs from 'node:fs';
import { outputProblem } from '../lib/core/write-errors';
import { EXIT, findProjectDirectory, runCommandLine } from './command-line';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

const interrupt = new AbortController();
// A run has processes to end; the other commands end at once, as every program does, also in the middle of a calculation.
for (const signal of process.argv[2] === 'local' ? (['SIGINT', 'SIGTERM', 'SIGHUP'] as const) : []) {
  process.on(signal, () => {
    // A second one does not wait for things to end well.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort(new Error(`ended by ${signal}`));
  });
}

let code: number | undefined;
let isOutputLost = false;
process.stdout.on('error', endWithoutOutput);
process.stderr.on('error', (error) => {
  // Notes that a full disk does not take are lost, the result is not.
  if (outputProblem(error) === undefined) endWithoutReader();
});

void runCommandLine(process.argv.slice(2), {
  projectDirectory: findProjectDirectory(__dirname, process.env),
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signal: interrupt.signal,
  // The local engine is read only where it runs.
  runLocal: async (...given) => (await import('../lib/local/run')).runLocal(...given),
  runTour: async (...given) => (await import('../lib/local/tour/tour')).runTour(...given),
}).then((given) => {
  code = given;
  // A pipe takes its time, and the error of a write comes after the writes behind it have returned.
  const end = (): void => process.exit(isOutputLost ? EXIT.failed : given);
  process.stdout.write('', () => process.stderr.write('', () => setImmediate(end)));
});

/** Ends the process, or a local run first, when its output goes nowhere: a result that is cut off is a failure, a reader that has enough is none. */
function endWithoutOutput(error: NodeJS.ErrnoException): void {
  const problem = outputProblem(error);
  if (problem === undefined) return endWithoutReader();
  if (isOutputLost) return;
  isOutputLost = true;
  try {
    fs.writeSync(process.stderr.fd, `tidegate: ${problem}\n`);
  } catch {
    // Both go to the same full disk: the exit code says it.
  }
  if (process.argv[2] === 'local' && code === undefined) interrupt.abort(new Error(problem));
  else process.exit(EXIT.failed);
}

/** Ends the process, or a local run first, when what reads its output has read enough, as `head` does. */
function endWithoutReader(): void {
  if (process.argv[2] === 'local' && code === undefined)
    interrupt.abort(new Error('ended by the reader of the output'));
  else process.exit(code ?? EXIT.outputClosed);
}
