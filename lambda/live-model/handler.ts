import {
  LIVE_MODEL_ATTRIBUTES,
  type LiveModelRecord,
  parseLiveModel,
  parseLiveModelProperties,
} from '../../lib/rollout/contract';
import type { Parameters } from '../clients/parameters';
import { readProperties, type CustomResourceRequest, type CustomResourceResponse } from '../support/custom-resource';
import type { Logger } from '../support/logger';

/** Everything outside the handler. */
export interface LiveModelDependencies {
  readonly parameters: Parameters;
  readonly respond: (url: string, response: CustomResourceResponse) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Handler of the custom resource that stands for the live model of an endpoint: it returns the model that the parameter names, so that a deployment of the
 * stack keeps what a rollout has put there.
 */
export function createHandler(dependencies: LiveModelDependencies): (request: CustomResourceRequest) => Promise<void> {
  const { parameters, respond, logger } = dependencies;
  return async (request) => {
    const { RequestType, RequestId, StackId, LogicalResourceId, ResponseURL } = request;
    const read = readProperties(request, parseLiveModelProperties);
    if ('problem' in read) {
      const ids = { PhysicalResourceId: LogicalResourceId, RequestId, StackId, LogicalResourceId };
      return respond(ResponseURL, { ...ids, Status: 'FAILED', Reason: read.problem });
    }
    const { parameterName, targetRatio } = read.value;
    const ids = { PhysicalResourceId: parameterName, RequestId, StackId, LogicalResourceId };
    try {
      if (RequestType === 'Delete') {
        await respond(ResponseURL, { ...ids, Status: 'SUCCESS' });
        return;
      }
      const live = parseLiveModel(await parameters.read(parameterName));
      logger.info('the deployment keeps the live model', { ...live });
      await respond(ResponseURL, { ...ids, Status: 'SUCCESS', Data: attributesOf(live, targetRatio) });
    } catch (error) {
      const reason = `The live model cannot be read from the parameter ${parameterName}: ${String(error).slice(0, 500)}`;
      logger.error(reason);
      await respond(ResponseURL, { ...ids, Status: 'FAILED', Reason: reason });
    }
  };
}

function attributesOf(live: LiveModelRecord, targetRatio: number): { readonly [name: string]: string } {
  const { bucket, key, modelPackageArn = '', maxConcurrencyPerInstance } = live;
  const names = LIVE_MODEL_ATTRIBUTES;
  return {
    [names.bucket]: bucket,
    [names.key]: key,
    [names.modelPackageArn]: modelPackageArn,
    // Tags take text alone, and CloudFormation makes numbers of text where a property is one.
    [names.maxConcurrencyPerInstance]: String(maxConcurrencyPerInstance),
    [names.targetPerInstance]: String(Math.round(maxConcurrencyPerInstance * targetRatio * 10) / 10),
  };
}
