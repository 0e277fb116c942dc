import type { OptimizationFailure } from '../../lib/compression/decide/optimization-failure';

/** Maximum runtime of the jobs that failed, seconds. */
export const MAX_RUNTIME_SECONDS = 3600;

const failed = (reason: string): OptimizationFailure => ({ status: 'FAILED', job: 'awq--1', seconds: 60, reason });
const stopped = (seconds: number): OptimizationFailure => ({
  ...failed('no reason was given'),
  status: 'STOPPED',
  seconds,
});
const refused = (error: string, reason: string): OptimizationFailure => ({ error, reason });

/** Failures with the error that each ends with. */
export const OPTIMIZATION_CASES: readonly [string, OptimizationFailure, string][] = [
  ['a container that failed', failed('AlgorithmError: unknown architecture'), 'Tidegate.ContainerFailed'],
  ['too little memory', failed('AlgorithmError: CUDA out of memory, exit code: 1'), 'Tidegate.MemoryExceeded'],
  ['a model that is not there', failed('ClientError: Data download failed: x'), 'Tidegate.DataMissing'],
  ['no capacity', failed('CapacityError: Unable to provision'), 'Tidegate.CapacityUnavailable'],
  ['an internal error', failed('InternalServerError: We encountered an error'), 'Tidegate.ServiceFailed'],
  ['a model that SageMaker refuses', failed('ClientError: bad model'), 'Tidegate.ConfigurationInvalid'],
  ['a job that was stopped', stopped(3599), 'Tidegate.Stopped'],
  ['a job at the end of its time', stopped(3600), 'Tidegate.MaxRuntimeExceeded'],
  ['a quota', refused('SageMaker.ResourceLimitExceededException', 'The limit is 0'), 'Tidegate.QuotaExceeded'],
  [
    'a missing permission',
    refused('SageMaker.SageMakerException', 'User: x is not authorized to perform: iam:PassRole'),
    'Tidegate.AccessDenied',
  ],
  ['nothing that has a class', refused('States.Runtime', 'a "quoted" reason'), 'Tidegate.OptimizationFailed'],
];
