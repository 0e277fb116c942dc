import * as fs from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Configuration } from './configuration';
import { encodeMessage, MESSAGE_FLAG, MESSAGE_TYPE, MessageReader, type RpcMessage } from './event-stream-rpc';
import { at } from './recipe';

/** Component that speaks to the device, by the token that it was started with. */
export interface IpcClient {
  readonly componentName: string;
  configuration(): Configuration;
}

export interface IpcServerOptions {
  /** Path of the socket, at most about 100 characters. */
  readonly socketFile: string;
  /** Returns the component of a token; undefined for an unknown one. */
  readonly clientOf: (token: string) => IpcClient | undefined;
  /** Publishes a message to AWS IoT Core; throws where no more messages are kept. */
  readonly publishToIotCore: (topic: string, payload: Buffer, qos: 0 | 1) => void;
}

interface Subscription {
  readonly socket: Socket;
  readonly streamId: number;
  readonly componentName: string;
  /** Filter of local topics; undefined for a subscription to configuration updates. */
  readonly filter: string | undefined;
}

type Payload = { readonly [member: string]: unknown };

class IpcError extends Error {
  public constructor(
    public readonly modelType: string,
    message: string,
  ) {
    super(message);
  }
}

const NAMESPACE = 'aws.greengrass#';

/**
 * Part of Greengrass's inter-process communication that components for inference use: local topics, publication to AWS IoT Core, and the
 * component's configuration. Components are authorized by the `accessControl` of their configuration.
 *
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/interprocess-communication.html
 */
export class IpcServer {
  private readonly server: Server;
  private readonly subscriptions = new Set<Subscription>();
  private readonly sockets = new Set<Socket>();
  private readonly listeners = new Set<{ readonly filter: string; readonly listener: (payload: Buffer) => void }>();

  public constructor(private readonly options: IpcServerOptions) {
    this.server = createServer((socket) => this.accept(socket));
  }

