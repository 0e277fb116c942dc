import { Token } from 'aws-cdk-lib';
import type { NotificationRecipients } from './notification-recipients';

/** Number of recipients. */
export function recipientCount(recipients: NotificationRecipients = {}): number {
  const { emailAddresses = [], webhookParameterNames = [], httpsEndpoints = [] } = recipients;
  return emailAddresses.length + webhookParameterNames.length + httpsEndpoints.length;
}

/** Returns the recipients that cannot get a notification, with the way out. */
export function checkNotificationRecipients(recipients: NotificationRecipients): string[] {
  const { emailAddresses = [], webhookParameterNames = [], httpsEndpoints = [] } = recipients;
  const known = (text: string): boolean => !Token.isUnresolved(text);
  const twice = (name: string, values: readonly string[]): string[] =>
    values
      .filter((value, index) => values.indexOf(value) !== index)
      .map((value) => `${name} names ${value} twice; name every recipient once`);
  return [
    ...emailAddresses
      .filter((address) => known(address) && !/^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/.test(address))
      .map((address) => `emailAddresses: '${address}' is no e-mail address; give one such as oncall@example.com`),
    ...webhookParameterNames
      .filter((name) => known(name) && !/^\/?[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(name))
      .map((name) =>
        // The message leaves the URL out: it is a secret.
        name.includes('://')
          ? 'webhookParameterNames holds a URL; write the URL, which is a secret, into a SecureString parameter and give its name'
          : `webhookParameterNames: '${name}' is no name of a parameter; use letters, digits, dots, hyphens, underscores and slashes`,
      ),
    ...httpsEndpoints.filter(known).flatMap((url) => {
      if (/^https:\/\/hooks\.slack\.com\//.test(url))
        return [
          'httpsEndpoints holds a webhook of Slack, which does not confirm subscriptions of SNS; write its URL into a SecureString ' +
            'parameter and give the name in webhookParameterNames',
        ];
      return /^https:\/\/[^\s/]+/.test(url)
        ? []
        : [`httpsEndpoints: '${url}' is no HTTPS URL; give one that begins with https://`];
    }),
    ...twice('emailAddresses', emailAddresses),
    ...twice('webhookParameterNames', webhookParameterNames),
    ...twice('httpsEndpoints', httpsEndpoints),
  ];
}
