/** Sends texts to people through a webhook. */
export interface Webhook {
  /** Posts a text; throws when the server did not accept it. */
  post(url: string, text: string): Promise<void>;
}

/** A chat responds within a second or two; an invocation has time for this and the parameter. */
const TIMEOUT_MS = 8_000;

/** {@link Webhook} of Slack and of the chats that accept its format, a JSON object with `text`: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/ */
export function createWebhook(timeoutMs = TIMEOUT_MS): Webhook {
  return {
    async post(url, text) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      }).catch((error: unknown) => {
        // The URL is a secret, and the message of the error could have it.
        const { name, cause } = error as { name: string; cause?: { code?: string } };
        throw new Error(`the webhook was not reached (${cause?.code ?? name})`);
      });
      const reply = await response.text();
      if (!response.ok) throw new Error(`the webhook returned HTTP ${response.status}: ${reply.slice(0, 100)}`);
    },
  };
}
