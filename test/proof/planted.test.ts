import { plantAll } from './planted/plant';

describe('mistakes planted into templates of several authors', () => {
  const { kinds, authors, planted, missed, accused } = plantAll('test', 1, true);

  test('are of more than 20 kinds, in templates of more than two authors', () => {
    expect(kinds).toBeGreaterThanOrEqual(20);
    expect(authors).toBeGreaterThanOrEqual(3);
    expect(planted).toBeGreaterThan(100);
  });

  test('are named in at least 95 % of the templates', () => {
    expect(missed.slice(0, missed.length <= 0.05 * planted ? 0 : 20)).toEqual([]);
  });

  test('are not seen in good templates, nor in neighbours that differ in one value', () => {
    expect(accused.slice(0, 20)).toEqual([]);
  });
});
