"""Drives the service of the component without Greengrass: a model, a stream and an endpoint that the test names, and the real store.

    python drive_service.py COMPONENT STORE PLAN

The plan is JSON: `requests` (payloads as texts), `online` (true for a stream that takes all), `answer` (body with which an endpoint answers; without it there
is none), `end` (`kill` for SIGKILL). Prints what happened as JSON.
"""

import io
import json
import os
import signal
import sys
import time

component, folder, plan = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(0, component)
from cloud import Endpoint, Offline  # noqa: E402
from service import Service, Settings  # noqa: E402
from store import open_store  # noqa: E402

DEADLINE_SECONDS = 90


class Model:
    """Answers with the first feature as the confidence; its arithmetic overflows above a million."""

    version, labels, features = "v1", ["a", "b"], 2

    def answers(self, rows):
        return [("a", float("nan") if abs(row[0]) > 1e6 else float(row[0])) for row in rows]


class Home:
    def __init__(self):
        self.responses = []

    def respond(self, response):
        self.responses.append(response)

    def publish_metrics(self, _document):
        return True


class Stream:
    def __init__(self, online):
        self.online, self.lines = online, []

    def put(self, batch):
        if not self.online:
            raise Offline("no network")
        self.lines += [line.decode() for _, line in batch]
        return [identity for identity, _ in batch]


class Client:
    """Client of an endpoint that keeps the calls."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def invoke_endpoint(self, **call):
        self.calls.append({name: value for name, value in call.items() if name != "Body"})
        return {"Body": io.BytesIO(self.answer.encode())}


store, _ = open_store(folder, 6 << 20, "least-useful")
endpoint = None
if "answer" in plan:
    endpoint = Endpoint("endpoint", "us-east-1", 3, Model.labels, Model.features)
    endpoint.client = Client(plan["answer"])
stream, home = Stream(plan.get("online", False)), Home()
service = Service(Settings({"forwardIntervalSeconds": 0.1, "metricsIntervalSeconds": 1}), Model(), store, endpoint, stream, home, "device")
service.start()
for payload in plan["requests"]:
    while service.requests.qsize() > 5_000:
        time.sleep(0.01)
    service.receive(payload)
deadline = time.monotonic() + DEADLINE_SECONDS


def is_idle():
    waits = service.requests.qsize() > 0 or service.asked or len(home.responses) < len(plan["requests"])
    return not waits and not (stream.online and store.usage()[0])


while not is_idle() and not service.stopping.is_set() and time.monotonic() < deadline:
    time.sleep(0.05)
result = {
    "failure": None if service.failure is None else repr(service.failure),
    "responses": home.responses,
    "landed": stream.lines,
    "counts": store.counts(),
    "calls": endpoint.client.calls if endpoint else [],
}
if plan.get("end") == "kill":
    print(json.dumps(result), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
service.stop()
print(json.dumps(result), flush=True)
os._exit(0)
