import type { AlarmSet } from './alarm-set';
import { deadLetterAlarms } from './handler-alarms';
import type { Notifications } from './notifications';

/** Returns the alarms on notifications that the webhooks did not accept. */
export function notificationAlarms({ webhookDeadLetterQueues }: Notifications): AlarmSet {
  return Object.assign(
    {},
    ...webhookDeadLetterQueues.map((queue, index) =>
      deadLetterAlarms(`Webhook${index + 1}`, queue, {
        meaning: 'A webhook did not accept notifications three times. They are in the dead-letter queue.',
        lookAt: "The log group of the webhook's function: the last line of level error has the cause.",
        whatToDo: "Write a working URL into the webhook's parameter, read the messages in the queue, then purge it.",
      }),
    ),
  ) as AlarmSet;
}
