export { startEmulator, type EmulatorOptions, type RunningEmulator } from './start-emulator';
export type { CapacityState } from '../simulation/fleet';
export type * from './snapshot';
