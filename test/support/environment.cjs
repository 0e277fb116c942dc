const { TestEnvironment } = require('jest-environment-node');

/**
 * Node.js for tests, with stack traces at their price.
 *
 * Jest looks up the source of every frame of a stack trace. The CDK records a trace for each construct and each acknowledged rule, on a
 * plain object that no test ever shows: a quarter of the time of a synthesis. Those are written as V8 has them, errors as Jest does.
 */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const { Error: SandboxError } = this.global;
    SandboxError.prepareStackTrace = (error, frames) =>
      error instanceof SandboxError && typeof Error.prepareStackTrace === 'function'
        ? Error.prepareStackTrace(error, frames)
        : [String(error), ...frames.map((frame) => `    at ${String(frame)}`)].join('\n');
  }
};
