import { nearestNames } from '../core/nearest';

/** Release of EMR Serverless with its engine. */
export interface EmrServerlessRelease {
  /** Release label, for example `emr-spark-8.1.0`. */
  readonly label: string;
  /** Version of Apache Spark without the suffix of AWS. */
  readonly sparkVersion: string;
  /** Regions of EMR Serverless in which the release is not available. */
  readonly missingIn: readonly string[];
  /** Address of the release notes. */
  readonly source: string;
}

const RELEASE_NOTES = 'https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide';

/** Regions that the release notes of `emr-spark-8.0.0` except: Bahrain and the United Arab Emirates. */
const WITHOUT_SPARK_4 = ['me-south-1', 'me-central-1'];

/** Releases with Spark 4, newest first, as of 2026-11-30. */
export const EMR_SERVERLESS_RELEASES: readonly EmrServerlessRelease[] = [
  {
    // Long-term support of 36 months: https://aws.amazon.com/about-aws/whats-new/2026/09/amazon-emr-long-term-support-spark-4-1/
    label: 'emr-spark-8.1.0',
    sparkVersion: '4.1.1',
    missingIn: WITHOUT_SPARK_4,
    source: `${RELEASE_NOTES}/release-versions.html`,
  },
  {
    label: 'emr-spark-8.0.0',
    sparkVersion: '4.0.2',
    missingIn: WITHOUT_SPARK_4,
    source: `${RELEASE_NOTES}/release-version-emr-spark-8.0.0.html`,
  },
];

/** Returns the release of a label; undefined for one that the table does not have. */
export function findEmrServerlessRelease(label: string): EmrServerlessRelease | undefined {
  return EMR_SERVERLESS_RELEASES.find((release) => release.label === label);
}

/** Returns the problem of a text that is not a release label of Spark 4; undefined for one that may be. */
export function checkEmrReleaseLabel(label: string): string | undefined {
  if (/^emr-spark-([89]|[1-9]\d+)\.\d+\.\d+$/.test(label)) return undefined;
  const known = nearestNames(
    label,
    EMR_SERVERLESS_RELEASES.map((release) => release.label),
  );
  return (
    `release '${label}' is not a label of EMR Serverless with Spark 4; nearest: ${known.join(', ')} ` +
    '(labels of Spark 4 begin with emr-spark-8)'
  );
}

/** Memory in GB that a worker may have, by its number of vCPUs. */
export interface WorkerSize {
  readonly vcpus: number;
  readonly minMemoryGb: number;
  readonly maxMemoryGb: number;
  /** Step of the memory, GB. */
  readonly memoryStepGb: number;
}

/**
 * Sizes of workers.
 *
 * Source: "Supported worker configurations", https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/app-behavior.html
 */
export const WORKER_SIZES: readonly WorkerSize[] = [
  { vcpus: 1, minMemoryGb: 2, maxMemoryGb: 8, memoryStepGb: 1 },
  { vcpus: 2, minMemoryGb: 4, maxMemoryGb: 16, memoryStepGb: 1 },
  { vcpus: 4, minMemoryGb: 8, maxMemoryGb: 30, memoryStepGb: 1 },
  { vcpus: 8, minMemoryGb: 16, maxMemoryGb: 60, memoryStepGb: 4 },
  { vcpus: 16, minMemoryGb: 32, maxMemoryGb: 120, memoryStepGb: 8 },
];

/** Disk of a worker that is not billed, and the disk that every worker of the pipeline has; GB. */
export const WORKER_DISK_GB = 20;

/** Price of a worker's resources for one hour, USD. */
export interface EmrServerlessPrices {
  readonly usdPerVcpuHour: number;
  readonly usdPerGbHour: number;
}

/**
 * Prices by region as of 2026-11-30, on demand, for x86. Graviton costs less, so these are an upper bound for it too. The first 20 GB of a worker's disk are
 * included.
 *
 * Source: "Amazon EMR Serverless" in https://aws.amazon.com/emr/pricing/
 */
export const EMR_SERVERLESS_PRICES: { readonly [region: string]: EmrServerlessPrices } = {
  'us-east-1': { usdPerVcpuHour: 0.052624, usdPerGbHour: 0.0057785 },
};

/** Returns the most that an hour of some capacity costs, USD. */
export function emrServerlessUsdPerHour(vcpus: number, memoryGb: number, prices: EmrServerlessPrices): number {
  return vcpus * prices.usdPerVcpuHour + memoryGb * prices.usdPerGbHour;
}
