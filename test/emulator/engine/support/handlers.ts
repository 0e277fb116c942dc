/**
 * A stream handler that reports its records to the observer. Records with `flaky` in them are reported as failed the first
 * time, and any batch with `poison` in it fails.
 */
export const STREAM_HANDLER = `
const seen = new Set();
exports.handler = async (event) => {
  const records = event.Records.map(({ kinesis }) => ({
    sequenceNumber: kinesis.sequenceNumber, key: kinesis.partitionKey, data: Buffer.from(kinesis.data, 'base64').toString(),
  }));
  const failed = records.filter(({ data }) => data.includes('flaky') && !seen.has(data));
  const poison = records.some(({ data }) => data.includes('poison'));
  const succeeded = poison ? 0 : failed.length > 0 ? records.indexOf(failed[0]) : records.length;
  await fetch(process.env.OBSERVER_URL + '/observed/' + process.env.AWS_LAMBDA_FUNCTION_NAME, {
    method: 'POST', body: JSON.stringify({ records, succeeded }),
  });
  failed.forEach(({ data }) => seen.add(data));
  if (poison) throw new Error('a poison record');
  return { batchItemFailures: failed.map(({ sequenceNumber }) => ({ itemIdentifier: sequenceNumber })) };
};`;

/** Answers with its clock and with what became of a call to each of the endpoints it is asked for. */
export const CALLER_HANDLER = `
const { SageMakerRuntimeClient, InvokeEndpointCommand } = require('@aws-sdk/client-sagemaker-runtime');
exports.handler = async ({ endpoints = [] } = {}) => {
  const client = new SageMakerRuntimeClient({ maxAttempts: 1 });
  const results = {};
  for (const EndpointName of endpoints) {
    try {
      const { Body } = await client.send(new InvokeEndpointCommand({ EndpointName, Body: '{"id":"r-1"}' }));
      results[EndpointName] = Buffer.from(Body).toString();
    } catch (error) {
      results[EndpointName] = error.name + ': ' + error.message;
    }
  }
  return { dateNow: Date.now(), newDate: new Date().getTime(), isDate: new Date() instanceof Date, results };
};`;

/** Sets the limits of a scalable target and returns the name and message of the error, or `set`. */
export const LIMITER_HANDLER = `
const { ApplicationAutoScalingClient, RegisterScalableTargetCommand } = require('@aws-sdk/client-application-auto-scaling');
exports.handler = async (target) => {
  try {
    await new ApplicationAutoScalingClient({ maxAttempts: 1 }).send(new RegisterScalableTargetCommand(target));
    return { result: 'set' };
  } catch (error) {
    return { result: error.name + ': ' + error.message };
  }
};`;

/** Reads an object, or looks whether there is one, and returns the name and status of the error, or `found`. */
export const READER_HANDLER = `
const { S3Client, GetObjectCommand, HeadObjectCommand } = require('@aws-sdk/client-s3');
exports.handler = async ({ head = false, ...object }) => {
  try {
    await new S3Client({ maxAttempts: 1 }).send(head ? new HeadObjectCommand(object) : new GetObjectCommand(object));
    return { result: 'found' };
  } catch (error) {
    return { result: error.name + ' ' + error.$metadata.httpStatusCode };
  }
};`;
