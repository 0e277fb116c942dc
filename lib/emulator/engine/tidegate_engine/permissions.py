"""IAM enforcement after a deployment: every refusal is recorded, and the forwarded services are authorised like the others.

Services check more than the called action: the rows of `dependent-permissions.ts` in the catalog, which the emulator passes in a file.
"""

import collections
import json
import os
import re
import uuid
from urllib.parse import unquote

from . import clock, emulator

_DENIED: collections.deque = collections.deque(maxlen=1000)
_INVOKE = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
_INVOKE_ACTIONS = {"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync",
                   "invocations-response-stream": "InvokeEndpointWithResponseStream"}
_BOOTSTRAP_BROKERS = re.compile(r"^/v1/clusters/(.+)/bootstrap-brokers$")
_SAGEMAKER_RESOURCES = (
    ("InferenceComponentName", "inference-component"), ("TrainingJobName", "training-job"), ("ProcessingJobName", "processing-job"), ("OptimizationJobName", "optimization-job"), ("TransformJobName", "transform-job"),
    ("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"), ("ModelPackageGroupName", "model-package-group"),
    ("ModelName", "model"),
)
_TAGGING = {
    "sagemaker": {"AddTags", "DeleteTags", "CreateModel", "CreateEndpoint", "CreateEndpointConfig", "CreateTrainingJob", "CreateProcessingJob", "CreateOptimizationJob"},
    "application-autoscaling": {"RegisterScalableTarget", "TagResource", "UntagResource"},
}
_CBOR_NAMESPACE = re.compile(rb"\x69Namespace")
_VARIANT_ID = re.compile(r"^endpoint/([^/]+)/variant/[^/]+$")


def denied_calls() -> list[dict]:
    return list(_DENIED)


def record(principal: str, action: str, resource: str) -> None:
    _DENIED.append({"atSeconds": clock.now(), "principal": principal, "action": action, "resource": resource})


def _json(body) -> dict:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def sagemaker_arn(action: str, data: dict, region: str, account: str) -> str:
    """Resource on which a SageMaker action is authorised, or '*' for one without a resource."""
    for field in ("ResourceArn", "ModelPackageArn"):
        if data.get(field):
            return data[field]
    if str(data.get("ModelPackageName", "")).startswith("arn:"):
        return data["ModelPackageName"]
    for field, kind in () if action.startswith("List") else _SAGEMAKER_RESOURCES:
        if data.get(field):
            return f"arn:aws:sagemaker:{region}:{account}:{kind}/{data[field]}"
    return "*"


def metric_namespace(body: bytes, params: dict) -> str | None:
    """Namespace of a PutMetricData call in any protocol of the clients: query, JSON or CBOR."""
    named = params.get("Namespace")
    if named:
        return named[0] if isinstance(named, list) else named
    if _json(body).get("Namespace"):
        return _json(body)["Namespace"]
    found = _CBOR_NAMESPACE.search(body or b"")
    if found is None:
        return None
    # A text string of CBOR (RFC 8949, major type 3): its length is in the low bits, or in the next byte.
    start = found.end()
    length = body[start] - 0x60
    if body[start] == 0x78:
        start, length = start + 1, body[start + 1]
    return body[start + 1:start + 1 + length].decode("utf-8", "replace")


def _alarm_names(headers: dict, body: bytes, params: dict) -> list[str]:
    """Names of the alarms that a call of CloudWatch has as a list, in any protocol of the clients: query, JSON or CBOR."""
    if "cbor" in str(headers.get("content-type", "")):
        import cbor2

        try:
            data = cbor2.loads(body or b"\xa0")
        except ValueError:
            return []
    else:
        data = _json(body)
    names = data.get("AlarmNames") if isinstance(data, dict) else None
    if names is None:
        first = params.get("AlarmNames.member.1")
        names = [first[0] if isinstance(first, list) else first] if first else []
    return [str(name) for name in names]


