const { TestEnvironment } = require('jest-environment-node');

/** Changes of which a test has failed already, by the number that Stryker gives them. */
let detected;

/** Node.js for tests of changed code: once a test has noticed a change, the remaining ones are skipped, as Jest in Stryker does not bail. */
module.exports = class extends TestEnvironment {
  handleTestEvent({ name, test }, { rootDescribeBlock }) {
    const active = process.env.__STRYKER_ACTIVE_MUTANT__;
    if (active === undefined) return;
    if (name === 'test_done' && test.errors.length > 0) detected = active;
    if (detected !== active) return;
    if (name === 'test_start') test.mode = 'skip';
    // Before that, concurrent tests of a file would have begun.
    if (name === 'run_start') skipAll(rootDescribeBlock);
  }
};

function skipAll(block) {
  for (const child of block.children) {
    if (child.type === 'test') child.mode = 'skip';
    else skipAll(child);
  }
}
