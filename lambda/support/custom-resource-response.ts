import { systemSleep } from './sleep';

const ATTEMPTS = 4;

/** Time-out of one attempt, milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Sends the response of a custom resource to its presigned URL; tries again, as CloudFormation waits for it until its time-out.
 *
 * @throws Error when the URL does not take the response
 */
export async function respond(url: string, response: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(response));
  for (let attempt = 1; ; attempt++) {
    try {
      // The signature of the URL covers an empty content type.
      const request = { method: 'PUT', body, headers: { 'content-type': '' }, signal: AbortSignal.timeout(TIMEOUT_MS) };
      const { ok, status } = await fetch(url, request);
      if (ok) return;
      throw new Error(`the response URL returned status ${status}`);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await systemSleep(1000 * attempt);
    }
  }
}
