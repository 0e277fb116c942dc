"""IAM enforcement after a deploy: every refusal is recorded, and the forwarded services are authorised like the rest."""

import collections
import json
import re

from . import clock

_DENIED: collections.deque = collections.deque(maxlen=1000)
_INVOKE = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
_INVOKE_ACTIONS = {"invocations": "InvokeEndpoint", "async-invocations": "InvokeEndpointAsync",
                   "invocations-response-stream": "InvokeEndpointWithResponseStream"}
_SAGEMAKER_RESOURCES = (
    ("InferenceComponentName", "inference-component"), ("TrainingJobName", "training-job"), ("ProcessingJobName", "processing-job"), ("TransformJobName", "transform-job"),
    ("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"), ("ModelPackageGroupName", "model-package-group"),
    ("ModelName", "model"),
)
_TAGGING = {
    "sagemaker": {"AddTags", "DeleteTags", "CreateModel", "CreateEndpoint", "CreateEndpointConfig", "CreateTrainingJob"},
    "application-autoscaling": {"RegisterScalableTarget", "TagResource", "UntagResource"},
}
_CBOR_NAMESPACE = re.compile(rb"\x69Namespace")
_PASSED_ROLES = ("RoleArn", "ExecutionRoleArn")


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
    """The resource a SageMaker action is authorised on, or '*' for one that takes none."""
    if data.get("ResourceArn"):
        return data["ResourceArn"]
    for field, kind in () if action.startswith("List") else _SAGEMAKER_RESOURCES:
        if data.get(field):
            return f"arn:aws:sagemaker:{region}:{account}:{kind}/{data[field]}"
    return "*"


def metric_namespace(body: bytes, params: dict) -> str | None:
    """The namespace of a PutMetricData call in any of the protocols that clients speak: query, JSON or CBOR."""
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


def further_checks(action: str, data: dict, region: str, account: str) -> list[tuple[str, str]]:
    """What a SageMaker call needs besides its own action on its own resource, as (action, resource)."""
    checks = []
    if action in ("CreateEndpoint", "UpdateEndpoint") and data.get("EndpointConfigName"):
        checks.append((f"sagemaker:{action}",
                       f"arn:aws:sagemaker:{region}:{account}:endpoint-config/{data['EndpointConfigName']}"))
    if action.startswith("Create"):
        checks += [("iam:PassRole", data[field]) for field in _PASSED_ROLES if data.get(field)]
    return checks


def role_denies(role_arn: str, session: str, action: str, resource: str) -> str | None:
    """The principal refused, when permissions are enforced and the role's policies do not allow the action; recorded."""
    from ministack import app
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    if not app.AUTH:
        return None
    account, role_name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    principal = f"arn:aws:sts::{account}:assumed-role/{role_name}/{session}"
    context = {"iam:passedtoservice": "sagemaker.amazonaws.com"} if action == "iam:PassRole" else {}
    policies = evaluator._gather_role_policies(role_name, account)
    limits = evaluator._permissions_boundary(iam._roles, role_name, account)
    for arn in dict.fromkeys((resource, _lower_name(resource))):
        asked = evaluator.EvalContext(
            principal_arn=principal, principal_type="AssumedRole", principal_account=account, action=action,
            resource_arn=arn, region=get_region(), secure_transport=True, service_context=context)
        if evaluator.evaluate(asked, policies, *limits).decision == "Allow":
            return None
    record(principal, action, resource)
    return principal


def _lower_name(arn: str) -> str:
    """SageMaker writes names in ARNs in lower case; policies are met in either form."""
    prefix, separator, name = arn.partition("/")
    return prefix + separator + name.lower() if ":sagemaker:" in prefix else arn


def install() -> None:
    from ministack import app
    from ministack.core import iam_actions as actions
    from ministack.core import iam_evaluator as evaluator
    from ministack.core import sigv4
    from ministack.core.responses import get_account_id
    from ministack.core.router import extract_access_key_id, extract_region

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
        return find_action(service, method, path, headers, body, query_params)

    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service == "sagemaker":
            invoked = _INVOKE.match(path)
            if invoked:
                return f"arn:aws:sagemaker:{region}:{account_id}:endpoint/{invoked.group(1)}"
            action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
            return sagemaker_arn(action, _json(body), region, account_id)
        if service == "application-autoscaling":
            action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
            if action.startswith("Describe"):
                return "*"
            return f"arn:aws:application-autoscaling:{region}:{account_id}:scalable-target/{_json(body).get('ResourceId', '*')}"
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

    forward = app.SERVICE_HANDLERS["sagemaker"]

    async def checked_sagemaker(method, path, headers, body, query_params):
        """The forwarder, after what the generic check cannot see: passed roles and the second resource of a call."""
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if app.AUTH and action:
            access_key, region = extract_access_key_id(headers, query_params), extract_region(headers)
            for needed, arn in further_checks(action, _json(body), region, get_account_id()):
                context = {"iam:PassedToService": "sagemaker.amazonaws.com"} if needed == "iam:PassRole" else None
                refused = evaluator.enforce(access_key, needed, needed.split(":")[0], region, arn, context)
                if refused is not None:
                    return actions.access_denied_response(
                        "sagemaker", needed, getattr(refused, "principal_arn", ""), "", headers=headers, resource_arn=arn)
        return await forward(method, path, headers, body, query_params)

    actions.extract_iam_action, actions.extract_resource_arn = extract_iam_action, extract_resource_arn
    actions.request_tag_context = request_tag_context
    evaluator.enforce = recording_enforce
    # The local clock may pass a request's 5 minutes in a few real seconds, and loopback needs no TLS.
    sigv4.request_time_failure = lambda signature, now=None: None
    app.pin_request_origin = lambda source_ip, secure_transport: pin_origin(source_ip, True)
    app.SERVICE_HANDLERS["sagemaker"] = checked_sagemaker
