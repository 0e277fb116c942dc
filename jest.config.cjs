/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/test/support/environment.cjs',
  runtime: '<rootDir>/test/support/runtime.cjs',
  roots: ['<rootDir>/test'],
  // Tests that download much, or take minutes, are a leg of their own: npm run test:real.
  testMatch: process.env.TIDEGATE_TEST_LEG === 'real' ? ['**/*.real.test.ts'] : ['**/!(*.real).test.ts'],
  reporters: ['default', '<rootDir>/test/support/summary-reporter.cjs'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // These packages are modules only, which Jest loads once they are transformed.
  transformIgnorePatterns: ['/node_modules/(?!(hyparquet|hyparquet-compressors|hyparquet-writer|hysnappy|fzstd)/)'],
  testSequencer: '<rootDir>/test/support/sequencer.cjs',
  globalSetup: '<rootDir>/test/support/global-setup.cjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.cjs',
  // Each use of a global goes through an interceptor of the sandbox, which slows simulations down most; injected ones are parameters. None
  // that tests replace, such as Date.
  sandboxInjectedGlobals: [
    'Math',
    'Infinity',
    'Object',
    'Number',
    'Array',
    'Map',
    'Set',
    'String',
    'JSON',
    'Symbol',
    'Promise',
    'RegExp',
    'Uint8Array',
    'Uint32Array',
    'Float64Array',
  ],
  setupFiles: ['<rootDir>/test/support/jest-setup.ts'],
  maxWorkers: 2,
  // Concurrent tests of one file: they wait for time-outs and compute next to nothing.
  maxConcurrency: 16,
  // Generous, as machines are shared: no test measures how fast it is.
  testTimeout: 90_000,
};
