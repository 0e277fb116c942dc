import { Option } from 'commander';
import { InputError } from '../../lib/core/errors';
import type { Workload } from '../../lib/simulation/traffic';
import { DEFAULT_SERVICE_PROFILE } from '../../lib/simulation/traffic/service-profile';
import type { ServiceTimes } from '../../lib/simulation/traffic/service-times';
import { numberFlag } from '../flags';
import type { FleetInputs } from './inspected-folder';
import { readServiceProfile } from './service-profile-file';

/** Flags about the time that requests take. */
export interface ServiceFlags {
  readonly profile?: string;
  readonly serviceMean?: number;
}

/** `--service-mean`, in place of a profile. */
export function serviceMeanOption(): Option {
  return new Option(
    '--service-mean <seconds>',
    'lognormal service times with this mean, in place of --profile',
  ).argParser(numberFlag('--service-mean', 0.001, 86_400));
}

/** @throws InputError when both flags are given */
export function checkServiceFlags({ profile, serviceMean }: ServiceFlags): void {
  if (profile === undefined || serviceMean === undefined) return;
  throw new InputError(
    `--profile is '${profile}' and --service-mean is ${serviceMean}; both say how long requests take, so leave one out`,
  );
}

/** Service times of the flags, or of the inspection of a fleet; undefined where neither has any. */
export function givenService({ serviceMean }: ServiceFlags, { profile }: FleetInputs): ServiceTimes | undefined {
  if (profile !== undefined) return readServiceProfile(profile);
  if (serviceMean === undefined) return undefined;
  return { kind: 'distribution', distribution: 'lognormal', meanSeconds: serviceMean, coefficientOfVariation: 1 };
}

/** Note about requests of unknown length; empty where the traffic has token lengths, or service times are given. */
export function assumedServiceNotes({ columns }: Workload, given: ServiceTimes | undefined): string[] {
  const hasTokens = columns === undefined || (columns.kind === 'requests' && columns.hasTokens);
  if (hasTokens || given !== undefined) return [];
  const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = DEFAULT_SERVICE_PROFILE;
  return [
    'neither the traffic nor a flag says how long requests take, so those of a language model are assumed: ' +
      `${overheadSeconds} s + context ÷ ${prefillTokensPerSecond} + generated ÷ ${decodeTokensPerSecond} tokens a second, lengths drawn; ` +
      'give the mean with --service-mean SECONDS, or more with --profile FILE',
  ];
}
