import * as fs from 'node:fs';
import { type Duration, Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { findEmrServerlessRelease, WORKER_SIZES } from '../catalog/emr-serverless';
import { checkAutoDeleteObjects } from '../runtime/emptied-bucket';
import {
  SparkArchitecture,
  type SparkPipelineProps,
  type SparkPrices,
  type SparkSettings,
} from './spark-pipeline-props';

const DAY_MINUTES = 24 * 60;

/** Returns every setting that EMR Serverless refuses, that has no effect, or that has no ceiling. */
export function checkSparkProps(scope: Construct, props: SparkPipelineProps, settings: SparkSettings): string[] {
  return [
    ...checkRelease(scope, settings),
    ...checkCapacity(settings),
    ...checkTimes(settings),
    ...checkJob(props, settings),
    ...checkPrefixes(props, settings),
    ...checkProperties(props.sparkProperties ?? {}),
    ...checkTrigger(props),
    ...checkPrices(props),
    ...(props.featuresBucket !== undefined && props.accessLogsBucket !== undefined
      ? [
          'accessLogsBucket has no effect on an existing featuresBucket; enable access logs where that bucket is created',
        ]
      : []),
    ...checkAutoDeleteObjects(props, props.featuresBucket && 'featuresBucket'),
  ];
}

function checkRelease(scope: Construct, { release, architecture }: SparkSettings): string[] {
  const problems: string[] = [];
  const { region } = Stack.of(scope);
  if (!Token.isUnresolved(region) && findEmrServerlessRelease(release.label)?.missingIn.includes(region) === true)
    problems.push(`release ${release.label} is not available in ${region}; deploy to another region`);
  const known: readonly string[] = Object.values(SparkArchitecture);
  if (!known.includes(architecture))
    problems.push(`architecture ('${String(architecture)}') is unknown; use one of ${known.join(', ')}`);
  return problems;
}

function checkCapacity({ worker, maxWorkers }: SparkSettings): string[] {
  const problems: string[] = [];
  const size = WORKER_SIZES.find(({ vcpus }) => vcpus === worker.vcpus);
  const sizes = WORKER_SIZES.map(({ vcpus }) => vcpus).join(', ');
  if (size === undefined) problems.push(`worker.vcpus (${worker.vcpus}) must be one of ${sizes}`);
  else {
    const { minMemoryGb, maxMemoryGb, memoryStepGb } = size;
    const isStep = (worker.memoryGb - minMemoryGb) % memoryStepGb === 0 || worker.memoryGb === maxMemoryGb;
    if (!(worker.memoryGb >= minMemoryGb && worker.memoryGb <= maxMemoryGb && isStep))
      problems.push(
        `worker.memoryGb (${worker.memoryGb}) must be ${minMemoryGb} to ${maxMemoryGb} in steps of ${memoryStepGb} ` +
          `for ${size.vcpus} vCPUs; change it, or vcpus (${sizes})`,
      );
  }
  if (!isWhole(maxWorkers, 2, 1000))
    problems.push(`maxWorkers (${maxWorkers}) must be a whole number from 2, a driver and an executor, to 1000`);
  return problems;
}

function checkTimes({ idleTimeout, executionTimeout, maxAttempts, watermark, sessionGap }: SparkSettings): string[] {
  const problems = [
    ...checkMinutes('idleTimeout', idleTimeout, 1, 7 * DAY_MINUTES),
    ...checkMinutes('executionTimeout', executionTimeout, 5, 7 * DAY_MINUTES),
  ];
  if (!isWhole(maxAttempts, 1, 5)) problems.push(`maxAttempts (${maxAttempts}) must be a whole number from 1 to 5`);
  const bounds = [
    ['watermark', watermark, 30 * 86_400],
    ['sessionGap', sessionGap, 6 * 3600],
  ] as const;
  for (const [name, duration, max] of bounds) {
    const seconds = duration.toSeconds({ integral: false });
    if (!isWhole(seconds, 1, max)) problems.push(`${name} (${seconds} s) must be whole seconds from 1 to ${max}`);
  }
  return problems;
}

/** Range of `executionTimeoutMinutes` for batch jobs; 0, for no limit, is refused: release notes of EMR Serverless 7.11.0. */
function checkMinutes(name: string, duration: Duration, min: number, max: number): string[] {
  const minutes = duration.toMinutes({ integral: false });
  if (isWhole(minutes, min, max)) return [];
  return [`${name} (${minutes} minutes) must be whole minutes from ${min} to ${max} (7 days)`];
}

const isWhole = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

function checkJob(props: SparkPipelineProps, { entryPoint }: SparkSettings): string[] {
  const { job } = props;
  if (job === undefined) return [];
  const problems = Object.entries({ watermark: props.watermark, sessionGap: props.sessionGap })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `${name} is for the job of this package and has no effect on yours; pass it in job.arguments`);
  if (Token.isUnresolved(entryPoint) || entryPoint.startsWith('s3://')) return problems;
  if (!fs.existsSync(entryPoint) || !fs.statSync(entryPoint).isFile())
    problems.push(
      `job.entryPoint '${entryPoint}' is not a file; give the path of a Python file or jar, or an s3:// URI`,
    );
  else if (!/\.(py|jar)$/.test(entryPoint))
    problems.push(`job.entryPoint '${entryPoint}' must end in .py or .jar, by which Spark chooses the language`);
  if (job.mainClass !== undefined && entryPoint.endsWith('.py'))
    problems.push('job.mainClass has no effect on a Python file; leave it out');
  return problems;
}

