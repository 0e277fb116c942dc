"""Answers requests on the device first, keeps the results, and brings them and the metrics home."""

import concurrent.futures
import json
import math
import queue
import re
import threading
import time
import uuid

from backoff import Backoff
from cloud import MAX_CALL_BYTES, MAX_RECORDS, Offline, Refused
from store import StoreFull

# Requests that are answered and committed together.
MAX_BATCH = 64
MAX_WAITING = 10_000
# Requests that the endpoint is asked about at the same time.
MAX_ASKED = 8
MAX_ID_LENGTH = 200
# Larger numbers are infinite in the float32 of the model.
MAX_FEATURE = 3.4e38


class RequestError(Exception):
    """The request cannot be answered; the message says the reason."""


def log(text):
    print(text, flush=True)


def parsed(payload, features):
    """Request of a message: (id, features, True if the cloud endpoint is asked for)."""
    try:
        request = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise RequestError("the request is not an object with features")
    identity = request.get("id") or str(uuid.uuid4())
    # Half of a pair of code units alone is no text that the store can write.
    if not isinstance(identity, str) or len(identity) > MAX_ID_LENGTH or re.search("[\ud800-\udfff]", identity):
        raise RequestError(f"id must be a text of at most {MAX_ID_LENGTH} characters")
    row = request.get("features")
    if not isinstance(row, list) or len(row) != features or not all(is_feature(one) for one in row):
        raise RequestError(f"{identity}: features must be {features} numbers of at most {MAX_FEATURE:g}")
    return identity, row, request.get("cloud") is True


def is_feature(value):
    """True for a number that float32 holds; an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_FEATURE <= value <= MAX_FEATURE


class Settings:
    """Configuration of the component; numbers are texts, as Greengrass's documentation recommends."""

    def __init__(self, values):
        get = values.get
        self.fleet = str(get("fleet", "fleet"))
        self.namespace = str(get("metricsNamespace", "Tidegate"))
        self.threshold = float(get("confidenceThreshold", 0.8))
        self.store_bytes = int(float(get("storeMaxBytes", 64 << 20)))
        self.drop_policy = str(get("dropPolicy", "least-useful"))
        self.requests_topic = str(get("requestTopic"))
        self.responses_topic = str(get("responseTopic"))
        self.metrics_topic = str(get("metricsTopic"))
        self.forward_seconds = float(get("forwardIntervalSeconds", 5))
        self.metrics_seconds = float(get("metricsIntervalSeconds", 60))
        self.endpoint = str(get("endpointName", "") or "")
        self.endpoint_seconds = float(get("endpointTimeoutSeconds", 3))
        self.stream = str(get("streamName", "") or "")
        self.region = str(get("region", "") or "")
        self.gated = str(get("gated", "true")).lower() != "false"


