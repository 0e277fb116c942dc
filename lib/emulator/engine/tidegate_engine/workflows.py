"""Step Functions: the SageMaker integrations, and each task's permissions checked against the state machine's role."""

import contextvars
import json

from . import clock
from .permissions import further_checks, role_denies, sagemaker_arn

_POLL_SECONDS = 5.0  # local, but never faster than _POLL_REAL_SECONDS
_POLL_REAL_SECONDS = 0.05
_MODELLED_ERRORS = {name: f"SageMaker.{name}Exception" for name in
                    ("ResourceLimitExceeded", "ResourceInUse", "ResourceNotFound", "ConflictException")}
_OPTIMISED = ("createTrainingJob", "createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint")

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


def _milliseconds(value, key=""):
    """Converts times to the form of Step Functions: whole milliseconds since the epoch."""
    if isinstance(value, dict):
        return {name: _milliseconds(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_milliseconds(item) for item in value]
    return int(value * 1000) if key.endswith("Time") and isinstance(value, (int, float)) else value


def _run_training_job(resource: str, data: dict) -> dict:
    from ministack.services.stepfunctions import _ExecutionError

    started = _sagemaker_call("CreateTrainingJob", data)
    if not resource.endswith(".sync"):
        return started
    name = {"TrainingJobName": data.get("TrainingJobName", "")}
    while True:
        job = _sagemaker_call("DescribeTrainingJob", name)
        if job.get("TrainingJobStatus") == "Completed":
            return _milliseconds(job)
        if job.get("TrainingJobStatus") in ("Failed", "Stopped"):
            raise _ExecutionError("States.TaskFailed", json.dumps(_milliseconds(job)))
        if (_execution.get() or {}).get("status", "RUNNING") != "RUNNING":
            _sagemaker_call("StopTrainingJob", name)
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
    if service == "s3":
        action = {"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadObject": "GetObject"}.get(action, action)
        key = f"/{data['Key']}" if data.get("Key") else ""
        return [(f"s3:{action}", f"arn:aws:s3:::{data.get('Bucket', '*')}{key}", {})]
    known = _AWS_SDK_SERVICE_MAP.get(service, {})
    key = known.get("service_key", service)
    headers = {"x-amz-target": f"{known.get('target_prefix', key)}.{action}"}
    params = {name: str(value) for name, value in data.items() if isinstance(value, (str, int))}
    arn = iam_actions.extract_resource_arn(key, "POST", "/", headers, json.dumps(data).encode(), params, region, account)
    return [(f"{iam_actions.SERVICE_TO_IAM_NAMESPACE.get(key, key)}:{action}", arn, {})]


def install() -> None:
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import stepfunctions as sfn

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
        return invoke_resource(resource, input_data)

    sfn._execute_task, sfn._invoke_resource = execute, invoke
    for action in _OPTIMISED:
        name = action[0].upper() + action[1:]
        run = _run_training_job if action == "createTrainingJob" else (
            lambda resource, data, name=name: _sagemaker_call(name, data))
        sfn._SERVICE_DISPATCH[f"arn:aws:states:::sagemaker:{action}"] = run
    sfn._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    sfn._AWS_SDK_SERVICE_MAP["applicationautoscaling"] = {
        "target_prefix": "AnyScaleFrontendService", "protocol": "json", "service_key": "application-autoscaling"}
    sfn._AWS_SDK_ERROR_PREFIX.update({"sagemaker": "SageMaker", "applicationautoscaling": "ApplicationAutoScaling"})
