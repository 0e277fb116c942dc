import type { ModelServerKind } from './model-server-process';
import { TRITON } from './triton/triton';

/** What `--server` can name. */
export const MODEL_SERVERS = { triton: TRITON } as const satisfies {
  readonly [name: string]: ModelServerKind;
};

export type ModelServerName = keyof typeof MODEL_SERVERS;

export const MODEL_SERVER_NAMES = Object.keys(MODEL_SERVERS) as readonly ModelServerName[];
