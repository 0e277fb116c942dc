"""When the cloud is asked again after it did not answer."""

import math
import threading
import time


class Backoff:
    """
    Times of the next attempts after failures: twice as late each time, up to a minute. Calls that fail side by side are one failure, so that after
    an outage the next attempt comes at most as much later as the outage was long.
    """

    def __init__(self, clock=time.monotonic, first=0.5, longest=60.0):
        self.clock, self.first, self.longest = clock, first, longest
        self.lock = threading.Lock()
        self.failures = 0
        self.counted = -math.inf
        self.until = -math.inf

    def is_open(self):
        return self.clock() >= self.until

    def failed(self, began):
        """Counts the failure of a call that began at a time of the clock, unless the call began before the last counted failure."""
        with self.lock:
            if began < self.counted:
                return
            self.failures += 1
            self.counted = self.clock()
            self.until = self.counted + min(self.longest, self.first * 2 ** min(self.failures - 1, 16))

    def succeeded(self):
        with self.lock:
            self.failures = 0
            self.until = -math.inf
