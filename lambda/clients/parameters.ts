import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { PermanentError } from '../../lib/core/errors';
import { awsClient } from './aws-client';

/** Client of settings that can be changed without a deployment. */
export interface Parameters {
  /** Returns the value of a parameter, that of a SecureString too. */
  read(name: string, signal?: AbortSignal): Promise<string>;
}

/** {@link Parameters} that a handler changes too. */
export interface WritableParameters extends Parameters {
  /** Overwrites the value of an existing parameter. */
  write(name: string, value: string, signal?: AbortSignal): Promise<void>;
}

/** {@link WritableParameters} of Systems Manager Parameter Store. */
export function createParameters(ssm = awsClient(SSMClient)): WritableParameters {
  return {
    async read(name, signal) {
      const { Parameter: parameter } = await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }), {
        abortSignal: signal,
      });
      if (parameter?.Value === undefined) throw new PermanentError(`parameter ${name} has no value`);
      return parameter.Value;
    },

    async write(name, value, signal) {
      await ssm.send(new PutParameterCommand({ Name: name, Value: value, Overwrite: true }), { abortSignal: signal });
    },
  };
}
