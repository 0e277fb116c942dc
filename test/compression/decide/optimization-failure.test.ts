import {
  explainOptimizationFailure,
  OPTIMIZATION_FAILED,
  OPTIMIZATION_FAILURES,
  OPTIMIZATION_STOPPED,
  OPTIMIZATION_TIMED_OUT,
} from '../../../lib/compression/decide/optimization-failure';
import { MAX_RUNTIME_SECONDS, OPTIMIZATION_CASES } from '../optimization-failures';

describe('the failure of a run', () => {
  test.each(OPTIMIZATION_CASES)('by %s is explained', (_name, failure, error) => {
    const explained = explainOptimizationFailure(failure, MAX_RUNTIME_SECONDS);
    expect(explained.error).toBe(error);
    expect(explained.cause).toContain(`Reason: ${failure.reason} Next: `);
    expect(explained.cause.includes('Job: awq--1.')).toBe(failure.job !== undefined);
  });

  test('has a case here in every class', () => {
    const classes = [...OPTIMIZATION_FAILURES, OPTIMIZATION_TIMED_OUT, OPTIMIZATION_STOPPED, OPTIMIZATION_FAILED];
    expect(new Set(OPTIMIZATION_CASES.map(([, , error]) => error))).toEqual(new Set(classes.map(({ error }) => error)));
    expect(OPTIMIZATION_FAILURES.filter(({ texts }) => texts.length === 0)).toEqual([]);
  });
});
