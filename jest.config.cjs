/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // These packages are modules only, which Jest loads once they are transformed.
  transformIgnorePatterns: ['/node_modules/(?!(hyparquet|hyparquet-compressors|hyparquet-writer|hysnappy|fzstd)/)'],
  globalSetup: '<rootDir>/test/support/global-setup.cjs',
  setupFiles: ['<rootDir>/test/support/jest-setup.ts'],
  maxWorkers: 2,
  // Generous, as machines are shared: no test measures how fast it is.
  testTimeout: 90_000,
};
