import type { Fact } from '../../lib/preflight/contract';

/** Reads one fact. A refusal or a silent service makes it unknown, with the permission that was needed. */
export async function fact<Value>(action: string, read: () => Promise<Value>): Promise<Fact<Value>> {
  try {
    return { kind: 'known', value: await read() };
  } catch (error) {
    const { name, message } = error as Error;
    return { kind: 'unknown', action, reason: `${action} could not be read: ${name}: ${message.split('\n')[0]}` };
  }
}

/** Returns null for an error of a name, which says that there is no such thing. */
export async function orNull<Value>(errorName: string, read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if ((error as Error).name === errorName) return null;
    throw error;
  }
}