_rows: list[dict] = []
_role_rows: list[dict] = []


def load_rows(path: str) -> None:
    """Loads the dependent permissions of callers, and those of roles, which concern calls that the engine makes itself."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    _rows[:] = [row for row in rows if row["holder"] == "caller"]
    _role_rows[:] = [row for row in rows if row["holder"] == "role"]


def role_actions(call: str, resource: str) -> list[str]:
    """Actions that the role of a call needs on a resource, as the rows name it."""
    return [action for row in _role_rows if row["call"] == call and row["resource"] == resource for action in row["actions"]]


def _named_arns(service: str, operation: str, data: dict, region: str, account: str) -> dict[str, str]:
    """ARNs that the rows of a call name in braces, as far as the request gives them."""
    if service == "application-autoscaling":
        resource_id = data.get("ResourceId", "")
        variant = _VARIANT_ID.match(resource_id)
        prefix = f"arn:aws:sagemaker:{region}:{account}:"
        return {"EndpointArn": f"{prefix}endpoint/{variant.group(1)}"} if variant else {"ComponentArn": prefix + resource_id}
    named = {name: data[name] for name in ("RoleArn", "ExecutionRoleArn") if data.get(name)}
    created = sagemaker_arn(operation, data, region, account)
    named |= {"CreatedArn": created, "TrainingJobArn": created, "ProcessingJobArn": created}
    if data.get("EndpointConfigName"):
        named["EndpointConfigArn"] = f"arn:aws:sagemaker:{region}:{account}:endpoint-config/{data['EndpointConfigName']}"
    if operation == "CreateModelPackage":
        # The service numbers the versions of a group.
        named["ModelPackageArn"] = f"arn:aws:sagemaker:{region}:{account}:model-package/{data.get('ModelPackageGroupName', '')}/1"
        containers = (data.get("InferenceSpecification") or {}).get("Containers") or [{}]
        source = (containers[0].get("ModelDataSource") or {}).get("S3DataSource") or {}
        location = containers[0].get("ModelDataUrl") or source.get("S3Uri")
        if location:
            named["ModelDataArn"] = "arn:aws:s3:::" + location.removeprefix("s3://")
    if (data.get("ResourceConfig") or {}).get("VolumeKmsKeyId"):
        named["VolumeKmsKeyArn"] = data["ResourceConfig"]["VolumeKmsKeyId"]
    return named


def further_checks(service: str, operation: str, data: dict, region: str, account: str,
                   task: str | None = None) -> list[tuple[str, str, dict]]:
    """Permissions that a call needs beside its own action on its own resource, as (action, resource, context).

    `task` is the resource of the Step Functions task that makes the call, from `states:` on; it has rows of its own.
    """
    named = _named_arns(service, operation, data, region, account)
    cases = {None, "tags"} if data.get("Tags") else {None}
    checks = []
    for row in _rows:
        if row["call"] not in (f"{service}:{operation}", task) or row.get("onlyIn") not in cases:
            continue
        if data.get("ScalableDimension") not in row.get("scalableDimensions", [data.get("ScalableDimension")]):
            continue
        resource = row["resource"]
        if resource.startswith("{"):
            resource = named.get(resource[1:-1])
        elif resource != "*":
            owner, _, name = resource.partition(":")
            resource = f"arn:aws:{owner}:{'' if owner == 'iam' else region}:{account}:{name}"
            if name.endswith("*"):
                resource = resource[:-1] + str(uuid.uuid4())  # the service chooses the name, here as there
        if resource is not None:
            checks += [(action, resource, row.get("context", {})) for action in row["actions"]]
    return checks


def missing_object_checks(bucket: str, key: str) -> list[tuple[str, str, dict]]:
    """Permissions without which a read of an object that is not there is refused instead, as (action, resource, context).

    S3 takes the name of the object for the prefix of the list: https://github.com/ceph/ceph/pull/68577
    """
    rows = [row for row in _rows if row["call"] == "s3:GetObject" and row.get("onlyIn") == "missing-object"]
    return [(action, f"arn:aws:s3:::{bucket}", {"s3:prefix": key}) for row in rows for action in row["actions"]]


def role_denies(role_arn: str, session: str, action: str, resource: str, context: dict | None = None) -> str | None:
    """Returns the refused principal, and records it, when permissions are enforced and the role's policies do not allow the action."""
    from ministack import app
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    if not app.AUTH:
        return None
    account, role_name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    principal = f"arn:aws:sts::{account}:assumed-role/{role_name}/{session}"
    service_context = {key.lower(): value for key, value in (context or {}).items()}
    policies = evaluator._gather_role_policies(role_name, account)
    limits = evaluator._permissions_boundary(iam._roles, role_name, account)
    for arn in dict.fromkeys((resource, _lower_name(resource))):
        request = evaluator.EvalContext(
            principal_arn=principal, principal_type="AssumedRole", principal_account=account, action=action,
            resource_arn=arn, region=get_region(), secure_transport=True, service_context=service_context)
        if evaluator.evaluate(request, policies, *limits).decision == "Allow":
            return None
    record(principal, action, resource)
    return principal


