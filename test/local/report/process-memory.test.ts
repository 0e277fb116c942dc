import { listProcesses, MemoryWatch, treeMemoryMib } from '../../../lib/local/report/process-memory';

describe('treeMemoryMib', () => {
  test('adds up a process and all below it, and nothing beside it', () => {
    const processes = [
      { pid: 1, parent: 0, residentKib: 10_240 },
      { pid: 2, parent: 1, residentKib: 1024 },
      { pid: 3, parent: 2, residentKib: 2048 },
      { pid: 4, parent: 1, residentKib: 4096 },
    ];
    expect(treeMemoryMib(processes, 2)).toBe(3); // 1 + 2 MiB
    expect(treeMemoryMib(processes, 1)).toBe(17); // 10 + 1 + 2 + 4 MiB
    expect(treeMemoryMib(processes, 9)).toBe(0);
  });
});

describe('MemoryWatch', () => {
  test('sees this very process', async () => {
    expect((await listProcesses()).some(({ pid }) => pid === process.pid)).toBe(true);
    const watch = new MemoryWatch(5);
    await new Promise((resolve) => setTimeout(resolve, 60));
    watch.stop();
    expect(watch.peakMib()).toBeGreaterThan(20);
  });
});
