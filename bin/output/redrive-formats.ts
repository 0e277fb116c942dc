import { leftRecords, reasonsOf, SKIP_REASONS, type RedriveReport } from '../../lib/ingestion/decide/redrive';
import { NO_COLOURS, type Colours } from './colours';
import { markdownTable, markdownText } from './markdown';

/** Redrive of one ingestion of a stack. */
export interface Redriven {
  readonly stack: string;
  readonly ingestion: string;
  readonly report: RedriveReport;
}

/** Returns a redrive for people: its counts, the reasons of skipped records, and the objects that need a look. */
export function redriveText({ stack, ingestion, report }: Redriven, colours: Colours = NO_COLOURS): string {
  const { streamName, dryRun, found, redriven, skipped, named } = report;
  const count = (number: number): string => String(number).padStart(8);
  const left = leftRecords(report);
  const lines = [
    `stack ${stack}, ingestion ${ingestion}, stream ${streamName}`,
    '',
    `${count(found)}  found`,
    `${colours.green(count(redriven))}  ${dryRun ? 'would be put into the stream' : 'put into the stream'}`,
    ...reasonsOf(skipped).map(([reason, number]) => `${count(number)}  skipped: ${SKIP_REASONS[reason]}`),
    ...(named.length === 0 ? [] : ['']),
    ...named.map(({ object, reason, detail }) => `${reason}: ${object}${detail === undefined ? '' : ` (${detail})`}`),
    ...elsewhere(report),
    '',
    left === 0 ? conclusion(report) : colours.yellow(`${left} records are left`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Returns a redrive as a comment on a ticket or a pull request. */
export function redriveMarkdown({ stack, ingestion, report }: Redriven): string {
  const { streamName, dryRun, found, redriven, skipped, named } = report;
  const rows = [
    ['found', String(found), ''],
    [dryRun ? 'would be put into the stream' : 'put into the stream', String(redriven), ''],
    ...reasonsOf(skipped).map(([reason, number]) => [
      `skipped: ${reason}`,
      String(number),
      markdownText(SKIP_REASONS[reason]),
    ]),
  ];
  const objects = named.map(({ object, reason, detail = '' }) => `- ${markdownText(`${reason}: ${object} ${detail}`)}`);
  const title = `### tidegate redrive: ${markdownText(`${stack}, ${ingestion}, ${streamName}`)}`;
  return `${[title, '', markdownTable(['', 'records', 'reason'], rows), '', ...objects, ...elsewhere(report).map(markdownText)].join('\n')}\n`;
}

/** Returns what the redrive cannot bring back, as its destination does not have the records. */
function elsewhere({ failuresWithoutRecords: destination }: RedriveReport): readonly string[] {
  if (destination === undefined) return [];
  return [
    '',
    `failed batches went to ${destination}, which has their topic, partition and offsets, but not the records: while the topic keeps the records, read them ` +
      'there and send them again; a failureDestination that is a bucket or a Kafka topic has them for the next redrive',
  ];
}

function conclusion({ dryRun, found, redriven, failuresWithoutRecords }: RedriveReport): string {
  if (found === 0)
    return failuresWithoutRecords === undefined ? 'nothing was set aside' : 'no dead letter was set aside';
  if (dryRun) return redriven === 0 ? 'nothing is left to do' : 'nothing was changed; leave --dry-run out to redrive';
  return 'every record is in the stream again, or has its answer';
}
