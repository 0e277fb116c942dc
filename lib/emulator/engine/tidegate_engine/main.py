"""Checks the environment, installs the parts, serves the engine on the loopback address and ends with its parent."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
import sys
import threading

from . import clock, upstream

_REAL_CREDENTIALS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
                     "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_SESSION_TOKEN")


class Refused(Exception):
    """Refusal to start; the message is one line for the person who started the engine."""


def refuse_real_credentials(environment) -> None:
    found = [name for name in _REAL_CREDENTIALS if environment.get(name)]
    key = environment.get("AWS_ACCESS_KEY_ID", "test")
    if key != "test" and not re.fullmatch(r"\d{12}", key):
        found.append("AWS_ACCESS_KEY_ID")
    if found:
        raise Refused(f"real AWS credentials are in the environment ({', '.join(found)}); unset them first")


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise Refused(f"port {port} on {host} is in use") from None


def _end_with_parent() -> None:
    """Ends the process group when standard input, a pipe from the parent, closes: the parent has then ended."""
    def watch():
        while os.read(0, 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="tidegate-parent").start()


def _administered(app, module):
    from . import kafka, permissions, streams

    def reply_to(method: str, path: str):
        if (method, path) == ("GET", "/_tidegate/health"):
            return {"status": "ok", "version": upstream.VERSION, "iamEnforced": module.AUTH, "clock": clock.reading()}
        if (method, path) == ("POST", "/_tidegate/enforce-iam"):
            module.AUTH = True
            return {"iamEnforced": True}
        if (method, path) == ("GET", "/_tidegate/denied"):
            return permissions.denied_calls()
        if (method, path) == ("GET", "/_tidegate/streams"):
            return streams.backlog()
        if (method, path) == ("GET", "/_tidegate/kafka/mappings"):
            return kafka.mappings()
        return None

    async def body_of(receive) -> bytes:
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def serve(scope, receive, send):
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_undated(message):
            """Sends without a Date header: AWS clients on the machine's clock would read it as clock skew and retry each error."""
            if message["type"] == "http.response.start":
                headers = [header for header in message.get("headers", []) if header[0].lower() != b"date"]
                message = {**message, "headers": headers}
            await send(message)

        if not scope["path"].startswith("/_tidegate/"):
            await app(scope, receive, send_undated)
            return
        method, path = scope["method"], scope["path"]
        if method == "POST" and path.startswith("/_tidegate/kafka/"):
            found = await kafka.call(path.rsplit("/", 1)[-1], await body_of(receive))
        else:
            found = reply_to(method, path)
        body = json.dumps({"message": "no such resource"} if found is None else found).encode()
        await send({"type": "http.response.start", "status": 404 if found is None else 200,
                    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return serve


async def _serve(application, host: str, port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2
    config.shutdown_timeout = 1
    config.backlog = 1024
    config.include_date_header = False
    config.loglevel = "WARNING"
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await serve(application, config, shutdown_trigger=ended.wait)


def main(arguments) -> int:
    if arguments == ["--private-names"]:
        print(json.dumps([f"{module}.{name}" for module, names in upstream.PRIVATE_NAMES.items() for name in names]))
        return 0
    host, port = os.environ.get("BIND_HOST", "127.0.0.1"), int(os.environ.get("GATEWAY_PORT", "4566"))
    try:
        refuse_real_credentials(os.environ)
        upstream.check_version()
        clock.install()
        upstream.check_names()
        if arguments == ["--check"]:
            return 0
        refuse_taken_port(host, port)
    except (Refused, upstream.UpstreamMismatch) as error:
        print(f"tidegate-engine: {error}", file=sys.stderr, flush=True)
        return 2
    if os.environ.get("TIDEGATE_END_WITH_PARENT") == "1":
        _end_with_parent()

    from ministack import app
    from ministack.core import lambda_runtime
    from . import emulator, kafka, metrics, permissions, repairs, shards, streams, workers, workflows

    for part in (emulator, permissions, metrics, workers, shards, streams, kafka, workflows, repairs):
        part.install()
    logging.getLogger("ministack").setLevel(logging.WARNING)
    asyncio.run(_serve(_administered(app.app, app), host, port))
    lambda_runtime.reset()
    logging.shutdown()
    os._exit(0)
