"""One clock for the whole engine, a fixed factor faster than the machine's.

`install()` replaces the wall-clock functions of `time` and `datetime`. It must run before ministack is imported, because
its modules take `datetime` by value. `time.monotonic`, `asyncio.sleep` and `Event.wait` stay real: time-outs and polling
intervals are real seconds.
"""

import datetime
import os
import sys
import time

# The clock of Node.js: it never goes back, whatever is done to the date of the machine, and runs on while a Mac sleeps.
if sys.platform == "darwin":
    def monotonic() -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
else:
    monotonic = time.monotonic
real_sleep = time.sleep
_real_datetime = datetime.datetime

_start = float(os.environ.get("TIDEGATE_CLOCK_MONOTONIC_START_MS") or monotonic() * 1000) / 1000
_local_start = float(os.environ.get("TIDEGATE_CLOCK_LOCAL_START_SECONDS") or time.time())
speed = float(os.environ.get("TIDEGATE_CLOCK_SPEED") or 1)


def now() -> float:
    """Local time, in seconds since the epoch."""
    return _local_start + (monotonic() - _start) * speed


def reading() -> dict:
    """A moment on the machine's clock and on the local one, and the speed: every process of this machine has the same clock."""
    at = monotonic()
    return {"monotonicMs": at * 1000, "localSeconds": _local_start + (at - _start) * speed, "speed": speed}


class _LocalDatetimeType(type):
    def __instancecheck__(cls, value):
        return isinstance(value, _real_datetime)

    def __subclasscheck__(cls, other):
        return issubclass(other, _real_datetime)


class LocalDatetime(_real_datetime, metaclass=_LocalDatetimeType):
    """`datetime.datetime` on the local clock."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(now(), tz)

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(now(), datetime.timezone.utc).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.fromtimestamp(now())


def install() -> None:
    """Replaces the wall clock of this process by the local clock."""
    gmtime, localtime, ctime, strftime = time.gmtime, time.localtime, time.ctime, time.strftime
    time.time = now
    time.time_ns = lambda: int(now() * 1_000_000_000)
    time.sleep = lambda seconds: real_sleep(max(0.0, seconds) / speed)
    time.gmtime = lambda seconds=None: gmtime(now() if seconds is None else seconds)
    time.localtime = lambda seconds=None: localtime(now() if seconds is None else seconds)
    time.ctime = lambda seconds=None: ctime(now() if seconds is None else seconds)
    time.strftime = lambda form, moment=None: strftime(form, localtime(now()) if moment is None else moment)
    datetime.datetime = LocalDatetime
