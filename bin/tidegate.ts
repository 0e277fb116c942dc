import { runLocal } from '../lib/local/run';
import { EXIT, findProjectDirectory, runCommandLine } from './command-line';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
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
}).then((code) => process.exit(code));
