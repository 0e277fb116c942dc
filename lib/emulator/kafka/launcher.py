"""Runs a Kafka broker that ends with its parent: when standard input closes, by SIGTERM and after the grace period by SIGKILL."""

import ctypes
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 10
SET_PARENT_DEATH_SIGNAL = 1


def die_with_launcher() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def main() -> int:
    try:
        broker = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=die_with_launcher)
    except OSError as error:
        sys.exit(f"tidegate-kafka: {sys.argv[1]}: {error.strerror}")

    def end(*_) -> None:
        broker.terminate()
        late = threading.Timer(GRACE_SECONDS, broker.kill)
        late.daemon = True
        late.start()

    def end_with_parent() -> None:
        while os.read(0, 4096):
            pass
        end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    threading.Thread(target=end_with_parent, daemon=True).start()
    return abs(broker.wait())


if __name__ == "__main__":
    sys.exit(main())