class Service:
    """
    Threads: the receiver (of the IPC client) queues requests, the worker answers them, the forwarder talks to the cloud. The store is used under a
    lock, never during a call of the network.
    """

    def __init__(self, settings, model, store, endpoint, stream, home, device):
        self.settings, self.model, self.store = settings, model, store
        self.endpoint, self.stream, self.home, self.device = endpoint, stream, home, device
        self.requests = queue.Queue(MAX_WAITING)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.wake = threading.Event()
        self.latencies = []
        # Requests that the endpoint is asked about, and counts that the disk had no room for.
        self.asked = set()
        self.unsaved = {}
        self.next_warning = 0.0
        self.askers = concurrent.futures.ThreadPoolExecutor(MAX_ASKED, thread_name_prefix="asker")
        self.threads = [
            threading.Thread(target=self.guarded(self.work), name="worker"),
            threading.Thread(target=self.guarded(self.forward_all), name="forwarder"),
        ]
        self.failure = None
        self.stream_backoff = Backoff()

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        self.wake.set()
        worker, forwarder = self.threads
        worker.join()
        self.askers.shutdown()
        forwarder.join()

    def guarded(self, work):
        def run():
            try:
                work()
            except BaseException as error:  # the process ends, and Greengrass starts it again
                self.failure = error
                self.stopping.set()
                self.wake.set()

        return run

    def receive(self, payload):
        try:
            self.requests.put_nowait((time.monotonic(), payload))
        except queue.Full:
            self.keep([], {"refused": 1})
            self.home.respond({"error": f"{MAX_WAITING} requests wait already; ask again later"})

    # -----------------------------------------------------------------------------------------------------------------------------
    # Requests

    def work(self):
        while True:
            try:
                first = self.requests.get(timeout=0.2)
            except queue.Empty:
                if self.stopping.is_set():
                    return
                continue
            batch = [first]
            while len(batch) < MAX_BATCH:
                try:
                    batch.append(self.requests.get_nowait())
                except queue.Empty:
                    break
            self.answer(batch)

    def answer(self, batch):
        """Answers what the model is sure of at once; the rest is asked of the endpoint meanwhile."""
        fresh, repeated, refused = {}, [], 0
        for began, payload in batch:
            try:
                identity, row, cloud = parsed(payload, self.model.features)
            except RequestError as error:
                refused += 1
                self.home.respond({"error": str(error)})
                continue
            with self.lock:
                earlier = self.store.response(identity)
                waiting = self.store.line(identity) if earlier is None else None
                is_asked = identity in self.asked
            if waiting is not None:  # longer than answers are remembered
                earlier = line_of(response_of(json.loads(waiting)))
            if earlier is not None:
                repeated.append(earlier)
            if earlier is None and identity not in fresh and not is_asked:
                fresh[identity] = (began, row, cloud)
        now = {"requests": len(fresh), "repeated": len(batch) - len(fresh) - refused, "refused": refused}
        kept = []
        answers = self.model.answers([row for _, row, _ in fresh.values()]) if fresh else []
        for (identity, (began, row, cloud)), (label, confidence) in zip(fresh.items(), answers):
            if not math.isfinite(confidence):
                now["requests"] -= 1
                now["refused"] += 1
                self.home.respond({"error": f"{identity}: the model has no finite answer to these features"})
                continue
            result = self.result(identity, row, label, confidence)
            if self.endpoint is None or (confidence >= self.settings.threshold and not cloud):
                add(now, "answeredAtEdge")
                kept.append((result, began))
            elif not self.endpoint.backoff.is_open():
                add(now, "unsureOffline")
                kept.append(({**result, "source": "edge-unsure"}, began))
            else:
                with self.lock:
                    self.asked.add(identity)
                self.askers.submit(self.ask, result, began)
        self.keep(kept, now)
        for earlier in repeated:
            self.home.respond(json.loads(earlier))

    def result(self, identity, row, label, confidence):
        return {
            "id": identity,
            "device": self.device,
            "at": time.time(),
            "features": row,
            "label": label,
            "confidence": confidence,
            "source": "edge",
            "model": self.model.version,
        }

    def ask(self, result, began):
        try:
            try:
                answer = self.endpoint.ask(result["id"], result["features"])
                self.keep([(answered(result, answer), began)], {"answeredByCloud": 1})
            except Offline:
                self.keep([({**result, "source": "edge-unsure"}, began)], {"unsureOffline": 1})
            except Refused as error:
                log(f"the endpoint refused {result['id']}: {error}")
                self.keep([(result, began)], {"answeredAtEdge": 1, "cloudFailures": 1})
        except BaseException as error:
            self.failure = error
            self.stopping.set()
        finally:
            with self.lock:
                self.asked.discard(result["id"])

    def keep(self, kept, counts):
        """Commits results, then publishes the responses."""
        entries, responses = [], []
        for result, began in kept:
            response = response_of(result)
            responses.append(response)
            entries.append((result["id"], usefulness(result), result["source"] == "edge-unsure", line_of(result), line_of(response)))
            self.latencies.append(time.monotonic() - began)
        with self.lock:
            if not self.save(entries, counts):
                # The answers are right all the same; the results are lost, and counted once the disk has room again.
                for name, amount in [*counts.items(), ("dropped", len(entries))]:
                    self.unsaved[name] = self.unsaved.get(name, 0) + amount
                responses = [{**response, "stored": False} for response in responses]
            elif self.unsaved and self.save([], self.unsaved):
                self.unsaved = {}
        for response in responses:
            self.home.respond(response)
        if entries:
            self.wake.set()

    def save(self, entries, counts):
        try:
            dropped = self.store.add(entries, counts)
        except StoreFull as error:
            if time.monotonic() >= self.next_warning:
                self.next_warning = time.monotonic() + 60
                log(str(error))
            return False
        if dropped > 0 and time.monotonic() >= self.next_warning:
            self.next_warning = time.monotonic() + 60
            log("the store is full: waiting results are dropped, and counted")
        return True

    # -----------------------------------------------------------------------------------------------------------------------------
    # The way home

    def forward_all(self):
        next_metrics = time.monotonic() + min(1.0, self.settings.metrics_seconds)
        while not self.stopping.is_set():
            self.wake.wait(self.settings.forward_seconds)
            self.wake.clear()
            self.settle_waiting()
            while not self.stopping.is_set() and self.forward_batch():
                pass
            if time.monotonic() >= next_metrics:
                next_metrics = time.monotonic() + self.settings.metrics_seconds
                self.publish_metrics()
            # Gathers what comes meanwhile, so that a call carries many records.
            self.stopping.wait(min(self.settings.forward_seconds, 0.5))
        self.forward_batch()
        self.publish_metrics()

    def settle_waiting(self):
        """Asks the endpoint for the results that waited for it while the device was offline."""
        while self.endpoint is not None and self.endpoint.backoff.is_open() and not self.stopping.is_set():
            with self.lock:
                waiting = self.store.waiting_for_cloud(MAX_BATCH)
            if not waiting:
                return
            for identity, line in waiting:
                result = json.loads(line)
                try:
                    settled, counts = answered(result, self.endpoint.ask(identity, result["features"])), {"answeredByCloud": 1}
                except Offline:
                    return
                except Refused as error:
                    log(f"the endpoint refused {identity}: {error}")
                    settled, counts = {**result, "source": "edge"}, {"cloudFailures": 1, "answeredAtEdge": 1}
                response = response_of(settled)
                with self.lock:
                    self.store.settle(identity, line_of(settled), line_of(response), counts)
                self.home.respond({**response, "late": True})

    def forward_batch(self):
        """Puts one batch of results into the stream; returns True where more may follow at once."""
        if self.stream is None or not self.stream_backoff.is_open():
            return False
        with self.lock:
            batch = self.store.batch(MAX_RECORDS, MAX_CALL_BYTES)
        if not batch:
            return False
        began = self.stream_backoff.clock()
        try:
            landed = self.stream.put(batch)
        except Offline as error:
            self.stream_backoff.failed(began)
            if self.stream_backoff.failures == 1:
                log(f"offline: results wait on the disk ({error})")
            return False
        if landed:
            with self.lock:
                self.store.forwarded(landed)
        if len(landed) < len(batch):  # the stream is throttled
            self.stream_backoff.failed(began)
            return False
        if self.stream_backoff.failures > 0:
            log("online again")
        self.stream_backoff.succeeded()
        return len(batch) > 1

    def publish_metrics(self):
        with self.lock:
            if self.store.is_small():
                self.store.reserve()
            since, totals = self.store.unpublished()
            waiting, used = self.store.usage()
        latencies, self.latencies = self.latencies, []
        document = metrics_document(self.settings, self.device, self.model.version, since, {
            "waiting": waiting, "usedBytes": used, "capacityBytes": self.store.capacity_bytes, "latencies": latencies, "at": time.time(),
        })
        if self.home.publish_metrics(document):
            with self.lock:
                self.store.set_published(totals)


