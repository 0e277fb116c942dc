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
for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithoutReader);

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
  // A pipe takes its time.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(given)));
});

/** Ends the process, or a local run first, when what reads its output has read enough, as `head` does. */
function endWithoutReader(): void {
  if (process.argv[2] === 'local' && code === undefined)
    interrupt.abort(new Error('ended by the reader of the output'));
  else process.exit(code ?? EXIT.outputClosed);
}
