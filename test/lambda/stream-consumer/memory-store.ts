import type { DeletingStore } from '../../../lambda/clients/object-store';
import { parseResultLine, type RecordResult } from '../../../lib/ingestion/contract';

/** A bucket in memory, with the conditional writes and the order of listings of S3. */
export class MemoryStore implements DeletingStore {
  public readonly objects = new Map<string, string>();
  /** Bytes of the objects that were written as bytes. */
  public readonly bytes = new Map<string, Uint8Array>();
  /** Called before each write; throws to let the write fail. */
  public beforePut: (key: string) => void = () => undefined;
  /** Called after each write; throws to let its response get lost. */
  public afterPut: (key: string) => void = () => undefined;
  /** Called before each deletion; throws to let it fail. */
  public beforeDelete: (key: string) => void = () => undefined;
  public gets = 0;
  private readonly folders = new Map<string, string[]>();

  public async put(key: string, body: string | Uint8Array): Promise<void> {
    this.beforePut(key);
    this.store(key, body);
    this.afterPut(key);
  }

  public async putNew(key: string, body: string): Promise<boolean> {
    this.beforePut(key);
    if (this.objects.has(key)) return false;
    this.store(key, body);
    this.afterPut(key);
    return true;
  }

  public async get(key: string): Promise<string | undefined> {
    this.gets += 1;
    return this.objects.get(key);
  }

  public async delete(key: string): Promise<void> {
    this.beforeDelete(key);
    this.objects.delete(key);
    this.bytes.delete(key);
    const names = this.folders.get(key.slice(0, key.lastIndexOf('/') + 1)) ?? [];
    const at = names.indexOf(key);
    if (at >= 0) names.splice(at, 1);
  }

  public async keysAfter(prefix: string, after: string): Promise<readonly string[]> {
    // A prefix above several folders has fewer objects in tests than one of results.
    const names = this.folders.get(prefix) ?? this.keysBelow(prefix);
    const start = place(names, after);
    return names.slice(names[start] === after ? start + 1 : start, start + 1000);
  }

  public keysBelow(prefix: string): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** All result lines, in order of object name, repetitions included. */
  public lines(): RecordResult[] {
    return this.keysBelow('results/').flatMap((key) =>
      this.objects.get(key)!.trimEnd().split('\n').map(parseResultLine),
    );
  }

  /** The ids of the answered records, repetitions included. */
  public resultIds(): string[] {
    return this.lines()
      .filter(({ deadLetter }) => deadLetter === null)
      .map(({ id }) => id);
  }

  /** The ids of the records that became dead letters, repetitions included. */
  public deadLetterIds(): string[] {
    return this.lines()
      .filter(({ deadLetter }) => deadLetter !== null)
      .map(({ id }) => id);
  }

  private store(key: string, body: string | Uint8Array): void {
    if (!this.objects.has(key)) {
      const folder = key.slice(0, key.lastIndexOf('/') + 1);
      const names = this.folders.get(folder) ?? [];
      names.splice(place(names, key), 0, key);
      this.folders.set(folder, names);
    }
    if (typeof body !== 'string') this.bytes.set(key, body);
    this.objects.set(key, typeof body === 'string' ? body : Buffer.from(body).toString('latin1'));
  }
}

/** Index of the first name that is not before a text. */
function place(names: readonly string[], text: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
