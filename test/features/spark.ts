import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

const REQUIREMENTS = path.join(__dirname, 'requirements.txt');
const [, PYSPARK_VERSION] = /^pyspark==(\S+)/m.exec(fs.readFileSync(REQUIREMENTS, 'utf8'))!;
const JOB = path.join(projectDirectory, 'lib', 'features', 'assets', 'features_job.py');
const INSTALL_TIMEOUT_MS = 1_200_000;

/** Real Spark on this machine, or what is missing for it. */
export type LocalSpark = { readonly python: string } | { readonly missing: string };

/**
 * Finds Java, and PySpark in the user's cache, where it is installed once: 434 MB.
 *
 * An interpreter in PYSPARK_PYTHON_WITH_SPARK is used as it is, for another version of Spark.
 */
export function localSpark(environment: NodeJS.ProcessEnv = process.env): LocalSpark {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(java.stderr ?? '')?.[1];
  if (version === undefined || Number(version) < 17)
    return { missing: 'Java 17 for Spark: apt-get install openjdk-17-jre-headless' };
  const given = environment.PYSPARK_PYTHON_WITH_SPARK;
  if (given !== undefined) return { python: given };
  const cache = path.join(environment.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'tidegate');
  const home = path.join(cache, `pyspark-${PYSPARK_VERSION}`);
  const python = path.join(home, 'bin', 'python');
  if (imports(python)) return { python };
  return install(cache, home) && imports(python)
    ? { python }
    : { missing: `pyspark ${PYSPARK_VERSION}, which could not be installed: check the network and pip config list` };
}

function imports(python: string): boolean {
  const check = `import pyspark; assert pyspark.__version__ == ${JSON.stringify(PYSPARK_VERSION)}`;
  return spawnSync(python, ['-c', check], { timeout: 120_000 }).status === 0;
}

function install(cache: string, home: string): boolean {
  fs.mkdirSync(cache, { recursive: true });
  const building = fs.mkdtempSync(path.join(cache, 'pyspark-building-'));
  const run = (command: string, ...parts: string[]): boolean =>
    spawnSync(command, parts, { timeout: INSTALL_TIMEOUT_MS }).status === 0;
  const installed =
    run(process.env.PYTHON ?? 'python3', '-m', 'venv', building) &&
    run(
      path.join(building, 'bin', 'python'),
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--disable-pip-version-check'],
      ...['-r', REQUIREMENTS],
    );
  if (installed) {
    fs.rmSync(home, { recursive: true, force: true });
    fs.renameSync(building, home);
  }
  fs.rmSync(building, { recursive: true, force: true });
  return installed;
}

/** End of a run of the job. */
export interface SparkRun {
  readonly status: number | null;
  readonly output: string;
}

const SPARK = [
  '--master local[2] --driver-memory 2g',
  // A run is short: what Java's second compiler and a collector with threads of its own take is never won back.
  "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'",
  ...[
    'spark.ui.enabled=false',
    'spark.ui.showConsoleProgress=false',
    'spark.driver.bindAddress=127.0.0.1',
    'spark.driver.host=127.0.0.1',
    'spark.sql.shuffle.partitions=4',
  ].map((property) => `--conf ${property}`),
  'pyspark-shell',
].join(' ');

/** Moment at which a run kills itself and its Java process: when it prints a message, or after some copies of files. */
export type KilledAt = { readonly message: string } | { readonly copies: number };

/** Runs the job of a folder, and kills its process group at the moment that is given. */
const KILLING = `
import itertools, os, signal, sys
sys.path.insert(0, sys.argv[1])
import features_job as job
message, copies, counted = sys.argv[2], int(sys.argv[3]), itertools.count(1)
progress, copy = job.progress, job.Store.copy
def progress_and_die(text, **values):
    progress(text, **values)
    if text == message:
        os.killpg(0, signal.SIGKILL)
def copy_and_die(store, source, target):
    if next(counted) == copies:
        os.killpg(0, signal.SIGKILL)
    copy(store, source, target)
job.progress, job.Store.copy = progress_and_die, copy_and_die
sys.exit(job.main(sys.argv[4:]))
`;

/** Runs the features job, to its end or until it is killed. */
export async function runFeaturesJob(python: string, parts: readonly string[], killed?: KilledAt): Promise<SparkRun> {
  const program =
    killed === undefined
      ? [JOB]
      : [
          ...['-c', KILLING, path.dirname(JOB)],
          'message' in killed ? killed.message : '',
          'copies' in killed ? String(killed.copies) : '0',
        ];
  const child = spawn(python, [...program, ...parts], {
    detached: true,
    env: { ...process.env, PYSPARK_SUBMIT_ARGS: SPARK, PYSPARK_PYTHON: python, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, output };
}
