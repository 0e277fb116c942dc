import { findInstanceType, unknownInstanceType } from '../../catalog/instance-types';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import type { CapacityState } from '../../simulation/fleet';

type Listener = (instanceType: string, state: CapacityState, at: EpochSeconds) => void;

/** Availability of new instances, by type; every type is available until it is set otherwise. */
export class Capacity {
  private readonly states = new Map<string, CapacityState>();
  private readonly listeners: Listener[] = [];

  public onChange(listener: Listener): void {
    this.listeners.push(listener);
  }

  public of(instanceType: string): CapacityState {
    return this.states.get(instanceType) ?? 'available';
  }

  /** Sets the availability of new instances of a type; running instances stay. */
  public set(instanceType: string, state: CapacityState, at: EpochSeconds): void {
    if (findInstanceType(instanceType) === undefined) throw new InputError(unknownInstanceType(instanceType));
    if (this.of(instanceType) === state) return;
    this.states.set(instanceType, state);
    for (const listener of this.listeners) listener(instanceType, state, at);
  }

  public snapshot(): { readonly [instanceType: string]: CapacityState } {
    return Object.fromEntries(this.states);
  }
}
