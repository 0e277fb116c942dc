import type { NotificationRecipients } from '../monitoring';
import type { SparkPrices } from '../features';
import type { StageConfiguration, StageFeatures, StageKafka } from './stage-configuration';

interface SettingType {
  /** The type in words, for messages. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

const TEXT: SettingType = { expected: 'text', accepts: isText };
const TEXTS: SettingType = { expected: 'a list of texts', accepts: isTexts };
const FLAG: SettingType = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };
const NUMBER: SettingType = {
  expected: 'a number',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value),
};
const PRICES: SettingType = {
  expected: 'USD per hour by instance type',
  accepts: (value) => isRecord(value) && Object.values(value).every(NUMBER.accepts),
};
const DURATION: SettingType = {
  expected: 'a Duration',
  accepts: (value) => isRecord(value) && typeof (value as { toMilliseconds?: unknown }).toMilliseconds === 'function',
};

/** The compiler sees to it that no list of recipients is left out, and no setting below. */
const RECIPIENTS: { readonly [Name in keyof Required<NotificationRecipients>]: SettingType } = {
  emailAddresses: TEXTS,
  webhookParameterNames: TEXTS,
  httpsEndpoints: TEXTS,
};

const FEATURES: { readonly [Name in keyof Required<StageFeatures>]: SettingType } = {
  maxWorkers: NUMBER,
  interval: DURATION,
  executionTimeout: DURATION,
  prices: { expected: 'usdPerVcpuHour and usdPerGbHour', accepts: isRecord },
};

const KAFKA: { readonly [Name in keyof Required<StageKafka>]: SettingType } = {
  clusterArn: TEXT,
  topicName: TEXT,
  partitions: NUMBER,
};

const SPARK_PRICES: { readonly [Name in keyof Required<SparkPrices>]: SettingType } = {
  usdPerVcpuHour: NUMBER,
  usdPerGbHour: NUMBER,
};

const SETTINGS: { readonly [Name in keyof Required<StageConfiguration>]: SettingType } = {
  name: TEXT,
  region: TEXT,
  instanceTypes: TEXTS,
  minCapacity: NUMBER,
  maxCapacity: NUMBER,
  protectedFloor: NUMBER,
  maxConcurrencyPerInstance: NUMBER,
  targetRatio: NUMBER,
  forecast: FLAG,
  forecastMode: TEXT,
  serviceTime: DURATION,
  shardCount: NUMBER,
  maxShardCount: NUMBER,
  trainingInstanceTypes: TEXTS,
  trainingImage: TEXT,
  servingImage: TEXT,
  trainDaily: FLAG,
  features: { expected: 'settings of a feature pipeline', accepts: isRecord },
  kafka: { expected: 'settings of a topic', accepts: isRecord },
  budgetUsd: NUMBER,
  guardDryRun: FLAG,
  pricesPerHourUsd: PRICES,
  priceFile: TEXT,
  notifications: { expected: 'lists of recipients', accepts: isRecord },
  keepData: FLAG,
  accessLogs: FLAG,
};

const REQUIRED: readonly (keyof StageConfiguration)[] = [
  'name',
  'instanceTypes',
  'minCapacity',
  'maxCapacity',
  'budgetUsd',
];

/**
 * Returns the settings of a stage whose value is of another type. The compiler finds them in TypeScript; a stage may also come of JavaScript,
 * of a JSON file or of the context.
 */
export function checkStageTypes(stage: StageConfiguration): string[] {
  const problems = problemsOf(stage, SETTINGS, '');
  for (const name of REQUIRED)
    if (stage[name] === undefined) problems.push(`${name} is missing; give ${SETTINGS[name].expected}`);
  const { notifications, features, kafka } = stage;
  if (isRecord(notifications)) problems.push(...problemsOf(notifications, RECIPIENTS, 'notifications.'));
  if (isRecord(kafka)) {
    problems.push(...problemsOf(kafka, KAFKA, 'kafka.'));
    if (kafka.clusterArn === undefined) problems.push('kafka.clusterArn is missing; give text');
  }
  if (isRecord(features)) {
    problems.push(...problemsOf(features, FEATURES, 'features.'));
    if (isRecord(features.prices)) {
      problems.push(...problemsOf(features.prices, SPARK_PRICES, 'features.prices.'));
      for (const name of ['usdPerVcpuHour', 'usdPerGbHour'] as const)
        if (features.prices[name] === undefined) problems.push(`features.prices.${name} is missing; give a number`);
    }
  }
  return problems;
}

function problemsOf(values: object, types: { readonly [name: string]: SettingType }, path: string): string[] {
  return Object.entries(types).flatMap(([name, { expected, accepts }]) => {
    const value = (values as { readonly [name: string]: unknown })[name];
    return value === undefined || accepts(value) ? [] : [`${path}${name} is ${shown(value)}; give ${expected}`];
  });
}

/** Value for a message: cut when long. */
function shown(value: unknown): string {
  const text = isText(value) ? `'${value}'` : isRecord(value) || Array.isArray(value) ? jsonOf(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    // Of a circle, or with a number that JSON does not have.
    return 'an object';
  }
}
