import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request body of any service, read where the test knows its shape. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

export interface Reply {
  readonly status: number;
  readonly body: object;
}

export interface Call {
  readonly path: string;
  readonly target: string;
  readonly service: string;
  readonly body: Json;
}

/** Replies to forwarded calls with the minimum that their callers accept, and records every call. */
export class FakeEmulator {
  public readonly calls: Call[] = [];
  /** Replies of `DescribeTrainingJob`, by job name. */
  public readonly trainingJobs = new Map<string, object>();
  /** Number of inferences that must be in flight before any of them gets its reply. */
  public inferencesTogether = 1;
  /** Reply of an endpoint to an inference. */
  public inference: (body: Json) => Reply | Promise<Reply> = (body) => ({
    status: 200,
    body: { answered: body },
  });
  private waiting: (() => void)[] = [];

  private constructor(private readonly server: Server) {}

  public static async start(): Promise<FakeEmulator> {
    const server = createServer();
    const emulator = new FakeEmulator(server);
    server.on('request', (request, response) => {
      void emulator.replyTo(request).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': 'fake' });
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return emulator;
  }

  public get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  public at(path: string): Json[] {
    return this.calls.filter((call) => call.path === path).map((call) => call.body);
  }

  private async replyTo(request: IncomingMessage): Promise<{ status: number; body: object }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const call: Call = {
      path: request.url ?? '',
      target: String(request.headers['x-amz-target'] ?? '').replace(/^.*\./, ''),
      service: String(request.headers['x-tidegate-service'] ?? ''),
      body: text === '' ? undefined : JSON.parse(text),
    };
    this.calls.push(call);
    if (call.path === '/cloudformation') return this.provision(call.body);
    if (call.path.endsWith('/invocations')) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        if (this.waiting.length >= this.inferencesTogether) for (const go of this.waiting.splice(0)) go();
      });
      return this.inference(call.body);
    }
    if (call.target === 'CreateTrainingJob' && String(call.body.TrainingJobName).includes('capacity')) {
      return {
        status: 400,
        body: {
          __type: 'ResourceLimitExceeded',
          message: 'CapacityError: Unable to provision requested ML compute capacity.',
        },
      };
    }
    if (call.target === 'DescribeTrainingJob') {
      return { status: 200, body: this.trainingJobs.get(call.body.TrainingJobName) ?? {} };
    }
    return { status: 200, body: {} };
  }

  private provision(body: { action: string; logicalId: string; properties: Json }): { status: number; body: object } {
    if (body.properties?.ModelName === 'refused') {
      return { status: 400, body: { code: 'ValidationException', message: 'the model was refused' } };
    }
    const name = body.properties?.ModelName ?? body.logicalId;
    return { status: 200, body: { physicalId: `arn:model/${name}`, attributes: { ModelName: name } } };
  }
}
