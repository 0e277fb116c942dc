/** Environment variables of the handler that posts notifications to a webhook. */
export const WEBHOOK_ENVIRONMENT = {
  /** Name of the parameter that holds the URL of the webhook. */
  urlParameter: 'TIDEGATE_WEBHOOK_PARAMETER',
} as const;
