import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { encryptionGrants, type ExecutionGrant } from '../endpoint/execution-policy';
import { checkWhole, type Resolved } from '../value-checks';

/** Copies of requests and responses in S3, for monitoring and for new training data. */
export interface DataCaptureProps {
  /** Bucket that the copies are written to. */
  readonly bucket: s3.IBucket;

  /**
   * Prefix of the copies.
   *
   * @default data-capture/
   */
  readonly prefix?: string;

  /** Part of the requests that is copied, in percent, 0 to 100. Every copied byte is stored, so there is no default. */
  readonly samplingPercent: number;

  /**
   * Copy requests.
   *
   * @default true
   */
  readonly captureInput?: boolean;

  /**
   * Copy responses.
   *
   * @default true
   */
  readonly captureOutput?: boolean;
}

/**
 * Data capture with its defaults.
 *
 * @internal
 */
export type DataCapture = Required<DataCaptureProps>;

/**
 * Resolves the data capture of an endpoint; undefined without props.
 *
 * @internal
 */
export function resolveDataCapture(props: DataCaptureProps | undefined): Resolved<DataCapture | undefined> {
  if (props === undefined) return { value: undefined, problems: [] };
  return {
    value: {
      bucket: props.bucket,
      prefix: props.prefix ?? 'data-capture/',
      samplingPercent: props.samplingPercent,
      captureInput: props.captureInput ?? true,
      captureOutput: props.captureOutput ?? true,
    },
    problems: checkWhole('dataCapture.samplingPercent', props.samplingPercent, 0, 100, '%'),
  };
}

/**
 * Renders the data capture for an endpoint configuration.
 *
 * @internal
 */
export function dataCaptureConfig(
  capture: DataCapture | undefined,
): sagemaker.CfnEndpointConfig.DataCaptureConfigProperty | undefined {
  if (capture === undefined) return undefined;
  return {
    enableCapture: true,
    destinationS3Uri: capture.bucket.s3UrlForObject(capture.prefix),
    initialSamplingPercentage: capture.samplingPercent,
    captureOptions: [
      ...(capture.captureInput ? [{ captureMode: 'Input' }] : []),
      ...(capture.captureOutput ? [{ captureMode: 'Output' }] : []),
    ],
    captureContentTypeHeader: { jsonContentTypes: ['application/json'], csvContentTypes: ['text/csv'] },
  };
}

/**
 * Permissions to write the copies.
 *
 * @internal
 */
export function dataCaptureGrants(capture: DataCapture | undefined): ExecutionGrant[] {
  if (capture === undefined) return [];
  const { bucket, prefix } = capture;
  return [
    {
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects(`${prefix}${prefix.endsWith('/') ? '' : '/'}*`)],
      wildcardReason: 'SageMaker names the files of captured data itself, below this prefix only.',
    },
    ...encryptionGrants(bucket.encryptionKey),
  ];
}
