"""The endpoint and the stream in the cloud, with time-outs that let a device without a network go on at once."""

import json
import math
import re

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from backoff import Backoff

# Limits of a PutRecords call (API reference): 500 records and 5 MiB, with the partition keys.
MAX_RECORDS = 500
MAX_CALL_BYTES = 5 * 1024 * 1024


# Id that a header of HTTP can have (API reference of InvokeEndpoint: ASCII). Others are in the body alone: a call that cannot be sent would look like
# one without a network, and the results behind it would wait for ever.
INFERENCE_ID = re.compile(r"[!-~]([ -~]*[!-~])?")


class Offline(Exception):
    """The cloud did not answer; it is asked again later."""


class Refused(Exception):
    """The cloud answered that this request cannot be served; asking again changes nothing."""


def client(service, region, seconds):
    config = Config(connect_timeout=min(2, seconds), read_timeout=seconds, retries={"total_max_attempts": 1})
    return boto3.client(service, region_name=region, config=config)


class Endpoint:
    def __init__(self, name, region, seconds, labels, features):
        self.name, self.region, self.seconds = name, region, seconds
        self.labels, self.features = labels, features
        self.backoff = Backoff()
        self.client = None

    def ask(self, identity, features):
        """Returns label and confidence of the endpoint; raises Offline or Refused."""
        import numpy

        from model import label_of

        if not self.backoff.is_open():
            raise Offline("the endpoint did not answer lately")
        began = self.backoff.clock()
        body = {
            "id": identity,
            "inputs": [{"name": "features", "shape": [1, len(features)], "datatype": "FP32", "data": [float(one) for one in features]}],
        }
        try:
            if self.client is None:
                self.client = client("sagemaker-runtime", self.region, self.seconds)
            response = self.client.invoke_endpoint(
                EndpointName=self.name,
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps(body).encode(),
                **({"InferenceId": identity[:64]} if INFERENCE_ID.fullmatch(identity[:64]) else {}),
            )
            answer = json.loads(response["Body"].read())
        except ClientError as error:
            # Above all a missing permission or endpoint, or a model that refuses the input: it is the answer to this request.
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500 and not throttled(error):
                raise Refused(str(error)) from error
            self.backoff.failed(began)
            raise Offline(str(error)) from error
        except (BotoCoreError, OSError, ValueError) as error:
            self.backoff.failed(began)
            raise Offline(str(error)) from error
        self.backoff.succeeded()
        try:
            if isinstance(answer.get("label"), str):
                label, confidence = answer["label"], float(answer.get("confidence", 1.0))
            else:
                scores = answer["outputs"][0]["data"]
                if len(scores) != len(self.labels):
                    raise Refused(f"the endpoint answered with {len(scores)} scores, and the model has {len(self.labels)} labels")
                label, confidence = label_of(numpy, scores, self.labels)
            if not math.isfinite(confidence):
                raise Refused("the endpoint answered with values that are not finite")
            return label, confidence
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise Refused(f"the endpoint answered in no known form: {error!r}") from error


def throttled(error):
    return "Throttl" in error.response.get("Error", {}).get("Code", "")


class Stream:
    def __init__(self, name, region, seconds):
        self.name, self.region, self.seconds = name, region, seconds
        self.client = None

    def put(self, batch):
        """Puts (id, line) pairs and returns the ids that the stream has; raises Offline."""
        try:
            if self.client is None:
                self.client = client("kinesis", self.region, self.seconds)
            response = self.client.put_records(
                StreamName=self.name,
                Records=[{"Data": line, "PartitionKey": identity[:256]} for identity, line in batch],
            )
        except (BotoCoreError, ClientError, OSError) as error:
            raise Offline(str(error)) from error
        return [identity for (identity, _), record in zip(batch, response["Records"]) if not record.get("ErrorCode")]
