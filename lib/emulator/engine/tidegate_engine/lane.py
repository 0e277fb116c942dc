"""Kinesis event source mappings as AWS documents them: one thread for each shard, or for each lane of it.

A lane reads its shard by sequence number, invokes the function with one batch at a time, and continues only when the batch
succeeded or was sent to the on-failure destination, so order within a key is kept and no record is skipped.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

import bisect
import hashlib
import logging
import threading

from . import clock, destinations, shards
from .permissions import role_denies

logger = logging.getLogger("tidegate.streams")

POLL_SECONDS = 0.02  # real
_MAX_PAYLOAD_BYTES = 5_500_000  # an invocation takes 6 MB
_MAX_BACKOFF_SECONDS = 60.0  # local
_NEEDED_ACTIONS = ("kinesis:GetShardIterator", "kinesis:GetRecords")

records_lock = threading.Lock()


def after(records: list, sequence_number: str) -> int:
    """Index of the first record after a sequence number."""
    return bisect.bisect_right(records, sequence_number, key=lambda record: record["SequenceNumber"])


def _lane_of(record: dict, factor: int) -> int:
    return int(hashlib.md5(record["PartitionKey"].encode()).hexdigest()[:8], 16) % factor


class Lane(threading.Thread):
    """Consumer of one shard, or with a parallelization factor of a share of its keys."""

    def __init__(self, esm, account, region, stream, shard_id, shard, index, factor, position):
        super().__init__(daemon=True, name=f"tidegate-{shard_id}-{index}")
        self.esm, self.account, self.region = esm, account, region
        self.stream, self.shard_id, self.shard, self.index, self.factor = stream, shard_id, shard, index, factor
        self.position = position
        self.discarded = 0
        self._invocations = 0

    # Backlog

    def queued(self) -> int:
        with records_lock:
            records = self.shard["records"]
            start = after(records, self.position)
            if self.factor == 1:
                return len(records) - start
            return sum(1 for record in records[start:] if _lane_of(record, self.factor) == self.index)

    def _pending(self, limit: int) -> list:
        """Next records of this lane, at most `limit` and the payload of one invocation."""
        with records_lock:
            records = self.shard["records"]
            start = after(records, self.position)
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
        while batch and len(batch) < limit and clock.now() < closes and self.has_mapping():
            clock.real_sleep(min(POLL_SECONDS, max(0.0, closes - clock.now()) / clock.speed))
            batch = self._pending(limit)
        return batch

    # Delivery

    def has_mapping(self) -> bool:
        from ministack.services import lambda_svc

        return lambda_svc._esms._data.get((self.account, self.region, self.esm["UUID"])) is self.esm

    def removed_shard(self) -> bool:
        return self.stream["shards"].get(self.shard_id) is not self.shard

    def is_done(self) -> bool:
        """True if the shard takes no more records, and all that it has are delivered."""
        return (shards.is_closed(self.shard) or self.removed_shard()) and not self.queued()

    def run(self):
        from ministack.core.responses import _request_account_id, _request_region

        _request_account_id.set(self.account)
        _request_region.set(self.region)
        while self.has_mapping():
            try:
                enabled = str(self.esm.get("Enabled", True)).lower() != "false"
                batch = self._next_batch() if enabled else []
                if batch:
                    self._deliver(batch)
                elif self.is_done():
                    return
                else:
                    clock.real_sleep(POLL_SECONDS)
            except Exception:
                logger.exception("delivery from %s of %s failed; it is retried", self.shard_id, self.esm["EventSourceArn"])
                clock.real_sleep(1.0)

    def _done(self, records: list) -> None:
        self.position = records[-1]["SequenceNumber"]

    def _deliver(self, batch: list) -> None:
        """Processes a batch in order, as a list of (records, failures so far); the halves of a split batch take its place."""
        waiting = [(batch, 0)]
        while waiting and self.has_mapping():
            records, failures = waiting.pop(0)
            records = self._drop_aged(records)
            if not records:
                continue
            outcome = self._invoke(records)
            if outcome is None:  # throttled or not permitted: the function did not receive the batch
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
                # A split does not count as a retry; a batch with partial success is split where it failed.
                half = len(rest) if outcome else (len(rest) + 1) // 2
                waiting[0:0] = [(part, 0) for part in (rest[:half], rest[half:]) if part]
                self._back_off(0)
            elif 0 <= retries < failures:
                self._discard(rest, "RetryAttemptsExhausted", failures)
            else:
                waiting.insert(0, (rest, failures))
                self._back_off(failures - 1)

    def _back_off(self, step: int) -> None:
        clock.real_sleep(max(POLL_SECONDS, min(_MAX_BACKOFF_SECONDS, 2.0 ** min(step, 6)) / clock.speed))

    def _drop_aged(self, records: list) -> list:
        limit = int(self.esm.get("MaximumRecordAgeInSeconds", -1))
        if limit < 0:
            return records
        oldest = clock.now() - limit
        kept = next((i for i, record in enumerate(records) if record["ApproximateArrivalTimestamp"] >= oldest), len(records))
        if kept:
            self._discard(records[:kept], "RecordAgeExceeded", self._invocations)
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
        """Invokes the function; returns the number of records from the front that succeeded, or None without an invocation."""
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
    def _first_reported_failure(response, records: list) -> int:
        """Index of the lowest reported sequence number, from which records are retried; a response that names none is a success.
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
        failures = response.get("batchItemFailures") if isinstance(response, dict) else None
        if not failures:
            return len(records)
        places = {record["SequenceNumber"]: place for place, record in enumerate(records)}
        try:
            return min(places[item["itemIdentifier"]] for item in failures)
        except (KeyError, TypeError):
            return 0  # an empty or unknown identifier fails the whole batch

    def _discard(self, records: list, condition: str, invocations: int) -> None:
        destination = ((self.esm.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if destination:
            _, config = self._function()
            event = self._event(records, config.get("Role", ""))
            content = destinations.failure_record(self.esm, self.shard_id, records, event, condition, invocations, config)
            self._send_failure(destination, content, config.get("Role", ""))
        else:
            logger.warning("%d records of %s discarded: %s", len(records), self.esm["EventSourceArn"], condition)
        self.discarded += len(records)
        self._done(records)

    def _send_failure(self, destination: str, content: dict, role: str) -> None:
        """Delivers a failure record; until that succeeds the shard waits, as it does for the function."""
        action, resource, deliver = destinations.delivery(destination, self.esm["UUID"], self.shard_id, content)
        while self.has_mapping():
            try:
                if not role_denies(role, self.esm["FunctionName"], action, resource):
                    deliver()
                    return
            except Exception:
                logger.exception("the on-failure destination %s could not be reached; it is retried", resource)
            clock.real_sleep(0.5)
