// Reporter of Jest: writes the outcome of every test, by project, to the file of its option `outputFile`.
const fs = require('node:fs');

module.exports = class ResultReporter {
  constructor(_globalConfig, { outputFile }) {
    this.outputFile = outputFile;
    this.outcomes = [];
    this.done = 0;
  }

  onTestResult({ path, context }, result, { numTotalTestSuites }) {
    const project = context.config.displayName.name;
    const file = path.slice(context.config.rootDir.length + 1);
    this.done += 1;
    const seconds = Math.round((result.perfStats.end - result.perfStats.start) / 1000);
    process.stdout.write(`${this.done}/${numTotalTestSuites} ${project} ${file} (${seconds} s)\n`);
    if (result.testExecError != null)
      this.outcomes.push({ project, file, status: 'broken', message: result.failureMessage ?? '' });
    for (const { fullName, status, failureMessages } of result.testResults)
      this.outcomes.push({ project, file, name: fullName, status, message: failureMessages[0] ?? '' });
  }

  onRunComplete() {
    fs.writeFileSync(this.outputFile, JSON.stringify(this.outcomes));
  }
};
