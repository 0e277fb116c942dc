import type { EpochSeconds } from '../../core/time';
import type { DeniedCall } from '../../emulator/engine/engine';
import { pause } from '../../emulator/repeat';
import type { LocalPlatform } from '../deploy/local-platform';
import type { Recorder } from '../recorder';

/** Delay after the first denied call, so that the report has the other ones of the same kind. */
const COLLECT_MS = 3000;

/** A call was denied: the deployed permissions are incomplete, so the traffic ends early. */
export class DeniedError extends Error {}

/** One sentence on a denied call. */
export function deniedText({ principal, action, resource }: DeniedCall): string {
  return `access denied: ${principal} may not ${action} on ${resource}`;
}

/** Aborts the traffic with a {@link DeniedError} if a call was denied. */
export async function haltOnDenied(
  platform: LocalPlatform,
  recorder: Recorder,
  anchor: EpochSeconds,
  halt: AbortController,
): Promise<void> {
  if (halt.signal.aborted) return;
  const [first] = await platform.deniedCalls();
  if (first === undefined) return;
  recorder.event(first.atSeconds - anchor, 'problem', deniedText(first));
  await pause(COLLECT_MS, halt.signal);
  halt.abort(new DeniedError(deniedText(first)));
}
