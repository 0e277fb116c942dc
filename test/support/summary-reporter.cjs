/** Lists at the end which tests were skipped, what they need, and how to run the heavier ones. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const skipped = new Map();
    for (const file of results.testResults)
      for (const { status, ancestorTitles, title } of file.testResults) {
        if (status !== 'pending') continue;
        const need = /\(needs (.+)\)/.exec([...ancestorTitles, title].join(' '))?.[1] ?? 'no reason given';
        skipped.set(need, (skipped.get(need) ?? 0) + 1);
      }
    const lines = [...skipped].map(([need, count]) => `  ${count} skipped, which need ${need}`);
    const { numTotalTestSuites } = results;
    if (process.env.TIDEGATE_TEST_LEG !== 'real' && numTotalTestSuites > 100)
      lines.push('  Not part of this: runs of real model servers and the tour of endpoints (npm run test:real)');
    if (lines.length > 0) process.stderr.write(`\n${lines.join('\n')}\n`);
  }
};
