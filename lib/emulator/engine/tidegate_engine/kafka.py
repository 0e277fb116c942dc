"""Kafka event source mappings: the emulator polls the broker, and acts as Lambda through the calls of this module.

The engine stores the mappings, invokes the function, checks the permissions of its role and delivers failure records.
"""

import asyncio
import concurrent.futures
import json
import logging

from . import destinations
from .permissions import role_actions, role_denies

logger = logging.getLogger("tidegate.kafka")

# Properties of a mapping that the engine drops from templates.
_PROPERTIES = (
    "AmazonManagedKafkaEventSourceConfig", "MetricsConfig", "ProvisionedPollerConfig", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations", "StartingPositionTimestamp", "Topics",
)
_BATCH_SIZE = 100  # default, https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_CREATE_MAPPING = "lambda:CreateEventSourceMapping"
_WORKERS = 64  # invocations at once
_pool = concurrent.futures.ThreadPoolExecutor(_WORKERS, thread_name_prefix="tidegate-kafka")


def _is_kafka(properties: dict) -> bool:
    return bool(properties.get("Topics"))


def _refuse_unsupported(properties: dict) -> None:
    configurations = (properties.get("SelfManagedKafkaEventSourceConfig"), properties.get("AmazonManagedKafkaEventSourceConfig"))
    if properties.get("FilterCriteria"):
        raise ValueError("FilterCriteria of a Kafka event source is not available in the local engine")
    if any((configuration or {}).get("SchemaRegistryConfig") for configuration in configurations):
        raise ValueError("SchemaRegistryConfig of a Kafka event source is not available in the local engine")
    destination = ((properties.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
    if destination.removeprefix("kafka://") in properties["Topics"]:
        # Recursion prevention: https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html
        raise ValueError(f"the on-failure destination {destination} is a topic of the event source")


def _mapping(uuid: str):
    from ministack.services import lambda_svc

    for account, region, esm in lambda_svc._iter_all_esms():
        if esm["UUID"] == uuid and _is_kafka(esm):
            return account, region, esm
    return None


def _function(esm: dict):
    from ministack.services import lambda_svc

    function, _ = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], esm.get("Qualifier"))
    return function, ((function or {}).get("config") or {})


def mappings() -> list[dict]:
    """Kafka mappings of every account, as the API describes them."""
    from ministack.services import lambda_svc

    return [{**esm, "AccountId": account, "Region": region}
            for account, region, esm in lambda_svc._iter_all_esms() if _is_kafka(esm)]


def _invoke(esm: dict, body: dict) -> dict:
    """Invokes the function; `kind` says what became of it."""
    from ministack.services import lambda_svc

    function, _ = _function(esm)
    if function is None:
        return {"kind": "throttled"}
    result = lambda_svc._execute_function(function, body["event"])
    if result.get("throttle"):
        return {"kind": "throttled"}
    failed = bool(result.get("error"))
    esm["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
    if failed:
        return {"kind": "failed"}
    return {"kind": "succeeded", "response": result.get("body")}


def _described(esm: dict, _body: dict) -> dict:
    """Names in failure records."""
    _, config = _function(esm)
    return {"functionArn": config.get("FunctionArn", ""), "version": config.get("Version", "$LATEST")}


def _authorize(esm: dict, body: dict) -> dict:
    """Actions that the function's role may not take, each of which is recorded."""
    _, config = _function(esm)
    denied = [action for action, resource in body["needs"] if role_denies(config.get("Role", ""), esm["FunctionName"], action, resource)]
    return {"denied": denied}


def _deliver(esm: dict, body: dict) -> dict:
    """Sends a failure record to the destination of a mapping; False when the role may not, or it cannot be reached."""
    _, config = _function(esm)
    action, resource, deliver = destinations.delivery(body["destination"], esm["UUID"], body["partition"], body["content"])
    if role_denies(config.get("Role", ""), esm["FunctionName"], action, resource):
        return {"delivered": False, "denied": action}
    deliver()
    return {"delivered": True}


def _secret(esm: dict, body: dict) -> dict:
    """Secret as the function's role reads it: its text, or the action that is denied; neither where it is not there."""
    from ministack.core.responses import get_region
    from ministack.services import kms, secretsmanager

    _, config = _function(esm)
    arn = body["secretArn"]
    checks = [(action, arn, None) for action in role_actions(_CREATE_MAPPING, "{SecretArn}")]
    _, secret = secretsmanager._resolve(arn)
    key_id = (secret or {}).get("KmsKeyId")
    if key_id and key_id != "alias/aws/secretsmanager":
        key = (kms._resolve_key(key_id) or {}).get("Arn", key_id)
        context = {"kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com"}
        checks += [(action, key, context) for action in role_actions(_CREATE_MAPPING, "{SecretKeyArn}")]
    for action, resource, context in checks:
        if role_denies(config.get("Role", ""), esm["FunctionName"], action, resource, context):
            return {"denied": action}
    text = secretsmanager.resolve_secret_string(arn)
    return {} if text is None else {"text": text}


def _report(esm: dict, body: dict) -> dict:
    """Makes a problem of the connection the last result of a mapping."""
    esm["LastProcessingResult"] = body["problem"]
    return {}


_CALLS = {"invoke": _invoke, "describe": _described, "authorize": _authorize, "deliver": _deliver, "secret": _secret, "report": _report}


def _call(name: str, body: dict) -> dict | None:
    from ministack.core.responses import _request_account_id, _request_region

    found = _mapping(body["uuid"])
    if found is None:
        return None
    account, region, esm = found
    _request_account_id.set(account)
    _request_region.set(region)
    return _CALLS[name](esm, body)


async def call(name: str, body: bytes) -> dict | None:
    """Serves a call of the emulator on a thread of its own; None for an unknown call or a mapping that is gone."""
    if name not in _CALLS:
        return None
    return await asyncio.get_running_loop().run_in_executor(_pool, _call, name, json.loads(body))


def install() -> None:
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update, create_by_api = handlers["create"], handlers["update"], lambda_svc._create_esm

    def keep(esm_id: str, properties: dict) -> None:
        esm = lambda_svc._esms.get(esm_id)
        if esm is not None and _is_kafka(properties):
            esm.update({name: properties[name] for name in _PROPERTIES if properties.get(name) is not None})
            esm["BatchSize"] = int(properties.get("BatchSize") or _BATCH_SIZE)

    def create_mapping(logical_id, properties, stack_name):
        if _is_kafka(properties):
            _refuse_unsupported(properties)
        result = create(logical_id, properties, stack_name)
        keep(result[0], properties)
        return result

    def update_mapping(physical_id, old_properties, new_properties, stack_name):
        if _is_kafka(new_properties):
            _refuse_unsupported(new_properties)
        result = update(physical_id, old_properties, new_properties, stack_name)
        keep(result[0], new_properties)
        return result

    def create_mapping_by_api(data):
        if not _is_kafka(data):
            return create_by_api(data)
        properties = {**data, "FunctionName": data.get("FunctionName", "")}
        try:
            esm_id, _ = create_mapping("EventSourceMapping", properties, "")
        except ValueError as error:
            return lambda_svc.error_response_json("InvalidParameterValueException", str(error), 400)
        return lambda_svc.json_response(lambda_svc._esm_response(lambda_svc._esms[esm_id]), 202)

    handlers["create"], handlers["update"], lambda_svc._create_esm = create_mapping, update_mapping, create_mapping_by_api
