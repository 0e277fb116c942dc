"""Step Functions: the SageMaker integrations, and each task's permissions checked against the state machine's role."""

import contextvars
import datetime
import functools
import json
import time

from . import clock
from .permissions import further_checks, missing_object_checks, role_denies, sagemaker_arn

_POLL_SECONDS = 5.0  # local, but never faster than _POLL_REAL_SECONDS
_POLL_REAL_SECONDS = 0.05
_MODELLED_ERRORS = {name: f"SageMaker.{name}Exception" for name in
                    ("ResourceLimitExceeded", "ResourceInUse", "ResourceNotFound", "ConflictException")}
_OPTIMISED = ("createTrainingJob", "createProcessingJob", "createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint")

_execution: contextvars.ContextVar[dict | None] = contextvars.ContextVar("tidegate_execution", default=None)


def _sagemaker_call(action: str, data: dict) -> dict:
    from ministack import app
    from ministack.core.responses import get_region
    from ministack.services.stepfunctions import _ExecutionError
    from .emulator import forwarder

    headers = {"x-amz-target": f"SageMaker.{action}", "content-type": "application/x-amz-json-1.1",
               "authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{get_region()}/sagemaker/aws4_request"}
    status, reply, body = app.call_service_handler_sync(
        forwarder("sagemaker"), "POST", "/", headers, json.dumps(data).encode(), {})
    result = json.loads(body) if body else {}
    if status >= 400:
        code = str(result.get("__type", "ServiceException")).rsplit("#", 1)[-1]
        message = result.get("message") or result.get("Message") or ""
        raise _ExecutionError(
            _MODELLED_ERRORS.get(code, "SageMaker.AmazonSageMakerException"),
            f"{message} (Service: AmazonSageMaker; Status Code: {status}; Error Code: {code}; "
            f"Request ID: {reply.get('x-amzn-requestid', '')}; Proxy: null)")
    return result


def _get_object(data: dict, role_arn: str, session: str) -> dict:
    """An object as Step Functions gives it: its content as text."""
    from urllib.parse import quote
    from ministack import app
    from ministack.services import s3
    from ministack.services.stepfunctions import _ExecutionError

    bucket, key = str(data.get("Bucket", "")), str(data.get("Key", ""))
    status, reply, body = app.call_service_handler_sync(
        functools.partial(s3.handle_request, internal=True), "GET", quote(f"/{bucket}/{key}"), {"host": "s3.localhost"}, b"", {})
    if status == 404:
        for action, arn, context in missing_object_checks(bucket, key) if role_arn else ():
            if role_denies(role_arn, session, action, arn, context):
                raise _ExecutionError("S3.S3Exception", "Access Denied (Service: S3, Status Code: 403)")
        raise _ExecutionError("S3.NoSuchKeyException", f"The specified key does not exist. (Key: {key})")
    if status >= 400:
        raise _ExecutionError("S3.S3Exception", f"GetObject was answered with {status}")
    content = body if isinstance(body, bytes) else str(body).encode()
    return {"Body": content.decode("utf-8", "replace"), "ContentLength": len(content)}