function checkPrefixes({ landingBucket, featuresBucket }: SparkPipelineProps, settings: SparkSettings): string[] {
  const { featuresPrefix, landingPrefixes } = settings;
  const problems: string[] = [];
  if (landingPrefixes.length === 0) problems.push('landingPrefixes is empty; name the prefixes that the job reads');
  for (const prefix of [featuresPrefix, ...landingPrefixes]) {
    if (Token.isUnresolved(prefix) || /^[A-Za-z0-9][A-Za-z0-9_.=/-]*\/$/.test(prefix)) continue;
    problems.push(`prefix '${prefix}' must be letters, digits and _.=/- with a slash at its end`);
  }
  if (featuresBucket?.bucketName === landingBucket.bucketName)
    for (const prefix of landingPrefixes)
      if (prefix.startsWith(featuresPrefix) || featuresPrefix.startsWith(prefix))
        problems.push(
          `featuresPrefix '${featuresPrefix}' overlaps the landing prefix '${prefix}' in one bucket, so the job would read ` +
            'its own output; choose another prefix',
        );
  return problems;
}

function checkProperties(properties: { readonly [name: string]: string }): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(properties)) {
    if (!/^spark\.[A-Za-z0-9_.-]+$/.test(name))
      problems.push(`sparkProperties: '${name}' must begin with spark. and have letters, digits and _.- only`);
    if (!Token.isUnresolved(value) && /["\\\n]/.test(value))
      problems.push(`sparkProperties: ${name} has a quotation mark, backslash or line break, which cannot be passed`);
  }
  return problems;
}

function checkTrigger({ onNewObjects }: SparkPipelineProps): string[] {
  if (onNewObjects === undefined) return [];
  const { maxObjects, maxWait } = onNewObjects;
  const problems: string[] = [];
  if (maxObjects !== undefined && !isWhole(maxObjects, 1, 1000))
    problems.push(`onNewObjects.maxObjects (${maxObjects}) must be a whole number from 1 to 1000`);
  const seconds = maxWait?.toSeconds({ integral: false });
  if (seconds !== undefined && !isWhole(seconds, 1, 300))
    problems.push(`onNewObjects.maxWait (${seconds} s) must be whole seconds from 1 to 300`);
  return problems;
}

function checkPrices({ prices }: SparkPipelineProps): string[] {
  // A caller of JavaScript may give null for none, or one of them alone.
  const given: Partial<SparkPrices> | null | undefined = prices;
  if (given === undefined || given === null) return [];
  const { usdPerVcpuHour, usdPerGbHour } = given;
  return Object.entries({ usdPerVcpuHour, usdPerGbHour }).flatMap(([name, usd]) => {
    const isPrice = typeof usd === 'number' && usd > 0 && Number.isFinite(usd);
    return isPrice ? [] : [`prices.${name} (${String(usd)}) must be above 0; give the USD of the price list`];
  });
}
