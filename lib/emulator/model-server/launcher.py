"""Runs a model server in a network of its own.

Model servers listen on every address, as SageMaker requires. The server therefore runs in a network with a loopback interface
only, reachable over Unix sockets alone, one for each relayed port.
It ends with its parent: when standard input closes, by SIGTERM and after the grace period by SIGKILL.
"""

import argparse
import asyncio
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
SET_FLAGS, UP, RUNNING = 0x8914, 0x1, 0x40
SET_PARENT_DEATH_SIGNAL = 1
# Maximum number of connections that wait to be accepted: a full queue of a Unix socket refuses the next one with EAGAIN.
BACKLOG = 1024

libc = ctypes.CDLL(None, use_errno=True)


def own_network() -> None:
    """Moves the process from the machine's network to an empty one."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_NETWORK) == 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    elif libc.unshare(NEW_NETWORK) != 0:
        sys.exit(f"tidegate-model-server: no network of its own: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        fcntl.ioctl(loopback, SET_FLAGS, struct.pack("16sh14x", b"lo", UP | RUNNING))


def start(command: list) -> subprocess.Popen:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL))
    except OSError as error:
        sys.exit(f"tidegate-model-server: {command[0]}: {error.strerror}")


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(relays: list, server: subprocess.Popen) -> None:
    def relay(port: int):
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                upstream = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            try:
                await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
            except asyncio.CancelledError:
                pass  # the end, with connections still open
        return connected

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 4096) else None)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    listeners = [await asyncio.start_unix_server(relay(port), path, backlog=BACKLOG) for path, port in relays]
    while not ended.is_set() and server.poll() is None:
        try:
            await asyncio.wait_for(ended.wait(), 0.2)
        except asyncio.TimeoutError:
            pass
    for listener in listeners:
        listener.close()


def relayed(text: str) -> tuple:
    path, _, port = text.rpartition("=")
    return path, int(port)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--relay", required=True, action="append", type=relayed, metavar="SOCKET=PORT")
    parser.add_argument("--grace", required=True, type=float, metavar="SECONDS")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    own_network()
    server = start(options.command)
    try:
        asyncio.run(serve(options.relay, server))
    finally:
        code = server.poll()
        server.terminate()
        try:
            server.wait(options.grace)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    return 0 if code is None else 1


if __name__ == "__main__":
    sys.exit(main())
