import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

/** Where decisions, facts and simulations live: no clock, no randomness, no Node. */
const pureFiles = [
  'lib/core/**/*.ts',
  'lib/catalog/**/*.ts',
  'lib/*/decide/**/*.ts',
  'lib/*/contract.ts',
  'lib/template/**/*.ts',
  'lib/simulation/**/*.ts',
];

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      'build/',
      'dist/',
      'assets/',
      'cdk.out/',
      '.local/',
      'coverage/',
      '**/*.js',
      '**/*.cjs',
      '**/*.d.ts',
    ],
  },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { regexp },
    rules: {
      // A pattern that tries again and again takes minutes for a line of text, and hangs a command.
      'regexp/no-super-linear-backtracking': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: pureFiles,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Pure code takes the time as an argument.' },
        { object: 'Math', property: 'random', message: 'Pure code takes its random numbers as an argument.' },
        { object: 'performance', property: 'now', message: 'Pure code takes the time as an argument.' },
        { object: 'crypto', property: 'randomUUID', message: 'Pure code takes its random numbers as an argument.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Pure code takes the time as an argument.',
        },
        { selector: "CallExpression[callee.name='Date']", message: 'Pure code takes the time as an argument.' },
      ],
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console'],
    },
  },
  {
    // A date may go back or jump, and a duration by it with it. The files left out need the date itself.
    files: [
      'bin/**/*.ts',
      'lib/{emulator,files,local,traffic-file}/**/*.ts',
      'test/support/**/*.ts',
      'test/hostile/**/*.ts',
    ],
    ignores: ['bin/input/report-origin.ts', 'lib/emulator/clock.ts', 'lib/local/report/page/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'Date',
          property: 'now',
          message:
            'Durations take performance.now() or monotonicMs(); dates take the systemClock of lambda/support/clock.',
        },
      ],
    },
  },
  {
    files: ['lambda/**/*.ts'],
    ignores: ['lambda/support/clock.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Handlers take the clock of lambda/support/clock.' },
      ],
    },
  },
  {
    files: ['lambda/**/*.ts'],
    ignores: ['lambda/clients/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@aws-sdk/*'], message: 'Only lambda/clients talks to AWS.' }] },
      ],
    },
  },
);
