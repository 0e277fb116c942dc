import * as http from 'node:http';
import type { HttpReply, HttpRequest } from './server';

/** Header by which the engine names the service of a request that it forwards. */
const FORWARDED = 'x-tidegate-service';
/** Access key of a role's session or of a user; the root key of a run may do everything. */
const CALLER = /Credential=(A[KS]IA[^/,\s]*)\//;
/** Time after which the permissions of a caller are checked again, real milliseconds. AWS too applies a changed policy after a moment. */
const CHECK_EVERY_MS = 1_000;
const STATUS_FORBIDDEN = 403;
/** Headers of one connection, which the way to the engine has anew. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect']);

export interface EngineGateOptions {
  /** Returns the engine's URL. */
  readonly engineUrl: () => string;
  /** Returns the real time, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Permissions of callers that reach an endpoint directly. The engine checks them: it gets the first call of a caller on a path, one a second after
 * it, and all while it denies them. Those between are let through on its last word, without the way through its single thread.
 */
export class EngineGate {
  private readonly checked = new Map<string, number>();
  private readonly agent = new http.Agent({ keepAlive: true });

  public constructor(private readonly options: EngineGateOptions) {}

  /** Returns the engine's reply where the engine has to see the request, and undefined where it is let through. */
  public async pass(request: HttpRequest): Promise<HttpReply | undefined> {
    const caller = CALLER.exec(String(request.headers.authorization ?? ''))?.[1];
    if (caller === undefined) return undefined;
    const call = `${caller} ${request.path}`;
    const now = this.options.nowMs();
    if (request.headers[FORWARDED] !== undefined) {
      this.checked.set(call, now);
      return undefined;
    }
    const checkedAt = this.checked.get(call);
    if (checkedAt !== undefined && now - checkedAt < CHECK_EVERY_MS) return undefined;
    // One call checks for all that come meanwhile.
    if (checkedAt !== undefined) this.checked.set(call, now);
    const reply = await this.forward(request);
    if (reply.statusCode === STATUS_FORBIDDEN) this.checked.delete(call);
    return reply;
  }

  public close(): void {
    this.agent.destroy();
  }

  /** Sends a request to the engine as it came, with the host that its signature names. */
  private forward({ method, path, headers, body }: HttpRequest): Promise<HttpReply> {
    const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name)));
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.agent, headers: { ...sent, 'content-length': body.length } };
      const outgoing = http.request(new URL(path, this.options.engineUrl()), options, (incoming) => {
        const received = Object.entries(incoming.headers).filter(([name]) => !OF_CONNECTION.has(name));
        resolve({
          statusCode: incoming.statusCode ?? 502,
          headers: Object.fromEntries(received.map(([name, value]) => [name, String(value)])),
          body: incoming,
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
