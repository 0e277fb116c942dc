"""Shards that are split and merged as Kinesis documents it, and the metrics of the writes.

A shard that is replaced is closed: it takes no more records, keeps those that it has until they expire, and its readers go on with its children.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
"""

import json

from . import clock

_CLOSED = "ending_sequence_number"
_DAY_SECONDS = 86_400
_MAX_CHANGES_PER_DAY = 10
_MAX_SHARDS = 10_000
_UPDATING_SECONDS = 30  # local
_RECORD_METRICS = ("IncomingBytes", "IncomingRecords")

_writes: dict = {}  # (stream name, first second of a minute) -> [bytes, records]


def is_closed(shard: dict) -> bool:
    return _CLOSED in shard


def open_shards(stream: dict) -> dict:
    return {shard_id: shard for shard_id, shard in list(stream["shards"].items()) if not is_closed(shard)}


def parents(shard: dict) -> list:
    return [shard[name] for name in ("parent_shard_id", "adjacent_parent_shard_id") if shard.get(name)]


def forget_expired(stream: dict) -> None:
    """Removes closed shards whose last record has expired."""
    expired = clock.now() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in list(stream["shards"].items()):
        if is_closed(shard) and shard["closed_at"] < expired:
            del stream["shards"][shard_id]


def _add(stream: dict, first: int, last: int, parent: str, adjacent: str | None = None) -> str:
    from ministack.services import kinesis

    shard_id = f"shardId-{kinesis._max_shard_index(stream) + 1:012d}"
    stream["shards"][shard_id] = {
        "records": [], "starting_hash_key": str(first), "ending_hash_key": str(last),
        "starting_sequence_number": kinesis._next_sequence_number(),
        "parent_shard_id": parent, "adjacent_parent_shard_id": adjacent,
    }
    return shard_id


def _close(shard: dict) -> None:
    from ministack.services import kinesis

    shard[_CLOSED] = kinesis._next_sequence_number()
    shard["closed_at"] = clock.now()


def _range(shard: dict) -> tuple:
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])


def split(stream: dict, shard_id: str, at: int) -> tuple:
    first, last = _range(stream["shards"][shard_id])
    _close(stream["shards"][shard_id])
    return _add(stream, first, at - 1, shard_id), _add(stream, at, last, shard_id)


def merge(stream: dict, shard_id: str, adjacent: str) -> str:
    ranges = [_range(stream["shards"][one]) for one in (shard_id, adjacent)]
    for one in (shard_id, adjacent):
        _close(stream["shards"][one])
    return _add(stream, min(r[0] for r in ranges), max(r[1] for r in ranges), shard_id, adjacent)


def reshard(stream: dict, count: int) -> None:
    """Splits and merges until `count` shards of equal ranges are open."""
    from ministack.services import kinesis

    wanted = [(int(first), int(last)) for first, last in kinesis._compute_hash_ranges(count)]
    pieces = [shard_id for shard_id, shard in sorted(open_shards(stream).items(), key=lambda item: _range(item[1]))]
    for start, _ in wanted:
        for index, shard_id in enumerate(pieces):
            first, last = _range(stream["shards"][shard_id])
            if first < start <= last:
                pieces[index:index + 1] = split(stream, shard_id, start)
                break
    for first, last in wanted:
        inside = [one for one in pieces if first <= _range(stream["shards"][one])[0] <= last]
        while len(inside) > 1:
            inside[:2] = [merge(stream, inside[0], inside[1])]


def _refusal(stream: dict, target) -> tuple | None:
    current = len(open_shards(stream))
    if stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        return "ValidationException", f"Stream {stream['StreamName']} is in on-demand mode: its shards cannot be updated"
    if not isinstance(target, int) or target < 1:
        return "ValidationException", f"TargetShardCount is {target}; it must be a whole number of at least 1"
    if clock.now() < stream.get("updating_until", 0):
        return "ResourceInUseException", f"Stream {stream['StreamName']} is UPDATING"
    if target > 2 * current:
        return "InvalidArgumentException", f"TargetShardCount {target} is above double the {current} open shards"
    if 2 * target < current:
        return "InvalidArgumentException", f"TargetShardCount {target} is below half of the {current} open shards"
    if target > _MAX_SHARDS:
        return "LimitExceededException", f"TargetShardCount {target} is above {_MAX_SHARDS}"
    if sum(1 for at in stream.get("changes", []) if at > clock.now() - _DAY_SECONDS) >= _MAX_CHANGES_PER_DAY:
        return "LimitExceededException", f"the shards were updated {_MAX_CHANGES_PER_DAY} times in 24 hours"
    return None


def _resolving(change):
    """Handler of a call on a stream: refuses an unknown one."""
    from ministack.services import kinesis

    def handle(data):
        name, stream = kinesis._resolve_stream(data)
        if not stream:
            return kinesis.error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400)
        return change(data, stream)
    return handle


