/** Recipients of notifications. */
export interface NotificationRecipients {
  /**
   * E-mail addresses. SNS asks each of them to confirm its subscription, by a link in a message.
   *
   * @default - none
   */
  readonly emailAddresses?: string[];

  /**
   * Names of parameters in Systems Manager Parameter Store that hold the URL of a webhook which accepts `{"text": "…"}`: Slack, Mattermost,
   * and others. The URL is a secret: write it into a SecureString parameter of the stack's region with the CLI, outside of the code.
   *
   * @default - none
   */
  readonly webhookParameterNames?: string[];

  /**
   * HTTPS endpoints that accept messages of SNS and confirm their subscription themselves, such as those of PagerDuty or Opsgenie.
   *
   * @default - none
   */
  readonly httpsEndpoints?: string[];
}
