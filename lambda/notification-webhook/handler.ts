import { PermanentError } from '../../lib/core/errors';
import type { Parameters } from '../clients/parameters';
import type { Webhook } from '../clients/webhook';
import type { Logger } from '../support/logger';
import { chatText, type TopicMessage } from './text';

/** Event of an SNS topic. */
export interface TopicEvent {
  readonly Records: readonly { readonly Sns: TopicMessage & { readonly MessageId: string } }[];
}

export interface WebhookHandlerSources {
  /** Name of the parameter that holds the URL. */
  readonly urlParameter: string;
  readonly parameters: Parameters;
  readonly webhook: Webhook;
  readonly logger: Logger;
}

/**
 * Returns the handler that posts the notifications of a topic to a webhook. An error makes Lambda invoke it again; what fails three times
 * goes to the dead-letter queue.
 */
export function createHandler({ urlParameter, parameters, webhook, logger }: WebhookHandlerSources) {
  return async ({ Records: records }: TopicEvent): Promise<void> => {
    // Read each time, so that a new URL applies without a deployment.
    const url = await parameters.read(urlParameter);
    checkUrl(url, urlParameter);
    for (const { Sns: notification } of records) {
      try {
        await webhook.post(url, chatText(notification));
        logger.info('notification posted', { messageId: notification.MessageId });
      } catch (error) {
        logger.error('cannot post the notification', { messageId: notification.MessageId, error });
        throw error;
      }
    }
  };
}

/** Refuses a URL without TLS, which would send the secret in it in plain text; a server on the same machine is allowed. */
function checkUrl(text: string, parameter: string): void {
  if (/^https:\/\/[^/]|^http:\/\/127\.0\.0\.1[:/]/.test(text)) return;
  throw new PermanentError(
    `the parameter ${parameter} holds no URL that begins with https://; write the webhook's URL into it`,
  );
}