def _changes() -> dict:
    from ministack.services import kinesis

    def update(data, stream):
        target, current = data.get("TargetShardCount"), len(open_shards(stream))
        refusal = _refusal(stream, target)
        if refusal:
            return kinesis.error_response_json(*refusal, 400)
        stream.setdefault("changes", []).append(clock.now())
        stream["updating_until"] = clock.now() + _UPDATING_SECONDS
        reshard(stream, target)
        return kinesis.json_response({"StreamName": stream["StreamName"], "StreamARN": stream["StreamARN"],
                                      "CurrentShardCount": current, "TargetShardCount": target})

    def known(stream, *names):
        return next((name for name in names if name not in open_shards(stream)), None)

    def split_one(data, stream):
        shard_id, at = data.get("ShardToSplit"), int(data.get("NewStartingHashKey") or -1)
        if known(stream, shard_id):
            return kinesis.error_response_json("ResourceNotFoundException", f"Shard {shard_id} is not open", 400)
        first, last = _range(stream["shards"][shard_id])
        if not first < at <= last:
            return kinesis.error_response_json("InvalidArgumentException", "NewStartingHashKey must be within the shard", 400)
        split(stream, shard_id, at)
        return kinesis.json_response({})

    def merge_two(data, stream):
        names = data.get("ShardToMerge"), data.get("AdjacentShardToMerge")
        missing = known(stream, *names)
        if missing:
            return kinesis.error_response_json("ResourceNotFoundException", f"Shard {missing} is not open", 400)
        merge(stream, *names)
        return kinesis.json_response({})

    return {"_update_shard_count": _resolving(update), "_split_shard": _resolving(split_one),
            "_merge_shards": _resolving(merge_two)}


def _count(name: str, sizes: list) -> None:
    minute = clock.now() // 60 * 60
    sums = _writes.setdefault((name, minute), [0, 0])
    sums[0] += sum(sizes)
    sums[1] += len(sizes)


def publish_writes() -> None:
    """Publishes the minutes that have ended, as Kinesis does for a stream."""
    from ministack.services import cloudwatch

    for key in [key for key in _writes if clock.now() >= key[1] + 60]:
        (name, minute), sums = key, _writes.pop(key)
        for metric, value in zip(_RECORD_METRICS, sums):
            statistics = {"SampleCount": sums[1], "Sum": value, "Minimum": 0, "Maximum": value}
            unit = "Bytes" if metric == "IncomingBytes" else "Count"
            cloudwatch._store_datum("AWS/Kinesis", metric, {"StreamName": name}, minute, unit, None, None, None, statistics)


def install() -> None:
    from ministack.services import kinesis

    for name, change in _changes().items():
        setattr(kinesis, name, change)
    shard_out, stream_desc, get_records = kinesis._shard_out, kinesis._stream_desc, kinesis._get_records
    summary, list_shards, put, put_many = (
        kinesis._describe_stream_summary, kinesis._list_shards, kinesis._put_record, kinesis._put_records)

    def route(hash_key, stream):
        for shard_id, shard in list(stream["shards"].items()):
            if not is_closed(shard) and int(shard["starting_hash_key"]) <= hash_key <= int(shard["ending_hash_key"]):
                return shard_id
        return next(iter(open_shards(stream)))

    def shard_with_end(shard_id, shard):
        result = shard_out(shard_id, shard)
        if is_closed(shard):
            result["SequenceNumberRange"]["EndingSequenceNumber"] = shard[_CLOSED]
        return result

    def status(stream):
        return "UPDATING" if clock.now() < stream.get("updating_until", 0) else stream["StreamStatus"]

    def description(stream, shard_ids=None):
        return {**stream_desc(stream, shard_ids), "StreamStatus": status(stream)}

    def changed(reply, change):
        code, headers, body = reply
        if code != 200:
            return reply
        parsed = json.loads(body)
        change(parsed)
        return code, headers, json.dumps(parsed).encode()

    def describe_summary(data):
        _, stream = kinesis._resolve_stream(data)

        def fill(parsed):
            parsed["StreamDescriptionSummary"].update(OpenShardCount=len(open_shards(stream)), StreamStatus=status(stream))
        return changed(summary(data), fill)

    def list_open(data):
        reply = list_shards(data)
        if (data.get("ShardFilter") or {}).get("Type") != "AT_LATEST":
            return reply

        def keep_open(parsed):
            parsed["Shards"] = [s for s in parsed["Shards"] if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return changed(reply, keep_open)

    def read(data):
        state = kinesis._shard_iterators.get(data.get("ShardIterator")) or {}
        stream = kinesis._streams.get(state.get("stream")) or {"shards": {}}
        shard = stream["shards"].get(state.get("shard_id"))

        def end(parsed):
            token = parsed["NextShardIterator"]
            position = (kinesis._shard_iterators.get(token) or {}).get("position", 0)
            if position >= len(shard["records"]):
                kinesis._shard_iterators.pop(token, None)
                del parsed["NextShardIterator"]
                parsed["ChildShards"] = [
                    {"ShardId": child_id, "ParentShards": parents(child), "HashKeyRange": shard_out(child_id, child)["HashKeyRange"]}
                    for child_id, child in stream["shards"].items() if state["shard_id"] in parents(child)]
        reply = get_records(data)
        return changed(reply, end) if shard is not None and is_closed(shard) else reply

    def size(record):
        return len(record.get("Data") or "") * 3 // 4 + len(record.get("PartitionKey") or "")

    def counted(function, records_of):
        def handle(data):
            reply = function(data)
            if reply[0] == 200:
                _, stream = kinesis._resolve_stream(data)
                _count(stream["StreamName"], [size(record) for record in records_of(data)])
            return reply
        return handle

    kinesis._route_to_shard, kinesis._shard_out, kinesis._stream_desc = route, shard_with_end, description
    kinesis._describe_stream_summary, kinesis._list_shards, kinesis._get_records = describe_summary, list_open, read
    kinesis._put_record = counted(put, lambda data: [data])
    kinesis._put_records = counted(put_many, lambda data: data.get("Records", []))
