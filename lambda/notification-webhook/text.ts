import { isObject } from '../../lib/core/parse';

/** Longest text of a message in Slack that is not cut: https://docs.slack.dev/changelog/2018-truncating-really-long-messages */
const MAX_LENGTH = 4_000;

/** Notification as SNS gives it to a function. */
export interface TopicMessage {
  readonly Subject?: string | null;
  readonly Message: string;
}

/**
 * Returns the text of a notification for a chat: of an alarm its name, state, reason and runbook entry, of any other message its subject and
 * its text.
 */
export function chatText({ Subject: subject, Message: message }: TopicMessage): string {
  const text =
    alarmText(message) ?? [subject, message].filter((part) => typeof part === 'string' && part !== '').join('\n');
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`;
}

/** Text of a state change of an alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
function alarmText(message: string): string | undefined {
  const alarm = parsed(message);
  if (!isObject(alarm) || typeof alarm['AlarmName'] !== 'string' || typeof alarm['NewStateValue'] !== 'string')
    return undefined;
  const line = (key: string): string[] => (typeof alarm[key] === 'string' && alarm[key] !== '' ? [alarm[key]] : []);
  const region = line('Region').map((name) => ` in ${name}`);
  return [
    `${alarm['NewStateValue']}: ${alarm['AlarmName']}${region.join('')}`,
    ...line('NewStateReason'),
    // The runbook entry applies to the state ALARM only.
    ...(alarm['NewStateValue'] === 'ALARM' ? line('AlarmDescription') : []),
  ].join('\n');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
