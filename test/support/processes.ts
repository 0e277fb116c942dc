import * as fs from 'node:fs';

/** The process whose command line has all the fragments, but not the launcher that started it; throws when there is none. */
export function processOf(...fragments: readonly string[]): number {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return !line.includes('/launcher.py ') && fragments.every((fragment) => line.includes(fragment));
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no process has ${fragments.join(' and ')} in its command line`);
  return Number(found);
}

/** The network namespace of a process. */
export const networkOf = (pid: number | 'self'): string => fs.readlinkSync(`/proc/${pid}/ns/net`);

/** True if a process exists and has not ended. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The ports on which something listens at every address, in the network of a process. */
export function openPorts(pid: number): readonly number[] {
  return ['tcp', 'tcp6'].flatMap((family) =>
    fs
      .readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const match = /^\s*\d+: (0+|0{20}FFFF0{8}):([0-9A-F]{4}) \S+ 0A /.exec(line);
        return match === null ? [] : [Number.parseInt(match[2]!, 16)];
      }),
  );
}
