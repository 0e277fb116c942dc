import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Credentials of the token-exchange role for some time. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/**
 * Token exchange service of a core device: gives the credentials of the role to its components, in the form of the container credentials
 * provider of AWS's SDKs.
 *
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/token-exchange-service-component.html
 */
export class TokenExchange {
  public readonly token = randomBytes(16).toString('hex');
  private readonly server: Server;

  public constructor(credentials: () => Promise<RoleCredentials>) {
    this.server = createServer((request, response) => {
      const reply = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      if (request.headers.authorization !== this.token) {
        reply(403, { message: 'the authorization token is that of no component' });
        return;
      }
      credentials().then(
        ({ accessKeyId, secretAccessKey, sessionToken, expiration }) =>
          reply(200, {
            AccessKeyId: accessKeyId,
            SecretAccessKey: secretAccessKey,
            Token: sessionToken,
            Expiration: expiration.toISOString(),
          }),
        (error: unknown) => reply(500, { message: (error as Error).message }),
      );
    });
  }

  public get url(): string {
    return `http://localhost:${(this.server.address() as AddressInfo).port}/2016-11-01/credentialprovider/`;
  }

  public async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
  }

  public async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
