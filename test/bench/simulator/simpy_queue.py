"""The bench's queue as a SimPy model: instances with slots, each request to the one with the fewest requests.

usage: simpy_queue.py INSTANCES SLOTS REQUESTS_PER_SECOND MEAN_SERVICE_SECONDS REQUESTS
Prints one line of JSON: requests, seconds, requestsPerSecond, meanWaitSeconds.
"""

import json
import random
import sys
import time

import simpy


def main() -> None:
    instances, slots = int(sys.argv[1]), int(sys.argv[2])
    rate, mean_service, requests = float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    draw = random.Random(1)
    environment = simpy.Environment()
    fleet = [simpy.Resource(environment, capacity=slots) for _ in range(instances)]
    waited = 0.0

    def load(instance: simpy.Resource) -> int:
        return instance.count + len(instance.queue)

    def request():
        nonlocal waited
        arrived = environment.now
        instance = min(fleet, key=load)
        with instance.request() as slot:
            yield slot
            waited += environment.now - arrived
            yield environment.timeout(draw.expovariate(1 / mean_service))

    def arrivals():
        for _ in range(requests):
            yield environment.timeout(draw.expovariate(rate))
            environment.process(request())

    began = time.perf_counter()
    environment.process(arrivals())
    environment.run()
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "requests": requests,
                "seconds": seconds,
                "requestsPerSecond": requests / seconds,
                "meanWaitSeconds": waited / requests,
            }
        )
    )


main()
