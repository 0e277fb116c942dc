import {
  checkEmrReleaseLabel,
  EMR_SERVERLESS_PRICES,
  EMR_SERVERLESS_RELEASES,
  emrServerlessUsdPerHour,
  WORKER_SIZES,
} from '../../lib/catalog/emr-serverless';
import { EmrRelease } from '../../lib/features';

describe('releases of EMR Serverless', () => {
  test('are those of the construct, newest first, with Spark 4 and their release notes', () => {
    const labels = EMR_SERVERLESS_RELEASES.map(({ label }) => label);
    expect(labels).toEqual([EmrRelease.SPARK_8_1_0.label, EmrRelease.SPARK_8_0_0.label]);
    expect([...labels].sort().reverse()).toEqual(labels);
    for (const { label, sparkVersion, source } of EMR_SERVERLESS_RELEASES) {
      expect(checkEmrReleaseLabel(label)).toBeUndefined();
      expect(sparkVersion).toMatch(/^4\.\d\.\d$/);
      expect(source).toMatch(/^https:\/\/docs\.aws\.amazon\.com\//);
    }
  });

  test.each(['', 'emr-7.11.0', 'emr-spark-7.0.0', 'emr-spark-8.1', 'emr-spark-8.0-preview', 'emr-spark-8.1.0-latest'])(
    'are no %p',
    (label) => expect(checkEmrReleaseLabel(label)).toContain('nearest: emr-spark-8.'),
  );
});

test('workers have memory in whole steps between their limits', () => {
  for (const { vcpus, minMemoryGb, maxMemoryGb } of WORKER_SIZES) {
    expect(minMemoryGb).toBe(2 * vcpus);
    expect(maxMemoryGb).toBeGreaterThanOrEqual(7 * vcpus);
  }
});

test('an hour of 16 vCPUs and 64 GB costs their sum', () => {
  // 16 x 0.052624 + 64 x 0.0057785
  expect(emrServerlessUsdPerHour(16, 64, EMR_SERVERLESS_PRICES['us-east-1']!)).toBeCloseTo(1.211808, 9);
});
