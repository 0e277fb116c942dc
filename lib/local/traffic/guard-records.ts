import { QueryCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GUARD_TABLE, parseGuardRecord, type GuardRecord } from '../../cost/contract';
import type { EpochSeconds } from '../../core/time';

/** Reads the audit records of the cost guard. */
export class GuardRecordReader {
  private lastSortKey = GUARD_TABLE.recordPrefix as string;
  private readonly found: GuardRecord[] = [];

  public constructor(
    private readonly dynamodb: Pick<DynamoDBClient, 'send'>,
    private readonly tableName: string,
    /** Ignores records older than this: they belong to an earlier run. */
    private readonly since: EpochSeconds,
  ) {}

  /** Reads the records since the last call, oldest first. */
  public async poll(): Promise<readonly GuardRecord[]> {
    const { Items = [] } = await this.dynamodb.send(
      new QueryCommand({
        TableName: this.tableName,
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :pk AND #sk > :last',
        ExpressionAttributeNames: { '#pk': GUARD_TABLE.partitionKey, '#sk': GUARD_TABLE.sortKey },
        ExpressionAttributeValues: { ':pk': { S: GUARD_TABLE.partition }, ':last': { S: this.lastSortKey } },
      }),
    );
    const fresh: GuardRecord[] = [];
    for (const item of Items) {
      const sortKey = item[GUARD_TABLE.sortKey]?.S ?? '';
      if (!sortKey.startsWith(GUARD_TABLE.recordPrefix)) continue;
      this.lastSortKey = sortKey;
      const record = parseGuardRecord(item[GUARD_TABLE.document]?.S ?? '');
      if (record.atSeconds >= this.since) fresh.push(record);
    }
    this.found.push(...fresh);
    return fresh;
  }

  public records(): readonly GuardRecord[] {
    return this.found;
  }

  /** Current level. */
  public level(): string {
    return this.found.at(-1)?.level ?? 'ok';
  }
}