def _lower_name(arn: str) -> str:
    """ARN with SageMaker's name in lower case, as SageMaker writes it; policies may have either form."""
    prefix, separator, name = arn.partition("/")
    return prefix + separator + name.lower() if ":sagemaker:" in prefix else arn


def install() -> None:
    from ministack import app
    from ministack.core import iam_actions as actions
    from ministack.core import iam_evaluator as evaluator
    from ministack.core import sigv4
    from ministack.core.responses import get_account_id
    from ministack.core.router import extract_access_key_id, extract_region
    from ministack.services import tagging

    for service, operations in _TAGGING.items():
        actions.SERVICE_TO_IAM_NAMESPACE[service] = service
        actions._TAG_OPERATIONS[service] = frozenset(operations)
        actions._UNSIGNED_OPERATIONS[service] = frozenset()
    find_action, find_arn, tag_context = (
        actions.extract_iam_action, actions.extract_resource_arn, actions.request_tag_context)
    enforce, pin_origin = evaluator.enforce, app.pin_request_origin

    def extract_iam_action(service, method, path, headers, body, query_params):
        invoked = _INVOKE.match(path) if service == "sagemaker" else None
        if invoked:
            return f"sagemaker:{_INVOKE_ACTIONS[invoked.group(2)]}"
        if service == "kafka" and _BOOTSTRAP_BROKERS.match(path):
            return "kafka:GetBootstrapBrokers"
        return find_action(service, method, path, headers, body, query_params)

    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service == "sagemaker":
            invoked = _INVOKE.match(path)
            if invoked:
                return f"arn:aws:sagemaker:{region}:{account_id}:endpoint/{invoked.group(1)}"
            action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
            return sagemaker_arn(action, _json(body), region, account_id)
        if service == "kafka":
            found = _BOOTSTRAP_BROKERS.match(path)
            return unquote(found.group(1)) if found else "*"
        if service == "application-autoscaling":
            action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
            if action.startswith("Describe"):
                return "*"
            return f"arn:aws:application-autoscaling:{region}:{account_id}:scalable-target/{_json(body).get('ResourceId', '*')}"
        named = _alarm_names(headers, body, query_params) if service == "monitoring" else []
        if named:
            # One call is authorised on one resource: the first name stands for the others, which have its prefix.
            return f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{named[0]}"
        return find_arn(service, method, path, headers, body, query_params, region, account_id)

    def request_tag_context(service, iam_action, body, params):
        context = tag_context(service, iam_action, body, params)
        if service == "application-autoscaling":
            data = _json(body)
            context = {**context, "application-autoscaling:service-namespace": data.get("ServiceNamespace"),
                       "application-autoscaling:scalable-dimension": data.get("ScalableDimension")}
        if iam_action == "cloudwatch:PutMetricData":
            context = {**context, "cloudwatch:namespace": metric_namespace(body, params)}
        return context

    def recording_enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        result = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        if isinstance(result, evaluator.EvalResult) and _lower_name(resource_arn) != resource_arn:
            result = enforce(access_key_id, iam_action, service, region, _lower_name(resource_arn), service_context)
        if isinstance(result, evaluator.AuthError):
            record(access_key_id or "anonymous", iam_action, f"{resource_arn} ({result.code})")
        elif result is not None:
            record(result.principal_arn, iam_action, resource_arn)
        return result

    tags_of = tagging.resource_tags

    def resource_tags(arn):
        return emulator.sagemaker_tags(arn) if arn.startswith("arn:aws:sagemaker:") and "*" not in arn else tags_of(arn)

    tagging.resource_tags = resource_tags

    def checked(service: str, refuse):
        """Returns the handler of a forwarded service with the checks that the generic one lacks; all of them are made and recorded."""
        forward = app.SERVICE_HANDLERS[service]

        async def handle(method, path, headers, body, query_params):
            operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
            if app.AUTH and operation:
                access_key, region = extract_access_key_id(headers, query_params), extract_region(headers)
                refusals = []
                for needed, arn, context in further_checks(service, operation, _json(body), region, get_account_id()):
                    refused = evaluator.enforce(access_key, needed, needed.split(":")[0], region, arn, context)
                    if refused is not None:
                        refusals.append((needed, arn, getattr(refused, "principal_arn", "")))
                if refusals:
                    return refuse(headers, refusals)
            return await forward(method, path, headers, body, query_params)

        return handle

    def access_denied(headers, refusals):
        needed, arn, principal = refusals[0]
        return actions.access_denied_response("sagemaker", needed, principal, "", headers=headers, resource_arn=arn)

    def missing_permissions(_headers, refusals):
        """Refusal of Application Auto Scaling, which lists the actions and not their resources."""
        listed = ", ".join(dict.fromkeys(needed for needed, _, _ in refusals))
        return 400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": "ValidationException"}, json.dumps(
            {"__type": "ValidationException", "message": f"User is missing the following permissions: {listed}"}).encode()

    read_objects = app.SERVICE_HANDLERS["s3"]

    async def objects_of_readers(method, path, headers, body, query_params):
        """Answers a read of an object that is not there with 403 to those who may not list its bucket."""
        reply = await read_objects(method, path, headers, body, query_params)
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        # Calls of the engine itself have no credentials of a caller: their roles are checked where they are made.
        if not (app.AUTH and method in ("GET", "HEAD") and key and reply[0] == 404 and headers.get("authorization")):
            return reply
        access_key, region = extract_access_key_id(headers, query_params), extract_region(headers)
        for needed, arn, context in missing_object_checks(bucket, key):
            if evaluator.enforce(access_key, needed, "s3", region, arn, context) is not None:
                return actions.access_denied_response("s3", "s3:GetObject", "", "", message="Access Denied", headers=headers)
        return reply

    app.SERVICE_HANDLERS["s3"] = objects_of_readers
    actions.extract_iam_action, actions.extract_resource_arn = extract_iam_action, extract_resource_arn
    actions.request_tag_context = request_tag_context
    evaluator.enforce = recording_enforce
    # The local clock may pass a request's 5 minutes in a few real seconds, and loopback needs no TLS.
    sigv4.request_time_failure = lambda signature, now=None: None
    app.pin_request_origin = lambda source_ip, secure_transport: pin_origin(source_ip, True)
    load_rows(os.environ["TIDEGATE_DEPENDENT_PERMISSIONS"])
    app.SERVICE_HANDLERS["sagemaker"] = checked("sagemaker", access_denied)
    app.SERVICE_HANDLERS["application-autoscaling"] = checked("application-autoscaling", missing_permissions)