def _milliseconds(value, key=""):
    """Converts times to the form of Step Functions: whole milliseconds since the epoch."""
    if isinstance(value, dict):
        return {name: _milliseconds(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_milliseconds(item) for item in value]
    return int(value * 1000) if key.endswith("Time") and isinstance(value, (int, float)) else value


def _iso_times(value, key=""):
    """Converts times to the form of Step Functions' SDK integrations: ISO 8601 in UTC."""
    if isinstance(value, dict):
        return {name: _iso_times(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_iso_times(item) for item in value]
    if not key.endswith("Time") or not isinstance(value, (int, float)):
        return value
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _run_job(kind: str, resource: str, data: dict) -> dict:
    """Creates a training or processing job and, with `.sync`, waits for its end."""
    from ministack.services.stepfunctions import _ExecutionError

    started = _sagemaker_call(f"Create{kind}", data)
    if not resource.endswith(".sync"):
        return started
    name = {f"{kind}Name": data.get(f"{kind}Name", "")}
    while True:
        job = _sagemaker_call(f"Describe{kind}", name)
        status = job.get(f"{kind}Status")
        if status == "Completed":
            return _milliseconds(job)
        if status in ("Failed", "Stopped"):
            raise _ExecutionError("States.TaskFailed", json.dumps(_milliseconds(job)))
        if (_execution.get() or {}).get("status", "RUNNING") != "RUNNING":
            _sagemaker_call(f"Stop{kind}", name)
            raise _ExecutionError("States.TaskFailed", "the execution was stopped")
        clock.real_sleep(max(_POLL_SECONDS / clock.speed, _POLL_REAL_SECONDS))


def _sagemaker_needs(resource: str, action: str, data: dict, region: str, account: str) -> list[tuple[str, str, dict]]:
    task = resource.replace("arn:aws:", "", 1)
    return [(f"sagemaker:{action}", sagemaker_arn(action, data, region, account), {}),
            *further_checks("sagemaker", action, data, region, account, task)]


def _needs(resource: str, data: dict, region: str, account: str) -> list[tuple[str, str, dict]]:
    """Permissions that a task needs of the state machine's role, as (action, resource, context)."""
    from ministack.core import iam_actions
    from ministack.services.stepfunctions import _AWS_SDK_SERVICE_MAP

    parts = resource.removesuffix(".waitForTaskToken").removesuffix(".sync:2").removesuffix(".sync").split(":")
    if resource.startswith("arn:aws:lambda:"):
        return [("lambda:InvokeFunction", resource, {})]
    if not resource.startswith("arn:aws:states:::"):
        return []
    service, action = (parts[6].lower(), parts[7]) if parts[5] == "aws-sdk" else (parts[5], parts[6])
    action = action[0].upper() + action[1:]
    if service == "sagemaker":
        return _sagemaker_needs(resource, action, data, region, account)
    if service == "lambda" and action in ("Invoke", "InvokeFunction"):
        name = str(data.get("FunctionName", ""))
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
        return [("lambda:InvokeFunction", arn, {})]
    if service == "states" and action == "StartExecution":
        return [("states:StartExecution", data.get("StateMachineArn", "*"), {})]
    if service == "sfn":
        return [(f"states:{action}", data.get("ExecutionArn") or data.get("StateMachineArn") or "*", {})]
    if service == "s3":
        action = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadObject": "GetObject"}.get(action, action)
        key = f"/{data['Key']}" if data.get("Key") else ""
        context = {"s3:prefix": data.get("Prefix", "")} if action == "ListBucket" else {}
        return [(f"s3:{action}", f"arn:aws:s3:::{data.get('Bucket', '*')}{key}", context)]
    known = _AWS_SDK_SERVICE_MAP.get(service, {})
    key = known.get("service_key", service)
    headers = {"x-amz-target": f"{known.get('target_prefix', key)}.{action}"}
    params = {name: str(value) for name, value in data.items() if isinstance(value, (str, int))}
    arn = iam_actions.extract_resource_arn(key, "POST", "/", headers, json.dumps(data).encode(), params, region, account)
    context = {"cloudwatch:namespace": data.get("Namespace", "")} if action == "PutMetricData" else {}
    return [(f"{iam_actions.SERVICE_TO_IAM_NAMESPACE.get(key, key)}:{action}", arn, context)]


def install() -> None:
    from jsonata.jexception import JException
    from jsonata.timebox import Timebox
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import stepfunctions as sfn

    check_runaway = Timebox.check_runaway

    def check_within_time(box):
        """An expression may take a second of the processor, not of the local clock, which may be milliseconds."""
        spent_ms = time.thread_time() * 1000
        limit_ms, box.timeout = box.timeout, None
        try:
            check_runaway(box)
        finally:
            box.timeout = limit_ms
        if limit_ms is not None and spent_ms - box.__dict__.setdefault("begun_ms", spent_ms) > limit_ms:
            raise JException("D1012", -1, limit_ms)

    Timebox.check_runaway = check_within_time

    execute_task, invoke_resource = sfn._execute_task, sfn._invoke_resource

    def execute(state_def, raw_input, execution, ctx):
        token = _execution.set(execution)
        try:
            return execute_task(state_def, raw_input, execution, ctx)
        finally:
            _execution.reset(token)

    def invoke(resource, input_data):
        execution = _execution.get() or {}
        machine = sfn._state_machines.get(execution.get("stateMachineArn", "")) or {}
        data = input_data if isinstance(input_data, dict) else {}
        if machine.get("roleArn"):
            session = execution.get("name", "execution")[:64]
            for action, arn, context in _needs(resource, data, get_region(), get_account_id()):
                principal = role_denies(machine["roleArn"], session, action, arn, context)
                if principal:
                    prefix = {"sagemaker": "SageMaker", "lambda": "Lambda"}.get(action.split(":")[0], "States")
                    error = {"SageMaker": "SageMaker.AmazonSageMakerException", "Lambda": "Lambda.AWSLambdaException",
                             "States": "States.TaskFailed"}[prefix]
                    raise sfn._ExecutionError(
                        error, f"User: {principal} is not authorized to perform: {action} on resource: {arn} because no "
                               f"identity-based policy allows the {action} action (Status Code: 403; Error Code: AccessDenied)")
        if resource == "arn:aws:states:::aws-sdk:s3:getObject":
            return _get_object(data, machine.get("roleArn", ""), execution.get("name", "execution")[:64])
        try:
            result = invoke_resource(resource, input_data)
        except sfn._ExecutionError as refusal:
            # The optimised integration names the errors of StartExecution for the service, and as exceptions.
            if resource.startswith("arn:aws:states:::states:startExecution") and refusal.error.isalpha():
                refusal.error = f"StepFunctions.{refusal.error}Exception"
            raise
        return _iso_times(result) if resource.startswith("arn:aws:states:::aws-sdk:sagemaker:") else result

    sfn._execute_task, sfn._invoke_resource = execute, invoke
    for action in _OPTIMISED:
        name = action[0].upper() + action[1:]
        run = (lambda resource, data, kind=name[6:]: _run_job(kind, resource, data)) if name.endswith("Job") else (
            lambda resource, data, name=name: _sagemaker_call(name, data))
        sfn._SERVICE_DISPATCH[f"arn:aws:states:::sagemaker:{action}"] = run
    sfn._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    sfn._AWS_SDK_SERVICE_MAP["applicationautoscaling"] = {
        "target_prefix": "AnyScaleFrontendService", "protocol": "json", "service_key": "application-autoscaling"}
    sfn._AWS_SDK_ERROR_PREFIX.update({"sagemaker": "SageMaker", "applicationautoscaling": "ApplicationAutoScaling"})
