"""Replaces its process by TorchServe, with the settings of SageMaker's PyTorch image.

Source of the settings: default-ts.properties and torchserve.py of the SageMaker PyTorch inference toolkit. Added are batching, metrics
on a port, and one worker.
"""

import argparse
import importlib.util
import json
import os
import sys

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.dirname(importlib.util.find_spec("ts").submodule_search_locations[0])
MODEL = "service_time"
BATCHING = {"batchSize": 64, "maxBatchDelay": 2}


def configuration(options: argparse.Namespace) -> str:
    version = {"defaultVersion": True, "marName": f"{MODEL}.mar", "minWorkers": 1, "maxWorkers": 1,
               "responseTimeout": 60, **BATCHING}
    properties = {
        "enable_envvars_config": "false",
        "decode_input_request": "false",
        "load_models": "ALL",
        "disable_token_authorization": "true",
        "inference_address": f"http://0.0.0.0:{options.port}",
        "management_address": f"http://127.0.0.1:{options.management_port}",
        "metrics_address": f"http://127.0.0.1:{options.metrics_port}",
        "grpc_inference_address": "127.0.0.1",
        "grpc_management_address": "127.0.0.1",
        "model_store": options.store,
        "models": json.dumps({MODEL: {"1.0": version}}),
        "metrics_mode": "prometheus",
        "metrics_config": os.path.join(DIRECTORY, "metrics.yaml"),
        "disable_system_metrics": "true",
        "job_queue_size": "1000",
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("java", "store", "temporary", "port", "management-port", "metrics-port"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    with open("config.properties", "w", encoding="utf-8") as file:
        file.write(configuration(options))
    # Command line of `torchserve --start`, which would add a process in between.
    os.execvpe(
        options.java,
        [options.java, "-Xmx512m", f"-Dmodel_server_home={PACKAGES}", f"-Djava.io.tmpdir={options.temporary}",
         f"-Dlog4j.configurationFile=file://{os.path.join(DIRECTORY, 'log4j2.xml')}",
         "-cp", f".:{os.path.join(PACKAGES, 'ts', 'frontend', '*')}", "org.pytorch.serve.ModelServer",
         "--python", sys.executable, "-f", "config.properties", "-s", options.store, "-ncs"],
        {**os.environ, "PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", "")))})


if __name__ == "__main__":
    main()
