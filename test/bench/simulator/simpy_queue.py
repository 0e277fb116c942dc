"""The bench's queue as a SimPy model: instances with slots, each request to the one with the fewest requests, of several the one freed last.

usage: simpy_queue.py INSTANCES SLOTS FILE
FILE holds the arrivals and then the service times of all requests, as doubles of this machine.
Prints one line of JSON: requests, seconds, requestsPerSecond, meanWaitSeconds.
"""

import array
import json
import sys
import time

import simpy


def main() -> None:
    instances, slots = int(sys.argv[1]), int(sys.argv[2])
    values = array.array("d")
    with open(sys.argv[3], "rb") as file:
        values.frombytes(file.read())
    requests = len(values) // 2
    environment = simpy.Environment()
    fleet = [simpy.Resource(environment, capacity=slots) for _ in range(instances)]
    # Instances by their number of requests; the last of a list is the next to be chosen.
    by_load: list[list[int]] = [list(range(instances))[::-1]]
    waited = 0.0

    def load(instance: int) -> int:
        return fleet[instance].count + len(fleet[instance].queue)

    def choose() -> int:
        lowest = next(number for number, members in enumerate(by_load) if members)
        instance = by_load[lowest].pop()
        if lowest + 1 == len(by_load):
            by_load.append([])
        by_load[lowest + 1].insert(0, instance)
        return instance

    def lower(instance: int, before: int) -> None:
        members = by_load[before]
        members[members.index(instance)] = members[0]
        del members[0]
        by_load[before - 1].append(instance)

    def request(index: int):
        nonlocal waited
        arrived = environment.now
        instance = choose()
        with fleet[instance].request() as slot:
            yield slot
            waited += environment.now - arrived
            yield environment.timeout(values[requests + index])
            lower(instance, load(instance))

    def arrivals():
        for index in range(requests):
            yield environment.timeout(values[index] - environment.now)
            environment.process(request(index))

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
