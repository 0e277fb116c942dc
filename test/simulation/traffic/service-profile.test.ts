import {
  checkServiceProfile,
  DEFAULT_SERVICE_PROFILE,
  serviceSeconds,
} from '../../../lib/simulation/traffic/service-profile';

describe('serviceSeconds', () => {
  test.each([
    // 0.05 + 374 / 8000 + 44 / 50 = 0.05 + 0.04675 + 0.88
    ['a short conversation', { contextTokens: 374, generatedTokens: 44 }, 0.97675],
    // 0.05 + 8000 / 8000 + 500 / 50
    ['a long one', { contextTokens: 8000, generatedTokens: 500 }, 11.05],
    ['no tokens at all costs the overhead', { contextTokens: 0, generatedTokens: 0 }, 0.05],
  ])('%s', (_, request, expected) => {
    expect(serviceSeconds(DEFAULT_SERVICE_PROFILE, request)).toBeCloseTo(expected, 12);
  });
});

describe('checkServiceProfile', () => {
  test('accepts the default', () => {
    expect(() => checkServiceProfile(DEFAULT_SERVICE_PROFILE)).not.toThrow();
  });

  test('names every field that would give NaN, infinite or negative times', () => {
    const profile = { overheadSeconds: NaN, prefillTokensPerSecond: 0, decodeTokensPerSecond: -1 };
    expect(() => checkServiceProfile(profile)).toThrow(
      /overheadSeconds \(NaN\)[^]*prefillTokensPerSecond \(0\)[^]*decodeTokensPerSecond \(-1\)/,
    );
  });
});
