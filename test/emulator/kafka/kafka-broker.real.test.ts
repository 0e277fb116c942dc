import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../../lib/core/errors';
import { startKafkaBroker, type KafkaBroker } from '../../../lib/emulator/kafka/kafka-broker';
import { connectKafka } from '../../../lib/emulator/kafka/kafka-client';
import { ensureKafka, missingForKafka, type KafkaInstallation } from '../../../lib/emulator/kafka/kafka-jars';
import { projectDirectory } from '../../architecture/imports';
import { describeWith } from '../../support/needs';
import { MISSING_KAFKA } from './local-kafka';

describeWith(MISSING_KAFKA, 'the Kafka broker', () => {
  let installation: KafkaInstallation;
  let directory: string;
  const started: KafkaBroker[] = [];
  const start = async (): Promise<KafkaBroker> => {
    const broker = await startKafkaBroker({ projectDirectory, directory, installation });
    started.push(broker);
    return broker;
  };

  beforeAll(async () => {
    installation = await ensureKafka({ projectDirectory });
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-kafka-'));
  }, 400_000);
  afterAll(async () => {
    await Promise.all(started.map((broker) => broker.stop()));
    fs.rmSync(directory, { recursive: true, force: true });
  });

  /** Local addresses on which a process group listens, from the kernel's table. */
  const listening = (pid: number): string[] => {
    const inodes = new Set<string>();
    for (const entry of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const group = fs.readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1]!.split(' ')[2];
        if (group !== String(pid)) continue;
        for (const fd of fs.readdirSync(`/proc/${entry}/fd`)) {
          const inode = /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${entry}/fd/${fd}`))?.[1];
          if (inode !== undefined) inodes.add(inode);
        }
      } catch {
        // it has ended
      }
    }
    return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
      fs
        .readFileSync(table, 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter((row) => row[3] === '0A' && inodes.has(row[9]!))
        .map((row) => row[1]!.split(':')[0]!),
    );
  };

  test('listens on the loopback interface only, and a broker in the same folder has the records of the last one', async () => {
    const first = await start();
    if (process.platform === 'linux') {
      const addresses = listening(first.pid);
      expect(addresses.length).toBeGreaterThanOrEqual(2);
      // 127.0.0.1 as IPv4, or as an IPv4 address in IPv6.
      for (const address of addresses) expect(address).toMatch(/^(0{16}F{4}0{4}|0{16}0000FFFF)?0100007F$/);
    }
    const kafka = await connectKafka(first.bootstrapServers);
    const [admin, producer] = [kafka.admin(), kafka.producer()];
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] });
    await producer.connect();
    // A producer whose clock is ahead by a year, as that of a local run can be.
    const timestamp = String(Date.now() + 365 * 86_400_000);
    await producer.send({ topic: 'kept', messages: [{ key: 'k', value: 'v', timestamp }] });
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    await first.stop();

    const second = await start();
    expect(second.bootstrapServers).toBe(first.bootstrapServers);
    const again = (await connectKafka(second.bootstrapServers)).admin();
    expect(await again.fetchTopicOffsets('kept')).toEqual([{ partition: 0, offset: '1', high: '1', low: '0' }]);
    await again.disconnect();

    process.kill(-second.pid, 'SIGKILL');
    expect((await second.failed).message).toMatch(/^the Kafka broker ended unexpectedly \(SIGKILL\); its log is /);
  });

  test('ends when the process that started it is killed', async () => {
    const parent = spawn(
      process.execPath,
      [
        '-e',
        `const { spawn } = require('node:child_process');
         const child = spawn('python3', ['-B', ${JSON.stringify(path.join(projectDirectory, 'lib/emulator/kafka/launcher.py'))}, 'sleep', '600'],
           { detached: true, stdio: ['pipe', 'inherit', 'inherit'] });
         console.log(child.pid);
         setInterval(() => undefined, 1000);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const group = Number(
      await new Promise<string>((resolve) => parent.stdout.once('data', (text) => resolve(String(text)))),
    );
    const isAlive = (): boolean => {
      try {
        process.kill(-group, 0);
        return true;
      } catch {
        return false;
      }
    };
    expect(isAlive()).toBe(true);
    parent.kill('SIGKILL');
    while (isAlive()) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  test('is not started with a folder of settings that it refuses, and says why', async () => {
    const broken = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-kafka-'));
    fs.writeFileSync(
      path.join(broken, 'server.properties'),
      'process.roles=broker\nadvertised.listeners=PLAINTEXT://127.0.0.1:1\n',
    );
    await expect(startKafkaBroker({ projectDirectory, directory: broken, installation })).rejects.toThrow(
      /^the Kafka broker did not start: .*(ConfigException|FATAL|ERROR|rror).* \(log: /,
    );
    fs.rmSync(broken, { recursive: true });
  });
});

describe('the needs of the Kafka broker', () => {
  test('are Java 17 and Maven, each named with the way to get it', async () => {
    const empty = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-path-'));
    const elsewhere = path.join(empty, 'node_modules', 'tidegate');
    fs.mkdirSync(path.join(elsewhere, 'lib', 'emulator', 'kafka'), { recursive: true });
    fs.writeFileSync(
      path.join(elsewhere, 'lib', 'emulator', 'kafka', 'jars.sha256'),
      `${'0'.repeat(64)}  absent.jar\n`,
    );
    const environment = { PATH: empty };
    await expect(ensureKafka({ projectDirectory: elsewhere, environment })).rejects.toThrow(
      new InputError(
        'the Kafka broker needs Java 17 or newer (java does not run): install one, on Debian or Ubuntu the package ' +
          'openjdk-17-jre-headless, or set JAVA_HOME',
      ),
    );
    const java = path.join(empty, 'java');
    fs.writeFileSync(java, '#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n', { mode: 0o755 });
    expect(await missingForKafka({ projectDirectory: elsewhere, environment })).toMatch(/^Java 17 .*\(java is 11\)/);
    fs.writeFileSync(java, '#!/bin/sh\necho \'openjdk version "21.0.2" 2024-01-16\' >&2\n', { mode: 0o755 });
    expect(await missingForKafka({ projectDirectory: elsewhere, environment })).toBe(
      'Maven, which fetches its jars once (mvn does not run): install it, on Debian or Ubuntu the package maven',
    );
    fs.rmSync(empty, { recursive: true });
  });
});
