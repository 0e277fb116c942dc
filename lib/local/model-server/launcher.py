"""Triton in its SageMaker mode, in a network of its own.

In that mode Triton listens on every address and has no setting for it. So it gets a network in which there is nothing but
a loopback interface, and two Unix sockets are the only way in: model.sock (/ping, /invocations) and metrics.sock.
Ends with its parent: when standard input closes, so does the server.
"""

import argparse
import asyncio
import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import sysconfig

# Its import would need packages that only its own clients use.
PACKAGE = importlib.util.find_spec("pytriton").submodule_search_locations[0]
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
SET_FLAGS, UP, RUNNING = 0x8914, 0x1, 0x40
SET_PARENT_DEATH_SIGNAL = 1
MODEL_PORT, METRICS_PORT = 8080, 8002
# Connections that may wait to be taken up: a full queue of a Unix socket refuses the next one at once, with EAGAIN.
BACKLOG = 1024

libc = ctypes.CDLL(None, use_errno=True)


def own_network() -> None:
    """Leaves the machine's network for an empty one."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_NETWORK) == 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    elif libc.unshare(NEW_NETWORK) != 0:
        sys.exit(f"tidegate-model-server: no network of its own: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, SET_FLAGS, struct.pack("16sh14x", b"lo", UP | RUNNING))


def backends(directory: str) -> str:
    """The Python backend with the stub of this interpreter beside it, which the package keeps apart."""
    packaged = os.path.join(PACKAGE, "tritonserver")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = os.path.join(packaged, "python_backend_stubs", version, "triton_python_backend_stub")
    if not os.path.exists(stub):
        sys.exit(f"tidegate-model-server: Triton has no Python backend for Python {version}")
    target = os.path.join(directory, "python")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(os.path.join(packaged, "backends", "python"), target)
    shutil.copy(stub, target)
    return os.path.join(packaged, "bin", "tritonserver")


def start_triton(options: argparse.Namespace) -> subprocess.Popen:
    backend_directory = os.path.join(options.directory, "backends")
    binary = backends(backend_directory)
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
    return subprocess.Popen(
        [binary, "--model-repository", options.repository, "--backend-directory", backend_directory,
         "--allow-sagemaker=true", f"--sagemaker-port={MODEL_PORT}", "--allow-http=false", "--allow-grpc=false",
         "--allow-metrics=true", "--allow-gpu-metrics=false", f"--metrics-port={METRICS_PORT}",
         "--metrics-address=127.0.0.1", "--exit-timeout-secs=3"],
        env=environment, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(options: argparse.Namespace, triton: subprocess.Popen) -> None:
    def relay(port: int):
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                upstream = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
        return connected

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    servers = [await asyncio.start_unix_server(relay(port), os.path.join(options.sockets, name), backlog=BACKLOG)
               for name, port in (("model.sock", MODEL_PORT), ("metrics.sock", METRICS_PORT))]
    while not ended.is_set() and triton.poll() is None:
        try:
            await asyncio.wait_for(ended.wait(), 0.2)
        except asyncio.TimeoutError:
            pass
    for server in servers:
        server.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("repository", "model", "directory", "sockets"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    own_network()
    triton = start_triton(options)
    try:
        asyncio.run(serve(options, triton))
    finally:
        code = triton.poll()
        triton.terminate()
        try:
            triton.wait(4)
        except subprocess.TimeoutExpired:
            triton.kill()
            triton.wait()
    return 0 if code is None else 1


if __name__ == "__main__":
    sys.exit(main())
