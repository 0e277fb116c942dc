import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { promisify } from 'node:util';

/** Entry of the process list. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly residentKib: number;
}

/** Resident memory of a process and all its descendants, MiB. Shared pages count once for every process. */
export function treeMemoryMib(processes: readonly ProcessEntry[], rootPid: number): number {
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of processes) children.set(entry.parent, [...(children.get(entry.parent) ?? []), entry]);
  let kib = processes.find(({ pid }) => pid === rootPid)?.residentKib ?? 0;
  const waiting = [rootPid];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    for (const child of children.get(pid) ?? []) {
      kib += child.residentKib;
      waiting.push(child.pid);
    }
  }
  return kib / 1024;
}

/** Lists the processes of this machine, from /proc on Linux and from `ps` elsewhere. */
export async function listProcesses(): Promise<readonly ProcessEntry[]> {
  if (process.platform === 'linux') return listFromProc();
  try {
    const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,rss='], { maxBuffer: 8 * 1024 * 1024 });
    return stdout.split('\n').flatMap((line) => {
      const [pid, parent, residentKib] = line.trim().split(/\s+/).map(Number);
      return pid && parent !== undefined && residentKib !== undefined ? [{ pid, parent, residentKib }] : [];
    });
  } catch {
    return [];
  }
}

function listFromProc(): readonly ProcessEntry[] {
  return fs.readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const status = fs.readFileSync(`/proc/${name}/status`, 'utf8');
      const field = (label: string): number => Number(new RegExp(`^${label}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      return [{ pid: Number(name), parent: field('PPid'), residentKib: field('VmRSS') }];
    } catch {
      return []; // the process has ended
    }
  });
}

/** Measures the memory of this process and its descendants periodically and keeps the peak. */
export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;
  private peak = 0;

  public constructor(intervalMs = 500, rootPid = process.pid) {
    const measure = async (): Promise<void> => {
      this.peak = Math.max(this.peak, treeMemoryMib(await listProcesses(), rootPid));
    };
    void measure();
    this.timer = setInterval(() => void measure(), intervalMs);
    this.timer.unref();
  }

  /** Peak, MiB; null where processes cannot be listed. */
  public peakMib(): number | null {
    return this.peak > 0 ? Math.round(this.peak) : null;
  }

  public stop(): void {
    clearInterval(this.timer);
  }
}
