import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { assumeRole } from '../../../lib/emulator/edge/role-credentials';

/** Seconds by which the clock of the engine is ahead of the machine's. */
const AHEAD_SECONDS = 7_200;
const LIFETIME_SECONDS = 3_600;

test('credentials expire on the clock of the machine, however fast that of the engine runs', async () => {
  const clock = { speed: 60, now: () => Date.now() / 1000 + AHEAD_SECONDS };
  const engine = http.createServer((_, response) => {
    const expiration = new Date((clock.now() + LIFETIME_SECONDS) * 1000).toISOString();
    response.end(
      `<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>${expiration}</Expiration></Credentials>`,
    );
  });
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  const engineUrl = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
  const role = { engineUrl, roleArn: 'arn:aws:iam::123456789012:role/buoys', sessionName: 'buoys-1' };
  try {
    const before = Date.now();
    const { expiration, ...keys } = await assumeRole({ ...role, clock });
    const after = Date.now();
    expect(keys).toEqual({ accessKeyId: 'A', secretAccessKey: 'S', sessionToken: 'T' });
    // An hour of the engine is a minute of the machine.
    expect(expiration.getTime()).toBeGreaterThanOrEqual(before + 60_000 - 100);
    expect(expiration.getTime()).toBeLessThanOrEqual(after + 60_000 + 100);
    const own = await assumeRole(role);
    expect(own.expiration.getTime()).toBeGreaterThanOrEqual(before + (AHEAD_SECONDS + LIFETIME_SECONDS) * 1000);
  } finally {
    await new Promise((resolve) => engine.close(resolve));
  }
});
