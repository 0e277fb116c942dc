import { projectDirectory } from '../architecture/imports';
import { namePattern, type Fault } from './fault-table';
import { FAULTS } from './faults';
import { tableProblems, testNames } from './table-problems';

describe('the table of faults', () => {
  test('has the faults F1 to F28, each with protections or with the reason why it has none', () => {
    expect(FAULTS.map(({ id }) => id)).toEqual(Array.from({ length: 28 }, (_, index) => `F${index + 1}`));
    expect(FAULTS.filter(({ sources }) => sources.length === 0)).toEqual([]);
  });

  test('fits the sources: every protection stands where it says, and every named test exists', () => {
    expect(tableProblems(FAULTS, projectDirectory)).toEqual([]);
  });
});

describe('a table that no longer fits the sources', () => {
  const test1 = { file: 'test/faults/faults.test.ts', name: 'a table that no longer fits the sources is told why' };
  const fault = (change: Partial<Fault>): Fault[] => [
    { id: 'F0', fault: 'x', sources: [], protections: [], ...change },
  ];
  const protection = (find: string, test = test1): Fault[] =>
    fault({
      protections: [{ protection: 'x', removals: [{ file: 'lambda/support/clock.ts', find, replace: '' }], test }],
    });
  const problemsOf = (faults: Fault[]): string[] => tableProblems(faults, projectDirectory);

  test('is told why', () => {
    expect(problemsOf(protection('export const systemClock'))).toEqual([]);
    expect(problemsOf(protection('nowhere'))).toEqual([
      'F0: "nowhere" occurs 0 times in lambda/support/clock.ts; it has to occur once',
    ]);
    expect(problemsOf(protection('export '))).toEqual([expect.stringContaining('occurs 2 times')]);
    expect(problemsOf(protection(''))).toEqual([expect.stringContaining('removes nothing')]);
    expect(problemsOf(protection('export const systemClock', { ...test1, name: 'no such test' }))).toEqual([
      "F0: test/faults/faults.test.ts has no test 'no such test'",
    ]);
    expect(problemsOf(fault({}))).toEqual(['F0 has neither a protection nor a reason to be open']);
    expect(problemsOf(fault({ open: 'later' }))).toEqual([]);
  });
});

describe('the name of a test', () => {
  test('is made of the titles of its groups and its own, tables included', () => {
    const text = `
      describe('a', () => { test('b', () => {}); describe.each([1])('c %d', () => { it('d', () => {}); }); });
      test.each<[string]>([['x']])('e %s', () => { expect(1).toBe(1); });`;
    expect(testNames('x.ts', text)).toEqual(['a b', 'a c %d d', 'e %s']);
  });

  test('matches every line of its table, and nothing else', () => {
    const pattern = new RegExp(`^${namePattern('prices (%p) of $name are 5.0')}$`);
    expect('prices (NaN) of ml.g5 are 5.0').toMatch(pattern);
    expect('prices NaN of ml.g5 are 5.0').not.toMatch(pattern);
    expect('prices (NaN) of ml.g5 are 5x0').not.toMatch(pattern);
  });
});
