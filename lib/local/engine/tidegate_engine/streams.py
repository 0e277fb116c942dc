"""Kinesis event source mappings as AWS describes them: a poller of our own, one thread per shard and lane.

A lane reads its shard by sequence number, invokes the function with one batch at a time, and moves on only when the batch
succeeded or was handed to the on-failure destination, so order within a key holds and no record is skipped.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

import bisect
import hashlib
import json
import logging
import threading
import time
import uuid

from . import clock
from .permissions import role_denies

logger = logging.getLogger("tidegate.streams")

_POLL_SECONDS = 0.02  # real
_MAX_PAYLOAD_BYTES = 5_500_000  # an invocation takes 6 MB
_MAX_BACKOFF_SECONDS = 60.0  # local
_NEEDED_ACTIONS = ("kinesis:GetShardIterator", "kinesis:GetRecords")

_records_lock = threading.Lock()
_anchors: dict = {}  # (mapping id, first sequence number of a shard) -> last sequence number not to be read
_lanes: dict = {}  # (mapping id, shard id, first sequence number of the shard, lane) -> Lane
_trimmed: dict = {}  # first sequence number of a shard -> records removed from it so far
_lost: dict = {}  # first sequence number of a shard -> records that expired unread


def _after(records: list, sequence_number: str) -> int:
    return bisect.bisect_right(records, sequence_number, key=lambda record: record["SequenceNumber"])


def _lane_of(record: dict, factor: int) -> int:
    return int(hashlib.md5(record["PartitionKey"].encode()).hexdigest()[:8], 16) % factor


class Lane(threading.Thread):
    """One consumer of one shard: the whole shard, or with a parallelization factor the keys of one share of it."""

    def __init__(self, esm, account, region, stream, shard_id, shard, index, factor, position):
        super().__init__(daemon=True, name=f"tidegate-{shard_id}-{index}")
        self.esm, self.account, self.region = esm, account, region
        self.stream, self.shard_id, self.shard, self.index, self.factor = stream, shard_id, shard, index, factor
        self.position = position
        self.discarded = 0
        self._invocations = 0

    # What is waiting

    def queued(self) -> int:
        with _records_lock:
            records = self.shard["records"]
            start = _after(records, self.position)
            if self.factor == 1:
                return len(records) - start
            return sum(1 for record in records[start:] if _lane_of(record, self.factor) == self.index)

    def _pending(self, limit: int) -> list:
        """The next records of this lane, at most `limit` and one invocation's payload."""
        with _records_lock:
            records = self.shard["records"]
            start = _after(records, self.position)
            if self.factor == 1:
                found = records[start:start + limit]
            else:
                found = []
                for record in records[start:]:
                    if _lane_of(record, self.factor) == self.index:
                        found.append(record)
                        if len(found) == limit:
                            break
                if not found and len(records) > start:
                    self.position = records[-1]["SequenceNumber"]
        size = 0
        for count, record in enumerate(found):
            size += len(record["Data"]) + 500
            if size > _MAX_PAYLOAD_BYTES and count:
                return found[:count]
        return found

    def _next_batch(self) -> list:
        limit = int(self.esm.get("BatchSize") or 100)
        batch = self._pending(limit)
        window = float(self.esm.get("MaximumBatchingWindowInSeconds") or 0)
        closes = clock.now() + window
        while batch and len(batch) < limit and clock.now() < closes and self._alive():
            clock.real_sleep(min(_POLL_SECONDS, max(0.0, closes - clock.now()) / clock.speed))
            batch = self._pending(limit)
        return batch

    # Delivery

    def _alive(self) -> bool:
        from ministack.services import lambda_svc

        return lambda_svc._esms._data.get((self.account, self.region, self.esm["UUID"])) is self.esm

    def _removed_shard(self) -> bool:
        return self.stream["shards"].get(self.shard_id) is not self.shard

    def run(self):
        from ministack.core.responses import _request_account_id, _request_region

        _request_account_id.set(self.account)
        _request_region.set(self.region)
        while self._alive():
            try:
                enabled = str(self.esm.get("Enabled", True)).lower() != "false"
                batch = self._next_batch() if enabled else []
                if batch:
                    self._deliver(batch)
                elif self._removed_shard() and not self.queued():
                    return
                else:
                    clock.real_sleep(_POLL_SECONDS)
            except Exception:
                logger.exception("delivery from %s of %s failed; it is tried again", self.shard_id, self.esm["EventSourceArn"])
                clock.real_sleep(1.0)

    def _done(self, records: list) -> None:
        self.position = records[-1]["SequenceNumber"]

    def _deliver(self, batch: list) -> None:
        """Work a batch off in order: (records, failures so far) from the front, halves put back in its place."""
        waiting = [(batch, 0)]
        while waiting and self._alive():
            records, failures = waiting.pop(0)
            records = self._drop_aged(records)
            if not records:
                continue
            outcome = self._invoke(records)
            if outcome is None:  # throttled or not permitted: the function did not see the batch
                waiting.insert(0, (records, failures))
                self._back_off(0)
                continue
            if outcome:
                self._done(records[:outcome])
            self.esm["LastProcessingResult"] = "OK" if outcome == len(records) else "PROBLEM: Function call failed"
            rest = records[outcome:]
            if not rest:
                continue
            bisect_batch = str(self.esm.get("BisectBatchOnFunctionError", False)).lower() == "true"
            retries = int(self.esm.get("MaximumRetryAttempts", -1))
            failures = 1 if outcome else failures + 1
            if bisect_batch and len(rest) > 1:
                # Splitting does not count as a retry; a batch that got somewhere is split where it stopped.
                half = len(rest) if outcome else (len(rest) + 1) // 2
                waiting[0:0] = [(part, 0) for part in (rest[:half], rest[half:]) if part]
                self._back_off(0)
            elif 0 <= retries < failures:
                self._give_up(rest, "RetryAttemptsExhausted", failures)
            else:
                waiting.insert(0, (rest, failures))
                self._back_off(failures - 1)

    def _back_off(self, step: int) -> None:
        clock.real_sleep(max(_POLL_SECONDS, min(_MAX_BACKOFF_SECONDS, 2.0 ** min(step, 6)) / clock.speed))

    def _drop_aged(self, records: list) -> list:
        limit = int(self.esm.get("MaximumRecordAgeInSeconds", -1))
        if limit < 0:
            return records
        oldest = clock.now() - limit
        kept = next((i for i, record in enumerate(records) if record["ApproximateArrivalTimestamp"] >= oldest), len(records))
        if kept:
            self._give_up(records[:kept], "MaximumRecordAgeExceeded", self._invocations)
        return records[kept:]

    def _event(self, records: list, role: str) -> dict:
        from ministack.services.kinesis import _ensure_base64

        return {"Records": [{
            "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"], "data": _ensure_base64(record["Data"]),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis", "eventVersion": "1.0",
            "eventID": f"{self.shard_id}:{record['SequenceNumber']}", "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role, "awsRegion": self.region, "eventSourceARN": self.esm["EventSourceArn"],
        } for record in records]}

    def _function(self):
        from ministack.services import lambda_svc

        function, _ = lambda_svc._get_func_record_for_qualifier(self.esm["FunctionName"], self.esm.get("Qualifier"))
        return function, ((function or {}).get("config") or {})

    def _invoke(self, records: list) -> int | None:
        """How many records from the front succeeded; None when the function could not be invoked."""
        from ministack.services import cloudwatch, lambda_svc

        function, config = self._function()
        role, name = config.get("Role", ""), self.esm["FunctionName"]
        if function is None or any(role_denies(role, name, action, self.esm["EventSourceArn"]) for action in _NEEDED_ACTIONS):
            clock.real_sleep(0.5)
            return None
        event = self._event(records, role)
        event["Records"] = lambda_svc._apply_filter_criteria(event["Records"], self.esm)
        if not event["Records"]:
            return len(records)
        age_ms = max(0.0, clock.now() - records[-1]["ApproximateArrivalTimestamp"]) * 1000
        cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age_ms, "Milliseconds", {"FunctionName": name})
        cloudwatch.record_metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", age_ms, "Milliseconds",
                                 {"StreamName": self.stream["StreamName"]})
        self._invocations += 1
        result = lambda_svc._execute_function(function, event)
        if result.get("throttle"):
            return None
        if result.get("error"):
            return 0
        if "ReportBatchItemFailures" not in (self.esm.get("FunctionResponseTypes") or []):
            return len(records)
        return self._first_reported_failure(result.get("body"), records)

    @staticmethod
    def _first_reported_failure(answer, records: list) -> int:
        """Everything from the lowest reported sequence number is tried again; an answer that names none is a success.
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
        failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        if not failures:
            return len(records)
        places = {record["SequenceNumber"]: place for place, record in enumerate(records)}
        try:
            return min(places[item["itemIdentifier"]] for item in failures)
        except (KeyError, TypeError):
            return 0  # an empty or unknown identifier fails the whole batch

    # Failure destination

    def _give_up(self, records: list, condition: str, invocations: int) -> None:
        destination = ((self.esm.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        _, config = self._function()
        if destination:
            self._send(destination, records, condition, invocations, config)
        else:
            logger.warning("%d records of %s discarded: %s", len(records), self.esm["EventSourceArn"], condition)
        self.discarded += len(records)
        self._done(records)

    def _send(self, destination: str, records: list, condition: str, invocations: int, config: dict) -> None:
        moment = clock.LocalDatetime.utcnow()

        def iso(seconds):
            return clock.LocalDatetime.utcfromtimestamp(seconds).isoformat(timespec="milliseconds") + "Z"

        first, last = records[0], records[-1]
        notice = {
            "requestContext": {"requestId": str(uuid.uuid4()), "functionArn": config.get("FunctionArn", ""),
                               "condition": condition, "approximateInvokeCount": max(1, invocations)},
            "responseContext": {"statusCode": 200, "executedVersion": config.get("Version", "$LATEST"),
                                "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": iso(clock.now()),
            "KinesisBatchInfo": {
                "shardId": self.shard_id, "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": iso(first["ApproximateArrivalTimestamp"]),
                "approximateArrivalOfLastRecord": iso(last["ApproximateArrivalTimestamp"]),
                "batchSize": len(records), "streamArn": self.esm["EventSourceArn"],
            },
        }
        role, name, service = config.get("Role", ""), self.esm["FunctionName"], destination.split(":")[2]
        if service == "s3":
            notice["payload"] = json.dumps(self._event(records, role))
            bucket = destination.split(":::")[1]
            key = (f"aws/lambda/{self.esm['UUID']}/{self.shard_id}/{moment:%Y/%m/%d}/"
                   f"{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}")
            self._until_done(role, name, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}",
                             lambda: _put_object(bucket, key, json.dumps(notice).encode()))
        else:
            action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}.get(service, "")
            self._until_done(role, name, action, destination, lambda: _notify(service, destination, json.dumps(notice)))

    def _until_done(self, role: str, name: str, action: str, resource: str, deliver) -> None:
        """A payload that cannot be delivered is not dropped: the shard waits, as it would for the function."""
        while self._alive():
            try:
                if not role_denies(role, name, action, resource):
                    deliver()
                    return
            except Exception:
                logger.exception("the on-failure destination %s could not be reached; it is tried again", resource)
            clock.real_sleep(0.5)


def _put_object(bucket: str, key: str, body: bytes) -> None:
    from ministack import app

    status, _, answer = app.call_service_handler_sync(
        app.SERVICE_HANDLERS["s3"], "PUT", f"/{bucket}/{key}", {"content-type": "application/json", "host": "s3"}, body, {})
    if status >= 300:
        raise RuntimeError(f"status {status}: {answer!r}")


def _notify(service: str, arn: str, message: str) -> None:
    from ministack.services import stepfunctions

    if service == "sns":
        stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sns:publish"]("", {"TopicArn": arn, "Message": message})
        return
    account, name = arn.split(":")[4:6]
    queue_url = f"http://127.0.0.1/{account}/{name}"
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sqs:sendMessage"]("", {"QueueUrl": queue_url, "MessageBody": message})


# Discovery, trimming, backlog


def _stream_lanes(stream: dict) -> list:
    return [lane for lane in list(_lanes.values()) if lane.stream is stream and lane.is_alive()]


def _start_lanes() -> None:
    """Start a thread for each shard of each mapping that has none; shards that replace others wait for their end."""
    from ministack.services import kinesis, lambda_svc

    for key, lane in list(_lanes.items()):
        if not lane.is_alive():
            del _lanes[key]
    for account, region, esm in lambda_svc._iter_all_esms():
        arn = esm.get("EventSourceArn", "")
        if arn.split(":")[2:3] != ["kinesis"]:
            continue
        stream = kinesis._streams._data.get((account, region, arn.split("/", 1)[1]))
        if not stream or stream.get("StreamStatus") != "ACTIVE":
            continue
        if any(lane.esm is esm and lane._removed_shard() for lane in _stream_lanes(stream)):
            continue
        factor = int(esm.get("ParallelizationFactor") or 1)
        for shard_id, shard in list(stream["shards"].items()):
            first = shard["starting_sequence_number"]
            for index in range(factor):
                key = (esm["UUID"], shard_id, first, index)
                if key not in _lanes:
                    start = _anchors.get((esm["UUID"], first), "")
                    _lanes[key] = Lane(esm, account, region, stream, shard_id, shard, index, factor, start)
                    _lanes[key].start()


def _supervise() -> None:
    while True:
        try:
            _start_lanes()
        except Exception:
            logger.exception("event source mappings could not be read")
        clock.real_sleep(_POLL_SECONDS)


def _trim(stream: dict) -> None:
    """Drop the records that every mapping has consumed, and those past the retention period."""
    from ministack.services import kinesis

    lanes = _stream_lanes(stream)
    expired_before = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in stream["shards"].items():
        readers = [lane for lane in lanes if lane.shard is shard]
        with _records_lock:
            records = shard["records"]
            consumed = _after(records, min(lane.position for lane in readers)) if readers else 0
            expired = 0
            while expired < len(records) and records[expired]["ApproximateArrivalTimestamp"] < expired_before:
                expired += 1
            count = max(consumed, expired)
            if not count:
                continue
            del records[:count]
        first = shard["starting_sequence_number"]
        _trimmed[first] = _trimmed.get(first, 0) + count
        _lost[first] = _lost.get(first, 0) + max(0, expired - consumed)
        for state in list(kinesis._shard_iterators._data.values()):
            if state.get("shard_id") == shard_id and state.get("stream") == stream["StreamName"]:
                state["position"] = max(0, state["position"] - count)


def backlog() -> dict:
    """Per stream and shard: records put, consumed, discarded after failures, expired unread, and still queued."""
    from ministack.services import kinesis

    report = {}
    for (_, _, name), stream in list(kinesis._streams._data.items()):
        lanes, shards = _stream_lanes(stream), []
        for shard_id, shard in list(stream["shards"].items()):
            first = shard["starting_sequence_number"]
            waiting: dict = {}
            discarded: dict = {}
            for lane in lanes:
                if lane.shard is shard:
                    uuid_ = lane.esm["UUID"]
                    waiting[uuid_] = waiting.get(uuid_, 0) + lane.queued()
                    discarded[uuid_] = discarded.get(uuid_, 0) + lane.discarded
            with _records_lock:
                held = len(shard["records"])
                put, expired = _trimmed.get(first, 0) + held, _lost.get(first, 0)
            queued = min(held, max(waiting.values(), default=held))
            dropped = max(discarded.values(), default=0)
            shards.append({"shardId": shard_id, "put": put, "queued": queued, "discarded": dropped, "expired": expired,
                           "consumed": put - queued - dropped - expired})
        totals = {field: sum(shard[field] for shard in shards)
                  for field in ("put", "consumed", "discarded", "expired", "queued")}
        report[name] = {**totals, "shards": shards}
    return report


def install() -> None:
    from ministack.services import kinesis, lambda_svc

    init_position, ensure_poller = lambda_svc._init_stream_position, lambda_svc._ensure_poller
    started = threading.Event()

    def anchor(esm_id, source_arn, starting):
        """LATEST counts from the moment the mapping is created, not from when its threads start."""
        init_position(esm_id, source_arn, starting)
        if starting == "LATEST" and source_arn.split(":")[2:3] == ["kinesis"]:
            stream = kinesis._streams.get(source_arn.split("/", 1)[1]) or {"shards": {}}
            for shard in stream["shards"].values():
                if shard["records"]:
                    _anchors[(esm_id, shard["starting_sequence_number"])] = shard["records"][-1]["SequenceNumber"]

    def ensure():
        ensure_poller()
        if not started.is_set():
            started.set()
            threading.Thread(target=_supervise, daemon=True, name="tidegate-streams").start()

    lambda_svc._init_stream_position, lambda_svc._ensure_poller = anchor, ensure
    lambda_svc._poll_kinesis = lambda: False
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.05 * clock.speed
    kinesis._expire_records = _trim
