export { startSidecar, type Sidecar, type SidecarOptions } from './sidecar';
export type * from './snapshot';
