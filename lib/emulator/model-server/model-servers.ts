import type { ModelServerKind } from './model-server-process';
import { ONNX } from './onnx/onnx';
import { TORCHSERVE } from './torchserve/torchserve';
import { TRITON } from './triton/triton';

/** Model servers by the value of `--server`. */
export const MODEL_SERVERS = { triton: TRITON, torchserve: TORCHSERVE, onnx: ONNX } as const satisfies {
  readonly [name: string]: ModelServerKind;
};

export type ModelServerName = keyof typeof MODEL_SERVERS;

export const MODEL_SERVER_NAMES = Object.keys(MODEL_SERVERS) as readonly ModelServerName[];
