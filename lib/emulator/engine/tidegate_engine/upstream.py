"""Expectations on ministack: the exact version and every private name that this package replaces or reads."""

import importlib
import importlib.metadata

VERSION = "1.5.33"

PRIVATE_NAMES = {
    "ministack.app": ["app", "AUTH", "SERVICE_HANDLERS", "call_service_handler_sync", "pin_request_origin"],
    "ministack.core.iam_actions": [
        "SERVICE_TO_IAM_NAMESPACE", "_TAG_OPERATIONS", "_UNSIGNED_OPERATIONS", "access_denied_response",
        "extract_iam_action", "extract_resource_arn", "request_tag_context",
    ],
    "ministack.core.iam_evaluator": [
        "AuthError", "EvalContext", "EvalResult", "_gather_role_policies", "_permissions_boundary", "enforce", "evaluate",
    ],
    "ministack.core.lambda_runtime": [
        "Worker.__init__", "Worker._drain_stderr_bounded", "_account_region_from_function_config", "execution_credentials",
        "reset",
    ],
    "ministack.core.responses": ["_request_account_id", "_request_region", "_service_model", "get_account_id", "get_region"],
    "ministack.core.router": ["_is_aws_service_name", "extract_access_key_id", "extract_region"],
    "ministack.core.sigv4": ["request_time_failure"],
    "ministack.services.cloudformation.provisioners": ["_RESOURCE_HANDLERS", "_cw_metric_alarm_record"],
    "ministack.services.cloudformation.stacks": ["_runs_on_worker_thread"],
    "ministack.services.cloudwatch": [
        "_alarms", "_evaluate_alarm", "_evaluate_all_alarms", "_evict_old_metrics", "_metrics", "_put_metric_alarm",
        "_store_datum", "_delete_alarms", "cloudformation_delete_metric_alarm",
        "cloudformation_put_metric_alarm", "record_metric",
    ],
    "ministack.services.dynamodb": ["_update_ttl"],
    "ministack.services.eventbridge": [
        "_SCHEDULER_TICK_INTERVAL", "_parse_rate_seconds", "_put_events", "_rule_last_fired", "_rules",
    ],
    "ministack.services.iam": ["_roles"],
    "ministack.services.kinesis": [
        "_compute_hash_ranges", "_describe_stream_summary", "_ensure_base64", "_expire_records", "_get_records", "_list_shards",
        "_max_shard_index", "_merge_shards", "_next_sequence_number", "_put_record", "_put_records", "_resolve_stream",
        "_route_to_shard", "_shard_iterators", "_shard_out", "_split_shard", "_stream_desc", "_streams", "_update_shard_count",
        "error_response_json", "json_response",
    ],
    "ministack.services.lambda_svc": [
        "_ESM_IDLE_WAKE_GAP_SECONDS", "_apply_filter_criteria", "_create_esm", "_ensure_poller", "_esm_response", "_esms",
        "_execute_function", "_get_func_record_for_qualifier", "_init_stream_position", "_iter_all_esms", "_poll_kinesis",
        "error_response_json", "json_response",
    ],
    "ministack.services.s3": ["_bucket_tags"],
    "ministack.services.scheduler": ["_SCHEDULE_TICK_INTERVAL", "_schedule_last_fired", "_schedules"],
    "ministack.services.stepfunctions": [
        "_AWS_SDK_ERROR_PREFIX", "_AWS_SDK_SERVICE_MAP", "_ExecutionError", "_SERVICE_DISPATCH",
        "_execute_task", "_invoke_resource", "_service_model", "_state_machines",
    ],
    "ministack.services.sts": ["register_session"],
    "ministack.services.tagging": ["resource_tags"],
}


class UpstreamMismatch(Exception):
    """The installed engine is not the one this package was written for; the message is one line."""


def check_version(installed: str | None = None) -> None:
    """Raise UpstreamMismatch unless the installed ministack is exactly VERSION."""
    try:
        installed = installed or importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise UpstreamMismatch(f"ministack {VERSION} is not installed in this Python environment") from None
    if installed != VERSION:
        raise UpstreamMismatch(f"ministack {installed} is installed, but only {VERSION} is supported")


def missing_names(names: dict[str, list[str]]) -> list[str]:
    """The dotted names that the installed ministack does not have."""
    missing = []
    for module_name, attributes in names.items():
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            missing.append(module_name)
            continue
        for attribute in attributes:
            found = module
            for part in attribute.split("."):
                found = getattr(found, part, None)
            if found is None:
                missing.append(f"{module_name}.{attribute}")
    return missing


def check_names(names: dict[str, list[str]] | None = None) -> None:
    """Raise UpstreamMismatch, in one line, when a private name is gone."""
    missing = missing_names(PRIVATE_NAMES if names is None else names)
    if missing:
        raise UpstreamMismatch(f"ministack lacks what the engine is built on: {', '.join(missing)}")
