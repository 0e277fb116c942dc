import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { KAFKA_VERSION } from '../../../lib/emulator/kafka/kafka-jars';
import { stateDirectory } from '../../../lib/emulator/state-directory';
import { projectDirectory } from '../../architecture/imports';

/** Program that this machine lacks for a real Kafka broker; undefined when it has all. */
export const MISSING_KAFKA = missing();

function missing(): string | undefined {
  const version = /version "(\d+)/.exec(spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr ?? '')?.[1];
  if (version === undefined || Number(version) < 17)
    return 'Java 17 for the Kafka broker: apt-get install openjdk-17-jre-headless';
  if (fs.existsSync(path.join(stateDirectory(projectDirectory), `kafka-${KAFKA_VERSION}`))) return undefined;
  if (spawnSync('mvn', ['-v']).status !== 0) return 'Maven for the Kafka broker: apt-get install maven';
  return undefined;
}
