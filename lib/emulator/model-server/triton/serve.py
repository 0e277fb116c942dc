"""Replaces its process by Triton in its SageMaker mode, which has no setting for the address to listen on."""

import argparse
import importlib.util
import os
import shutil
import sys
import sysconfig

# Located without an import, which would need packages that only its clients use.
PACKAGE = importlib.util.find_spec("pytriton").submodule_search_locations[0]


def backends(directory: str) -> str:
    """Copies the Python backend with the stub of this interpreter, which the package has in another folder, and the ONNX backend; returns the server's path."""
    packaged = os.path.join(PACKAGE, "tritonserver")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = os.path.join(packaged, "python_backend_stubs", version, "triton_python_backend_stub")
    if not os.path.exists(stub):
        sys.exit(f"tidegate-model-server: Triton has no Python backend for Python {version}")
    target = os.path.join(directory, "python")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(os.path.join(packaged, "backends", "python"), target)
    shutil.copy(stub, target)
    onnx = os.path.join(directory, "onnxruntime")
    os.makedirs(onnx, exist_ok=True)
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx_backend.py"), os.path.join(onnx, "model.py"))
    return os.path.join(packaged, "bin", "tritonserver")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("repository", "model", "backends", "port", "http-port", "metrics-port"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    binary = backends(options.backends)
    packages = os.path.dirname(PACKAGE)
    libraries = [os.path.join(packages, "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR") or ""]
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(path for path in libraries if path),
        "PYTHONPATH": packages,
        "PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", ""))),
        "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": options.model,
        "SAGEMAKER_MULTI_MODEL": "false",
    }
    os.execve(
        binary,
        [binary, "--model-repository", options.repository, "--backend-directory", options.backends,
         "--allow-sagemaker=true", f"--sagemaker-port={options.port}", "--allow-grpc=false",
         "--http-address=127.0.0.1", f"--http-port={options.http_port}", "--http-thread-count=1",
         "--allow-metrics=true", "--allow-gpu-metrics=false", f"--metrics-port={options.metrics_port}",
         "--metrics-address=127.0.0.1", "--exit-timeout-secs=3"],
        environment)


if __name__ == "__main__":
    main()
