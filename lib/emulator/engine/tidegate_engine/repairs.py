"""Repairs of the engine: properties that it ignores in a deployment, events of the emulator, schedules on an accelerated clock."""

import asyncio
import json
import os

from . import clock

_TICK_SECONDS = max(1.0, 0.03 * clock.speed)  # local; 30 ms of real time at the fastest


class _FiredAt(dict):
    """Last run of each schedule; a rate keeps its own grid and does not drift by the delay of each run."""

    def __init__(self, interval_of):
        super().__init__()
        self._interval_of = interval_of

    def __setitem__(self, key, at):
        interval = self._interval_of(key) if key in self else None
        if interval:
            before = self[key]
            at = before + interval * max(1, (at - before) // interval)
        super().__setitem__(key, at)


def _after(handler: dict, verb: str, repair) -> None:
    """Runs `repair(physical_id, new_properties)` after the handler's create or update."""
    inner = handler[verb]

    def wrapped(*args):
        result = inner(*args)
        repair(result[0], args[1] if verb == "create" else args[2])
        return result

    handler[verb] = wrapped


def _delete_after_deployment() -> None:
    """Lets the deletion of a stack wait for its deployment, which would otherwise go on creating what nobody deletes any more.

    CloudFormation cancels the deployment; here it ends first.
    """
    from ministack.services.cloudformation import changesets, handlers

    deployments: dict[str, asyncio.Event] = {}
    deploy, delete = handlers._deploy_stack_async, handlers._delete_stack_async

    def deploy_until_end(stack_name, stack_id, *args, **options):
        ended = deployments[stack_id] = asyncio.Event()

        async def deployment():
            try:
                return await deploy(stack_name, stack_id, *args, **options)
            finally:
                ended.set()
                if deployments.get(stack_id) is ended:
                    del deployments[stack_id]

        return deployment()

    async def delete_at_end(stack_name, stack_id, *args, **options):
        while stack_id in deployments:
            await deployments[stack_id].wait()
        return await delete(stack_name, stack_id, *args, **options)

    handlers._deploy_stack_async = changesets._deploy_stack_async = deploy_until_end
    handlers._delete_stack_async = delete_at_end


def install() -> None:
    from ministack import app
    from ministack.core.router import extract_access_key_id
    from ministack.services import dynamodb, eventbridge, s3, scheduler
    from ministack.services.cloudformation import provisioners

    def keep_tags(name, properties):
        s3._bucket_tags[name] = {str(tag["Key"]): str(tag.get("Value", "")) for tag in properties.get("Tags") or []}

    def keep_ttl(name, properties):
        ttl = properties.get("TimeToLiveSpecification")
        if ttl:
            enabled = str(ttl.get("Enabled", True)).lower() != "false"
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": {
                "AttributeName": ttl.get("AttributeName", ""), "Enabled": enabled}})

    _delete_after_deployment()

    for verb in ("create", "update"):
        _after(provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"], verb, keep_tags)
        _after(provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"], verb, keep_ttl)

    def rate_of(store):
        def interval(key):
            found = store._data.get(key) or {}
            return eventbridge._parse_rate_seconds(found.get("ScheduleExpression", ""))
        return interval

    eventbridge._SCHEDULER_TICK_INTERVAL = scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS
    eventbridge._rule_last_fired = _FiredAt(rate_of(eventbridge._rules))
    scheduler._schedule_last_fired = _FiredAt(rate_of(scheduler._schedules))

    forward_events = app.SERVICE_HANDLERS["events"]

    async def events_of_services(method, path, headers, body, query_params):
        """Accepts events of `aws.*` sources from the emulator only, which acts as AWS and calls with the root key."""
        put = headers.get("x-amz-target", "").endswith(".PutEvents")
        if put and extract_access_key_id(headers, query_params) == os.environ.get("AWS_ACCESS_KEY_ID", "test"):
            return eventbridge._put_events(json.loads(body), allow_aws_source=True)
        return await forward_events(method, path, headers, body, query_params)

    app.SERVICE_HANDLERS["events"] = events_of_services
