import { parseRecordField } from './decide/record-field';

/** Field of a record that identifies it, or that orders it among others. */
export class RecordField {
  /** Partition key that the producer gave, within an aggregated record that of the part. */
  public static partitionKey(): RecordField {
    return new RecordField('partition-key');
  }

  /** Shard and sequence number: another value for every record of the stream, also for one that a producer put twice. */
  public static sequenceNumber(): RecordField {
    return new RecordField('sequence-number');
  }

  /** SHA-256 sum of the payload: the same value for equal payloads. */
  public static payloadHash(): RecordField {
    return new RecordField('payload-hash');
  }

  /**
   * Text or number in a JSON payload, a whole number with all of its digits. A record without it has its default instead.
   *
   * @param path names and indexes from the root, for example `$.id`, `$.user.id`, `$['user-id']` or `$.ids[0]`
   * @throws InputError for another path
   */
  public static jsonPath(path: string): RecordField {
    return new RecordField(path);
  }

  private constructor(
    /** Text of the field in the consumer's environment. */
    public readonly expression: string,
  ) {
    parseRecordField(expression);
  }
}
