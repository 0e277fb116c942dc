"""Calls to the emulator: forwarded AWS requests, CloudFormation resources, and notifications in batches."""

import asyncio
import collections
import http.client
import json
import logging
import os
import threading
import time
from urllib.parse import quote, urlencode, urlsplit

from . import clock

logger = logging.getLogger("tidegate.emulator")

URL = os.environ.get("TIDEGATE_EMULATOR_URL", "")
_address = urlsplit(URL)

FORWARDED_SERVICES = ("sagemaker", "application-autoscaling", "servicequotas", "kafka")
RESOURCE_TYPES = (
    "AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::InferenceComponent", "AWS::SageMaker::ModelPackageGroup",
    "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster", "AWS::MSK::Topic",
    "AWS::GreengrassV2::ComponentVersion", "AWS::GreengrassV2::Deployment", "AWS::IoT::RoleAlias",
)

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "host",
               "content-length", "proxy-connection"}
_KEEP_IDLE_SECONDS = 3.0  # real; below the 5 s after which a Node server closes an idle connection
_REQUEST_TIMEOUT_SECONDS = 300.0  # real
_idle: collections.deque = collections.deque()


async def _exchange(reader, writer, payload: bytes):
    writer.write(payload)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name:
            headers[name.strip().lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        parts = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        body = b"".join(parts)
    else:
        body = await reader.readexactly(int(headers.get("content-length") or 0))
    return status, headers, body


async def request(method: str, target: str, headers: dict, body: bytes | str):
    """Sends one HTTP request on a kept-alive connection; returns (status, headers, body) as the emulator sent them."""
    if isinstance(body, str):  # as the SDK integrations of Step Functions give it
        body = body.encode("utf-8")
    lines = [f"{method} {target} HTTP/1.1", f"host: {_address.netloc}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name not in _HOP_BY_HOP]
    payload = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + body
    while _idle:
        since, reader, writer = _idle.pop()
        if time.monotonic() - since > _KEEP_IDLE_SECONDS or reader.at_eof():
            writer.close()
            continue
        try:
            response = await _exchange(reader, writer, payload)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            writer.close()
            if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                raise
            continue  # closed by the other side between two requests
        break
    else:
        reader, writer = await asyncio.open_connection(_address.hostname, _address.port)
        try:
            response = await _exchange(reader, writer, payload)
        except BaseException:
            writer.close()
            raise
    if response[1].get("connection", "").lower() == "close":
        writer.close()
    else:
        _idle.append((time.monotonic(), reader, writer))
    return response


def forwarder(service: str):
    """Returns a ministack service handler that forwards the request to the emulator and its reply back, both unchanged."""

    async def handle(method, path, headers, body, query_params):
        query = urlencode(query_params, doseq=True)
        target = quote(path, safe="/~:@!$&'()*+,;=") + (f"?{query}" if query else "")
        try:
            status, reply, content = await asyncio.wait_for(
                request(method, target, {**headers, "x-tidegate-service": service}, body), _REQUEST_TIMEOUT_SECONDS)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
            logger.warning("%s %s could not be forwarded: %r", service, path, error)
            return 503, {"Content-Type": "application/json", "x-amzn-errortype": "ServiceUnavailable"}, json.dumps(
                {"__type": "ServiceUnavailable", "message": f"{service} is not reachable"}).encode()
        return status, {name: value for name, value in reply.items() if name not in _HOP_BY_HOP}, content

    return handle


def sagemaker_tags(arn: str) -> dict | None:
    """Tags of a SageMaker resource, for conditions on `aws:ResourceTag`; blocks for one call of the loopback interface."""
    status, result = _post("/", {"ResourceArn": arn}, timeout_seconds=10, headers={
        "x-tidegate-service": "sagemaker", "x-amz-target": "SageMaker.ListTags", "content-type": "application/x-amz-json-1.1"})
    return {tag["Key"]: tag["Value"] for tag in result.get("Tags", [])} if status == 200 else None


def _post(path: str, body, timeout_seconds: float = 900.0, headers: dict | None = None):
    """Sends a blocking POST of JSON, for worker threads; returns (status, decoded body)."""
    connection = http.client.HTTPConnection(_address.hostname, _address.port, timeout=timeout_seconds)
    try:
        connection.request("POST", path, json.dumps(body, default=str), headers or {"content-type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        return response.status, (json.loads(content) if content else {})
    finally:
        connection.close()


def _cloudformation(action: str, resource_type: str, **details):
    status, result = _post("/cloudformation", {"action": action, "type": resource_type, **details})
    if status != 200:
        raise ValueError(f"{result.get('code', status)}: {result.get('message', 'the emulator refused the resource')}")
    return result.get("physicalId") or details.get("physicalId"), result.get("attributes") or {}


def _resource_handlers(resource_type: str) -> dict:
    stacks: dict = {}

    def create(logical_id, properties, stack_name):
        physical_id, attributes = _cloudformation(
            "create", resource_type, logicalId=logical_id, stackName=stack_name, properties=properties)
        stacks[physical_id] = (stack_name, logical_id)
        return physical_id, attributes

    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        new_id, attributes = _cloudformation(
            "update", resource_type, logicalId=logical_id, stackName=stack_name, properties=new_properties,
            previousProperties=old_properties, physicalId=physical_id)
        stacks[new_id] = (stack_name, logical_id)
        return new_id, attributes

    def delete(physical_id, properties):
        stack_name, logical_id = stacks.pop(physical_id, ("", ""))
        _cloudformation("delete", resource_type, logicalId=logical_id, stackName=stack_name, properties=properties,
                        physicalId=physical_id)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


class Notifications:
    """Metric data and alarm changes for the emulator, sent from a thread of their own."""

    PAUSE_SECONDS = 0.05  # real

    def __init__(self):
        self._lock = threading.Lock()
        self._data: dict = {}
        self._alarms_changed = False

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="tidegate-notifications").start()

    def alarms_changed(self) -> None:
        self._alarms_changed = True

    def metric(self, namespace, name, dimensions, at, unit, count, total, minimum, maximum) -> None:
        """Adds one datum; data of the same metric in the same local second are merged while they wait."""
        key = (namespace, name, tuple(sorted(dimensions.items())), unit, int(at))
        with self._lock:
            waiting = self._data.get(key)
            if waiting is None:
                self._data[key] = [at, total, count, minimum, maximum]
            else:
                waiting[1] += total
                waiting[2] += count
                waiting[3] = min(waiting[3], minimum)
                waiting[4] = max(waiting[4], maximum)

    def _run(self) -> None:
        while True:
            clock.real_sleep(self.PAUSE_SECONDS)
            with self._lock:
                data, self._data = self._data, {}
            if data:
                self._send("/hooks/metrics", [
                    {"namespace": key[0], "metricName": key[1], "dimensions": dict(key[2]), "unit": key[3],
                     "atSeconds": at, "sum": total, "sampleCount": count, "minimum": minimum, "maximum": maximum}
                    for key, (at, total, count, minimum, maximum) in data.items()])
            if self._alarms_changed:
                self._alarms_changed = False
                self._send("/hooks/alarms-changed", {})

    def _send(self, path: str, body) -> None:
        for attempt in range(5):
            try:
                status, _ = _post(path, body, timeout_seconds=10)
                if status < 500:
                    return
                reason = f"status {status}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = repr(error)
            clock.real_sleep(0.2 * (attempt + 1))
        logger.warning("%s was not delivered: %s", path, reason)


notifications = Notifications()


def _skip_service_models() -> None:
    """Prevents the first call to a service unknown to ministack from loading the models of all services, 400 MB."""
    import botocore
    from ministack.core import responses, router
    from ministack.services import stepfunctions

    names = os.listdir(os.path.join(os.path.dirname(botocore.__file__), "data"))
    router._KNOWN_AWS_SERVICE_NAMES = frozenset([*names, *FORWARDED_SERVICES])
    service_model = responses._service_model

    def model_of_engine_service(service):
        return None if service in FORWARDED_SERVICES else service_model(service)

    responses._service_model = stepfunctions._service_model = model_of_engine_service


def install() -> None:
    from ministack import app
    from ministack.core.responses import get_account_id
    from ministack.services.cloudformation import provisioners, stacks

    _skip_service_models()
    for service in FORWARDED_SERVICES:
        app.SERVICE_HANDLERS[service] = forwarder(service)
    own_registry, public_registry = app.SERVICE_HANDLERS["ecr"], forwarder("ecr")

    async def registry(method, path, headers, body, query_params):
        """Registries of other accounts are those of AWS, which the emulator plays."""
        registry_id = json.loads(body or b"{}").get("registryId") if body[:1] == b"{" else None
        handler = own_registry if registry_id in (None, get_account_id()) else public_registry
        return await handler(method, path, headers, body, query_params)

    app.SERVICE_HANDLERS["ecr"] = registry
    for resource_type in RESOURCE_TYPES:
        provisioners._RESOURCE_HANDLERS[resource_type] = _resource_handlers(resource_type)
    runs_on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in RESOURCE_TYPES or runs_on_worker_thread(name)
    if URL:
        notifications.start()