def add(counts, name):
    counts[name] = counts.get(name, 0) + 1


def response_of(result):
    return {name: result[name] for name in ("id", "label", "confidence", "source", "model")}


def usefulness(result):
    """Usefulness of a result for the next training: a confident answer teaches little, one that the cloud has to correct most."""
    return (2.0 if result["source"] == "edge-unsure" else 1.0) - result["confidence"]


def answered(result, answer):
    label, confidence = answer
    return {
        **result,
        "label": label,
        "confidence": confidence,
        "source": "cloud",
        "edgeLabel": result["label"],
        "edgeConfidence": result["confidence"],
    }


def line_of(value):
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def metrics_document(settings, device, model, since, now):
    """
    Metrics in CloudWatch's embedded metric format, which the log group of the fleet turns into metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    asked = since["answeredByCloud"] + since["cloudFailures"]
    values = {
        "EdgeHeartbeats": (1, "Count"),
        "EdgeRequests": (since["requests"], "Count"),
        "EdgeAnswered": (since["answeredAtEdge"], "Count"),
        "EdgeAskedCloud": (asked, "Count"),
        "EdgeUnsureOffline": (since["unsureOffline"], "Count"),
        "EdgeForwarded": (since["forwarded"], "Count"),
        "EdgeDropped": (since["dropped"], "Count"),
        "EdgeRefused": (since["refused"], "Count"),
        "EdgeCloudFailures": (since["cloudFailures"], "Count"),
        "EdgeWaiting": (now["waiting"], "Count"),
        "EdgeStoreUsed": (round(100 * now["usedBytes"] / max(1, now["capacityBytes"]), 2), "Percent"),
    }
    latencies = sorted(now["latencies"])
    if latencies:
        values["EdgeLatency"] = (round(1000 * latencies[len(latencies) // 2], 3), "Milliseconds")
    return {
        "_aws": {
            "Timestamp": int(now["at"] * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": settings.namespace,
                    "Dimensions": [["Fleet"]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
                }
            ],
        },
        "Fleet": settings.fleet,
        "Device": device,
        "Model": model,
        **{name: value for name, (value, _) in values.items()},
    }
