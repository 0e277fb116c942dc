"""Lambda processes: small, on the local clock, with their role's credentials, and without an idle wait per invocation."""

import hashlib
import os
import queue
import time

MAX_HEAP_MIB = 96
_LOG_WAIT_SECONDS = 0.004  # real; stderr is written before the response, so only the reader thread may lag
_LOG_CAP_SECONDS = 0.1  # real

NODE_OPTIONS = " ".join([
    f"--max-old-space-size={MAX_HEAP_MIB}", "--max-semi-space-size=8",
    '--require "{}"'.format(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "clock-preload.cjs")
                            .replace("\\", "\\\\").replace('"', '\\"')),
])


def _drain_stderr(worker, *_waits) -> str:
    """Log lines of the invocation: complete once no line has come for a few real milliseconds."""
    lines = []
    deadline = time.monotonic() + _LOG_CAP_SECONDS
    try:
        while time.monotonic() < deadline:
            lines.append(worker._stderr_queue.get(timeout=_LOG_WAIT_SECONDS))
    except queue.Empty:
        pass
    return "\n".join(lines)


def install() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, sts

    os.environ["NODE_OPTIONS"] = NODE_OPTIONS
    create = lambda_runtime.Worker.__init__

    def create_worker(worker, func_name, config, code_zip):
        variables = (config.get("Environment") or {}).get("Variables") or {}
        if variables.get("NODE_OPTIONS"):
            merged = {**variables, "NODE_OPTIONS": f"{NODE_OPTIONS} {variables['NODE_OPTIONS']}"}
            config = {**config, "Environment": {**config["Environment"], "Variables": merged}}
        create(worker, func_name, config, code_zip)

    def role_credentials(config):
        """Credentials of the function's role, also before permissions are enforced: processes outlive the switch."""
        account_id, _ = lambda_runtime._account_region_from_function_config(config)
        role_name = config.get("Role", "").rsplit("/", 1)[-1]
        function_name = config.get("FunctionName", "function")[:64]
        digest = hashlib.sha256(f"{config.get('FunctionArn', '')}:{config.get('Role', '')}".encode()).hexdigest()
        credentials = {
            "AWS_ACCESS_KEY_ID": f"ASIA{digest[:16].upper()}",
            "AWS_SECRET_ACCESS_KEY": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
            "AWS_SESSION_TOKEN": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
        }
        sts.register_session(credentials["AWS_ACCESS_KEY_ID"], {
            "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{function_name}",
            "UserId": f"{role_name}:{function_name}",
            "SecretAccessKey": credentials["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": credentials["AWS_SESSION_TOKEN"],
        })
        return credentials

    lambda_runtime.Worker.__init__ = create_worker
    lambda_runtime.Worker._drain_stderr_bounded = _drain_stderr
    lambda_runtime.execution_credentials = role_credentials
    lambda_svc.execution_credentials = role_credentials
