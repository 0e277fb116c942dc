import { environmentRegion } from '../../bin/environment-region';

describe('the region of the environment', () => {
  const saved = { ...process.env };
  afterEach(() => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION'])
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
  });

  test.each([
    ['eu-west-1', 'us-west-2', 'eu-west-1'],
    ['', 'us-west-2', 'us-west-2'],
    [undefined, 'us-west-2', 'us-west-2'],
    ['', '', undefined],
    [undefined, undefined, undefined],
  ])('with AWS_REGION=%s and AWS_DEFAULT_REGION=%s is %s', (region, defaultRegion, expected) => {
    for (const [name, value] of Object.entries({ AWS_REGION: region, AWS_DEFAULT_REGION: defaultRegion }))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    expect(environmentRegion()).toBe(expected);
  });
});
