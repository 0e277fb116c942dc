const thrown = (): Error => new Error('here');

test('an error of a test names the line and the column of its source', () => {
  const { stack } = thrown();
  expect(stack).toMatch(/^Error: here\n {4}at thrown \(.*\/test-runner\.test\.ts:1:29\)\n/);
});

test('a trace on an object that is no error has the frames of V8', () => {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace);
  expect(trace.stack).toMatch(/\n {4}at .*test-runner\.test\.ts:\d+:\d+\)\n/);
});

test('modules have the state of their own test file: the globals and the classes are of its context', () => {
  const { Template } = jest.requireActual<{ Template: object }>('aws-cdk-lib/assertions');
  expect(Template).toBeInstanceOf(Function);
  expect(jest.requireActual('aws-cdk-lib/assertions')).toHaveProperty('Template', Template);
  jest.isolateModules(() => {
    expect(jest.requireActual<{ Template: object }>('aws-cdk-lib/assertions').Template).not.toBe(Template);
  });
});
