const Sequencer = require('@jest/test-sequencer').default;
const path = require('node:path');

/** Files that take longest: begun first, so that none is left running alone at the end. */
const FIRST = [
  'test/local/platform.test.ts',
  'test/nag/nag.test.ts',
  'test/bin/inspect-account.test.ts',
  'test/bin/preflight/preflight.test.ts',
  'test/emulator/model-server/container-contract.test.ts',
];

/** Orders files as Jest does, after the longest ones, whose times a fresh clone does not know yet. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const isFirst = ({ path: file }) => FIRST.includes(path.relative(path.resolve(__dirname, '../..'), file));
    const sorted = super.sort(tests);
    return [...sorted.filter(isFirst), ...sorted.filter((test) => !isFirst(test))];
  }
};
