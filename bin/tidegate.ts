import { runLocal } from '../lib/local/run';
import { runTour } from '../lib/local/tour/tour';
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

void runCommandLine(process.argv.slice(2), {
  projectDirectory: findProjectDirectory(__dirname, process.env),
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
  runLocal,
  runTour,
}).then(exitOnceWritten);

/** Ends the process when what was written has left it: a pipe takes its time, and may have been closed by its reader. */
function exitOnceWritten(code: number): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(code));
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}
