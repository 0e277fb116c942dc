'use strict';
// Gives a handler's process the local clock: `Date` and the pauses of handlers follow it, other timers and `performance` stay real.
const speed = Number(process.env.TIDEGATE_CLOCK_SPEED);
if (speed > 0 && !globalThis[Symbol.for('tidegate.clock')]) {
  globalThis[Symbol.for('tidegate.clock')] = { speed };
  const RealDate = Date;
  const startMs = Number(process.env.TIDEGATE_CLOCK_MONOTONIC_START_MS);
  // Not the date of the machine, which may be set back during a run.
  const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6;
  const localStartMs = Number(process.env.TIDEGATE_CLOCK_LOCAL_START_SECONDS) * 1000;
  const now = () => Math.floor(localStartMs + (monotonicMs() - startMs) * speed);
  const LocalDate = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, property) => (property === 'now' ? now : Reflect.get(target, property)),
  });
  RealDate.prototype.constructor = LocalDate;
  globalThis.Date = LocalDate;
}
