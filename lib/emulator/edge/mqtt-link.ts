import { connect, type Socket } from 'node:net';
import { matchesTopic } from './ipc-server';

export interface MqttLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** @default 30 */
  readonly keepAliveSeconds?: number;
  /** Bytes of messages that are kept while there is no connection. @default 2.5 MiB, that of Greengrass's spooler */
  readonly maxSpoolBytes?: number;
}

interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  packetId: number;
  wasSent: boolean;
}

const PACKET = { connect: 1, connack: 2, publish: 3, puback: 4, subscribe: 8, pingreq: 12, disconnect: 14 };
const RECONNECT_MS = { first: 100, longest: 5_000 };
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_PACKET_ID = 65_535;

/**
 * Connection to an MQTT 3.1.1 broker that comes back by itself. Messages wait in memory while there is none, and one with QoS 1 until the broker
 * has acknowledged it. Subscriptions are made again with each connection.
 */
export class MqttLink {
  private socket: Socket | undefined;
  private isConnected = false;
  private isClosed = false;
  private rest: Buffer = Buffer.alloc(0);
  private spool: Message[] = [];
  private spoolBytes = 0;
  private nextPacketId = 1;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private keepAlive: NodeJS.Timeout | undefined;
  private answeredPing = true;
  private readonly subscriptions: {
    readonly filter: string;
    readonly listener: (topic: string, payload: Buffer) => void;
  }[] = [];

  public constructor(private readonly options: MqttLinkOptions) {
    this.open();
  }

  public get connected(): boolean {
    return this.isConnected;
  }

  /** Messages that the broker does not have yet. */
  public get waiting(): number {
    return this.spool.length;
  }

  /** Keeps a message until the broker has it; throws where no more are kept. */
  public publish(topic: string, payload: Buffer, qos: 0 | 1): void {
    const limit = this.options.maxSpoolBytes ?? 2.5 * 1024 * 1024;
    if (this.spoolBytes + payload.length > limit) {
      throw new Error(`${this.spool.length} messages wait for the broker; ${limit} bytes are kept`);
    }
    this.spool.push({ topic, payload, qos, packetId: 0, wasSent: false });
    this.spoolBytes += payload.length;
    this.flush();
  }

  public subscribe(filter: string, listener: (topic: string, payload: Buffer) => void): void {
    this.subscriptions.push({ filter, listener });
    if (this.isConnected) this.sendSubscription(filter);
  }

  public close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearInterval(this.keepAlive);
    if (this.isConnected) this.socket?.write(packet(PACKET.disconnect << 4, Buffer.alloc(0)));
    this.socket?.end();
    this.socket?.destroySoon();
  }

  private open(): void {
    const { host, port, clientId, keepAliveSeconds = 30 } = this.options;
    const socket = connect({ host, port });
    this.socket = socket;
    this.rest = Buffer.alloc(0);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      if (!this.isConnected) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('connect', () => {
      const alive = Buffer.alloc(2);
      alive.writeUInt16BE(keepAliveSeconds);
      const body = Buffer.concat([text('MQTT'), Buffer.from([4, 2]), alive, text(clientId)]);
      socket.write(packet(PACKET.connect << 4, body));
    });
    socket.on('data', (bytes: Buffer) => this.receive(socket, bytes));
    socket.on('close', () => this.lost(socket));
  }

  private lost(socket: Socket): void {
    if (socket !== this.socket || this.isClosed) return;
    this.isConnected = false;
    clearInterval(this.keepAlive);
    // Messages without an acknowledgement are sent again.
    for (const message of this.spool) message.packetId = 0;
    const wait = Math.min(RECONNECT_MS.longest, RECONNECT_MS.first * 2 ** this.failures++);
    this.timer = setTimeout(() => this.open(), wait);
    this.timer.unref();
  }

  private receive(socket: Socket, bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (;;) {
      const length = remainingLength(this.rest);
      if (length === undefined || this.rest.length < length.begin + length.value) return;
      const first = this.rest[0]!;
      const body = this.rest.subarray(length.begin, length.begin + length.value);
      this.rest = this.rest.subarray(length.begin + length.value);
      this.handle(socket, first, body);
    }
  }

  private handle(socket: Socket, first: number, body: Buffer): void {
    switch (first >> 4) {
      case PACKET.connack: {
        if (body[1] !== 0) {
          socket.destroy();
          return;
        }
        this.isConnected = true;
        this.failures = 0;
        this.answeredPing = true;
        const every = (this.options.keepAliveSeconds ?? 30) * 500;
        this.keepAlive = setInterval(() => this.ping(socket), every);
        this.keepAlive.unref();
        for (const { filter } of this.subscriptions) this.sendSubscription(filter);
        this.flush();
        return;
      }
      case PACKET.puback: {
        const id = body.readUInt16BE(0);
        this.forget(this.spool.find(({ packetId }) => packetId === id));
        return;
      }
      case PACKET.publish: {
        const length = body.readUInt16BE(0);
        const topic = body.subarray(2, 2 + length).toString('utf8');
        const qos = (first >> 1) & 3;
        const payload = body.subarray(2 + length + (qos > 0 ? 2 : 0));
        for (const { filter, listener } of this.subscriptions) {
          if (matchesTopic(filter, topic)) listener(topic, Buffer.from(payload));
        }
        if (qos === 1) socket.write(packet(PACKET.puback << 4, body.subarray(2 + length, 4 + length)));
        return;
      }
      default:
        this.answeredPing = true;
    }
  }

  /** A broker that does not answer for a whole interval is gone, although the connection looks open. */
  private ping(socket: Socket): void {
    if (!this.answeredPing) {
      socket.destroy();
      return;
    }
    this.answeredPing = false;
    socket.write(packet(PACKET.pingreq << 4, Buffer.alloc(0)));
  }

  private sendSubscription(filter: string): void {
    this.socket?.write(
      packet((PACKET.subscribe << 4) | 2, Buffer.concat([this.packetId(), text(filter), Buffer.from([1])])),
    );
  }

  private flush(): void {
    if (!this.isConnected || this.socket === undefined) return;
    for (const message of [...this.spool]) {
      if (message.packetId !== 0) continue;
      const { topic, payload, qos } = message;
      const id = qos === 1 ? this.packetId() : Buffer.alloc(0);
      message.packetId = qos === 1 ? id.readUInt16BE(0) : MAX_PACKET_ID + 1;
      const flags = (PACKET.publish << 4) | (message.wasSent && qos === 1 ? 8 : 0) | (qos << 1);
      message.wasSent = true;
      this.socket.write(packet(flags, Buffer.concat([text(topic), id, payload])));
      if (qos === 0) this.forget(message);
    }
  }

  private forget(message: Message | undefined): void {
    if (message === undefined) return;
    this.spool = this.spool.filter((one) => one !== message);
    this.spoolBytes -= message.payload.length;
  }

  private packetId(): Buffer {
    const id = Buffer.alloc(2);
    id.writeUInt16BE(this.nextPacketId);
    this.nextPacketId = (this.nextPacketId % MAX_PACKET_ID) + 1;
    return id;
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function packet(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 128 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

/** Length of a packet's body and where the body begins; undefined where the length is not whole yet. */
function remainingLength(bytes: Buffer): { readonly begin: number; readonly value: number } | undefined {
  let value = 0;
  for (let index = 1; index <= 4; index++) {
    const digit = bytes[index];
    if (digit === undefined) return undefined;
    value += (digit & 127) * 128 ** (index - 1);
    if ((digit & 128) === 0) return { begin: index + 1, value };
  }
  throw new Error('the broker sent a packet with a length of more than four bytes');
}
