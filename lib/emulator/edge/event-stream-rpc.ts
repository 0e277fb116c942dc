import { EventStreamCodec } from '@smithy/core/event-streams';

/** Kinds of messages of the event stream RPC protocol, which Greengrass's IPC speaks on a socket of the device. */
export const MESSAGE_TYPE = {
  applicationMessage: 0,
  applicationError: 1,
  ping: 2,
  pingResponse: 3,
  connect: 4,
  connectAck: 5,
  protocolError: 6,
} as const;

export const MESSAGE_FLAG = { none: 0, connectionAccepted: 1, terminateStream: 2 } as const;

export interface RpcMessage {
  readonly type: number;
  readonly flags: number;
  /** 0 for messages of the connection itself. */
  readonly streamId: number;
  /** Operation that opens a stream. */
  readonly operation?: string;
  /** Name of the payload's type. */
  readonly modelType?: string;
  readonly payload: string;
}

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
);

export function encodeMessage({ type, flags, streamId, modelType, payload }: RpcMessage): Uint8Array {
  const integer = (value: number) => ({ type: 'integer' as const, value });
  const string = (value: string) => ({ type: 'string' as const, value });
  return codec.encode({
    headers: {
      ':message-type': integer(type),
      ':message-flags': integer(flags),
      ':stream-id': integer(streamId),
      ...(modelType === undefined
        ? {}
        : { ':content-type': string('application/json'), 'service-model-type': string(modelType) }),
    },
    body: Buffer.from(payload, 'utf8'),
  });
}

function decodeMessage(frame: Uint8Array): RpcMessage {
  const { headers, body } = codec.decode(frame);
  const integer = (name: string): number => Number(headers[name]?.value ?? 0);
  const operation = headers['operation']?.value;
  return {
    type: integer(':message-type'),
    flags: integer(':message-flags'),
    streamId: integer(':stream-id'),
    ...(operation === undefined ? {} : { operation: String(operation) }),
    payload: Buffer.from(body).toString('utf8'),
  };
}

/** Maximum size of a message of the event stream encoding: 24 MiB. */
const MAX_FRAME_BYTES = 24 * 1024 * 1024;

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  private rest: Buffer = Buffer.alloc(0);

  /** Returns the messages that are whole by now; throws for bytes that are none. */
  public read(bytes: Buffer): RpcMessage[] {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    const messages: RpcMessage[] = [];
    while (this.rest.length >= 4) {
      const length = this.rest.readUInt32BE(0);
      if (length < 16 || length > MAX_FRAME_BYTES) throw new Error(`a message of ${length} bytes is not allowed`);
      if (this.rest.length < length) break;
      messages.push(decodeMessage(this.rest.subarray(0, length)));
      this.rest = this.rest.subarray(length);
    }
    return messages;
  }
}