  public async listen(): Promise<void> {
    fs.rmSync(this.options.socketFile, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.socketFile, resolve);
    });
  }

  public async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Publishes a message on a local topic, as another component of the device does; returns the number of components that received it. */
  public publish(topic: string, payload: Buffer): number {
    for (const { filter, listener } of this.listeners) if (matchesTopic(filter, topic)) listener(payload);
    const receivers = [...this.subscriptions].filter(
      ({ filter }) => filter !== undefined && matchesTopic(filter, topic),
    );
    const message = JSON.stringify({ binaryMessage: { message: payload.toString('base64'), context: { topic } } });
    for (const { socket, streamId } of receivers) this.event(socket, streamId, 'SubscriptionResponseMessage', message);
    return receivers.length;
  }

  /** Calls the listener for each message on local topics; the returned function ends that. */
  public subscribe(filter: string, listener: (payload: Buffer) => void): () => void {
    const entry = { filter, listener };
    this.listeners.add(entry);
    return () => void this.listeners.delete(entry);
  }

  /** True if a component listens to the topic. */
  public hasSubscriber(topic: string): boolean {
    return [...this.subscriptions].some(({ filter }) => filter !== undefined && matchesTopic(filter, topic));
  }

  /** Sends the event of a changed configuration to the component's subscriptions. */
  public configurationChanged(componentName: string): void {
    const message = JSON.stringify({ configurationUpdateEvent: { componentName, keyPath: [] } });
    for (const { socket, streamId, filter, componentName: name } of this.subscriptions) {
      if (filter === undefined && name === componentName)
        this.event(socket, streamId, 'ConfigurationUpdateEvents', message);
    }
  }

  private accept(socket: Socket): void {
    const reader = new MessageReader();
    let client: IpcClient | undefined;
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      for (const subscription of this.subscriptions) {
        if (subscription.socket === socket) this.subscriptions.delete(subscription);
      }
    });
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const message of reader.read(bytes)) {
          if (message.type === MESSAGE_TYPE.connect) client = this.connect(socket, message);
          else if (message.type === MESSAGE_TYPE.ping) this.pong(socket, message);
          else if (client === undefined) socket.destroy();
          else this.stream(socket, client, message);
        }
      } catch {
        socket.destroy();
      }
    });
  }

  private connect(socket: Socket, { payload }: RpcMessage): IpcClient | undefined {
    const { authToken } = JSON.parse(payload || '{}') as { readonly authToken?: string };
    const client = authToken === undefined ? undefined : this.options.clientOf(authToken);
    socket.write(
      encodeMessage({
        type: MESSAGE_TYPE.connectAck,
        flags: client === undefined ? MESSAGE_FLAG.none : MESSAGE_FLAG.connectionAccepted,
        streamId: 0,
        payload: '',
      }),
    );
    if (client === undefined) socket.end();
    return client;
  }

  private pong(socket: Socket, { payload }: RpcMessage): void {
    socket.write(encodeMessage({ type: MESSAGE_TYPE.pingResponse, flags: MESSAGE_FLAG.none, streamId: 0, payload }));
  }

  private stream(socket: Socket, client: IpcClient, message: RpcMessage): void {
    const { streamId, operation } = message;
    if ((message.flags & MESSAGE_FLAG.terminateStream) !== 0) {
      for (const subscription of this.subscriptions) {
        if (subscription.socket === socket && subscription.streamId === streamId)
          this.subscriptions.delete(subscription);
      }
      return;
    }
    if (operation === undefined) return;
    const name = operation.slice(NAMESPACE.length);
    const subscribes = name.startsWith('SubscribeTo');
    try {
      const response = this.operate(socket, client, streamId, name, JSON.parse(message.payload || '{}') as Payload);
      this.send(socket, {
        type: MESSAGE_TYPE.applicationMessage,
        flags: subscribes ? MESSAGE_FLAG.none : MESSAGE_FLAG.terminateStream,
        streamId,
        modelType: `${NAMESPACE}${name}Response`,
        payload: JSON.stringify(response),
      });
    } catch (error) {
      this.send(socket, {
        type: MESSAGE_TYPE.applicationError,
        flags: MESSAGE_FLAG.terminateStream,
        streamId,
        modelType: `${NAMESPACE}${error instanceof IpcError ? error.modelType : 'ServiceError'}`,
        payload: JSON.stringify({ message: (error as Error).message }),
      });
    }
  }

  private operate(socket: Socket, client: IpcClient, streamId: number, name: string, payload: Payload): object {
    const { componentName } = client;
    const text = (member: string): string => String(payload[member] ?? '');
    switch (name) {
      case 'GetConfiguration': {
        const value = at(client.configuration(), pointerOf(payload['keyPath']));
        if (value === undefined) throw new IpcError('ResourceNotFoundError', 'the configuration has no such key');
        return { componentName, value };
      }
      case 'SubscribeToConfigurationUpdate':
        this.subscriptions.add({ socket, streamId, componentName, filter: undefined });
        return {};
      case 'SubscribeToTopic':
        authorize(client, 'aws.greengrass.ipc.pubsub', name, text('topic'));
        this.subscriptions.add({ socket, streamId, componentName, filter: text('topic') });
        return { topicName: text('topic') };
      case 'PublishToTopic': {
        authorize(client, 'aws.greengrass.ipc.pubsub', name, text('topic'));
        this.publish(text('topic'), bytesOf(payload['publishMessage'] as Payload | undefined));
        return {};
      }
      case 'PublishToIoTCore': {
        authorize(client, 'aws.greengrass.ipc.mqttproxy', name, text('topicName'));
        const qos = text('qos') === '1' ? 1 : 0;
        this.options.publishToIotCore(text('topicName'), Buffer.from(text('payload'), 'base64'), qos);
        return {};
      }
      default:
        throw new IpcError('InvalidArgumentsError', `${NAMESPACE}${name} is not played here`);
    }
  }

  private event(socket: Socket, streamId: number, modelType: string, payload: string): void {
    this.send(socket, {
      type: MESSAGE_TYPE.applicationMessage,
      flags: MESSAGE_FLAG.none,
      streamId,
      modelType: `${NAMESPACE}${modelType}`,
      payload,
    });
  }

  private send(socket: Socket, message: RpcMessage): void {
    if (!socket.destroyed) socket.write(encodeMessage(message));
  }
}

function pointerOf(keyPath: unknown): string {
  const parts = Array.isArray(keyPath) ? keyPath : [];
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function bytesOf(message: Payload | undefined): Buffer {
  const { binaryMessage, jsonMessage } = (message ?? {}) as {
    readonly binaryMessage?: { readonly message?: string };
    readonly jsonMessage?: { readonly message?: unknown };
  };
  if (jsonMessage !== undefined) return Buffer.from(JSON.stringify(jsonMessage.message ?? {}), 'utf8');
  return Buffer.from(binaryMessage?.message ?? '', 'base64');
}

interface AccessPolicy {
  readonly operations?: readonly string[];
  readonly resources?: readonly string[];
}

/** Throws unless a policy in the component's configuration allows the operation on the topic. */
function authorize(client: IpcClient, service: string, operation: string, topic: string): void {
  const policies = (at(client.configuration(), `/accessControl/${service}`) ?? {}) as { [id: string]: AccessPolicy };
  const allowed = Object.values(policies).some(
    ({ operations = [], resources = [] }) =>
      operations.some((one) => one === '*' || one === `${NAMESPACE}${operation}`) &&
      resources.some((one) => matchesResource(one, topic)),
  );
  if (allowed) return;
  throw new IpcError(
    'UnauthorizedError',
    `${client.componentName} may not ${operation} ${topic}; its accessControl allows it nowhere in ${service}`,
  );
}

function matchesResource(pattern: string, topic: string): boolean {
  const text = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${text.join('.*')}$`).test(topic);
}

/** True if an MQTT topic filter matches a topic. */
export function matchesTopic(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, part] of wanted.entries()) {
    if (part === '#') return true;
    if (index >= levels.length || (part !== '+' && part !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
