const Sequencer = require('@jest/test-sequencer').default;

/** Orders files as Jest does, laws last, so that most changes are noticed before the slowest tests. */
module.exports = class extends Sequencer {
  sort(tests) {
    const isSlow = ({ path: file }) => file.endsWith('laws.test.ts');
    const sorted = super.sort(tests);
    return [...sorted.filter((test) => !isSlow(test)), ...sorted.filter(isSlow)];
  }
};
