"""Stream poller: starts the lanes of each Kinesis mapping, removes consumed records and counts the backlog."""

import logging
import threading
import time

from . import clock, shards
from .lane import POLL_SECONDS, Lane, after, records_lock

logger = logging.getLogger("tidegate.streams")

_anchors: dict = {}  # (mapping id, first sequence number of a shard) -> last sequence number that is skipped
_lanes: dict = {}  # (mapping id, shard id, first sequence number of the shard, lane) -> Lane
_trimmed: dict = {}  # first sequence number of a shard -> records removed from it so far
_lost: dict = {}  # first sequence number of a shard -> records that expired unread


def _stream_lanes(stream: dict) -> list:
    return [lane for lane in list(_lanes.values()) if lane.stream is stream and (lane.is_alive() or lane.is_done())]


def _start_lanes() -> None:
    """Starts a thread for each shard of each mapping that has none; shards that replace others wait until those are read."""
    from ministack.services import kinesis, lambda_svc

    for key, lane in list(_lanes.items()):
        # The lane of a closed shard stays: what replaces the shard waits until it has read it.
        if not lane.is_alive() and not (lane.has_mapping() and lane.is_done() and not lane.removed_shard()):
            del _lanes[key]
    for account, region, esm in lambda_svc._iter_all_esms():
        arn = esm.get("EventSourceArn", "")
        if arn.split(":")[2:3] != ["kinesis"]:
            continue
        stream = kinesis._streams._data.get((account, region, arn.split("/", 1)[1]))
        if not stream or stream.get("StreamStatus") != "ACTIVE":
            continue
        if any(lane.esm is esm and lane.removed_shard() for lane in _stream_lanes(stream)):
            continue
        factor = int(esm.get("ParallelizationFactor") or 1)

        def keys_of(shard_id, shard):
            return [(esm["UUID"], shard_id, shard["starting_sequence_number"], index) for index in range(factor)]

        def is_read(shard_id, shard):
            lanes = [_lanes.get(key) for key in keys_of(shard_id, shard)]
            return all(lane and lane.is_done() and not lane.is_alive() for lane in lanes)

        for shard_id, shard in list(stream["shards"].items()):
            first = shard["starting_sequence_number"]
            before = [(parent, stream["shards"][parent]) for parent in shards.parents(shard) if parent in stream["shards"]]
            if not all(is_read(*parent) for parent in before):
                continue
            for index, key in enumerate(keys_of(shard_id, shard)):
                if key not in _lanes:
                    start = _anchors.get((esm["UUID"], first), "")
                    _lanes[key] = Lane(esm, account, region, stream, shard_id, shard, index, factor, start)
                    _lanes[key].start()


def _supervise() -> None:
    while True:
        try:
            _start_lanes()
            shards.publish_writes()
        except Exception:
            logger.exception("event source mappings could not be read")
        clock.real_sleep(POLL_SECONDS)


def _trim(stream: dict) -> None:
    """Removes the records that every mapping has consumed, and those past the retention period."""
    from ministack.services import kinesis

    lanes = _stream_lanes(stream)
    expired_before = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in stream["shards"].items():
        readers = [lane for lane in lanes if lane.shard is shard]
        with records_lock:
            records = shard["records"]
            consumed = after(records, min(lane.position for lane in readers)) if readers else 0
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
    shards.forget_expired(stream)


def backlog() -> dict:
    """Counts of records per stream and shard: put, consumed, discarded after failures, expired unread, and queued."""
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
            with records_lock:
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
        """Records the position of LATEST at the creation of the mapping, before its threads start."""
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
