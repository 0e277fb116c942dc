"""On-failure destinations of a stream: S3 receives the records, SQS and SNS their position only.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import datetime
import functools
import json
import uuid

from . import clock


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


def _iso(seconds: float) -> str:
    return _moment(seconds).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def failure_record(esm: dict, shard_id: str, records: list, event: dict, condition: str, invocations: int, config: dict) -> dict:
    """Invocation record that AWS sends for a discarded batch."""
    first, last = records[0], records[-1]
    return {
        "requestContext": {"requestId": str(uuid.uuid4()), "functionArn": config.get("FunctionArn", ""),
                           "condition": condition, "approximateInvokeCount": max(1, invocations)},
        "responseContext": {"statusCode": 200, "executedVersion": config.get("Version", "$LATEST"),
                            "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _iso(clock.now()),
        "KinesisBatchInfo": {
            "shardId": shard_id, "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _iso(first["ApproximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _iso(last["ApproximateArrivalTimestamp"]),
            "batchSize": len(records), "streamArn": esm["EventSourceArn"],
        },
        "payload": json.dumps(event),
    }


def delivery(destination: str, mapping_id: str, shard_id: str, content: dict):
    """Delivery of a failure record: the action and resource that the function's role needs, and the call."""
    service = destination.split(":")[2]
    if service == "s3":
        moment, bucket = _moment(clock.now()), destination.split(":::")[1]
        key = f"aws/lambda/{mapping_id}/{shard_id}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        return ("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}",
                lambda: _put_object(bucket, key, json.dumps(content).encode()))
    text = json.dumps({name: value for name, value in content.items() if name != "payload"})
    action = "sns:Publish" if service == "sns" else "sqs:SendMessage"
    return action, destination, lambda: _notify(service, destination, text)


def _put_object(bucket: str, key: str, body: bytes) -> None:
    from ministack import app
    from ministack.services import s3

    # Lambda's own call: without credentials it would be one of an anonymous caller.
    status, _, reply = app.call_service_handler_sync(
        functools.partial(s3.handle_request, internal=True), "PUT", f"/{bucket}/{key}", {"content-type": "application/json", "host": "s3"}, body, {})
    if status >= 300:
        raise RuntimeError(f"status {status}: {reply!r}")


def _notify(service: str, arn: str, message: str) -> None:
    from ministack.services import stepfunctions

    if service == "sns":
        stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sns:publish"]("", {"TopicArn": arn, "Message": message})
        return
    account, name = arn.split(":")[4:6]
    queue_url = f"http://127.0.0.1/{account}/{name}"
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sqs:sendMessage"]("", {"QueueUrl": queue_url, "MessageBody": message})
