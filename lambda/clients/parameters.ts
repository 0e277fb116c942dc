import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { PermanentError } from '../../lib/core/errors';

/** Settings that can be changed without a deployment. */
export interface Parameters {
  /** The text of a parameter. */
  read(name: string): Promise<string>;
}

/** {@link Parameters} on the Systems Manager parameter store. */
export function createParameters(ssm = new SSMClient({})): Parameters {
  return {
    async read(name) {
      const { Parameter: parameter } = await ssm.send(new GetParameterCommand({ Name: name }));
      if (parameter?.Value === undefined) throw new PermanentError(`parameter ${name} has no value`);
      return parameter.Value;
    },
  };
}
