"""
Greengrass component for inference at the edge.

    python main.py check --model FOLDER --work FOLDER    refuses a model that cannot serve, before it does
    python main.py run --model FOLDER --work FOLDER      serves until the process is ended

Requests come on a local topic: {"id": "...", "features": [...], "cloud": true to ask the endpoint}. The response, on another topic, is published
after the result is on the disk; a request that was not answered is sent again with the same id, and lands once.
"""

import argparse
import collections
import json
import os
import signal
import sys
import threading

from model import Model, ModelError, check_gate, unpacked


def model_of(options, gated):
    folder = unpacked(options.model, options.work)
    chosen = check_gate(folder) if gated else None
    model = Model(folder)
    model.check()
    return model, chosen


# Publications whose replies are outstanding.
MAX_UNANSWERED = 256


class Home:
    """Greengrass's IPC: local topics, AWS IoT Core and the configuration."""

    def __init__(self, settings):
        from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2

        self.client = GreengrassCoreIPCClientV2()
        self.settings = settings
        self.lock = threading.Lock()
        self.unanswered = collections.deque()

    def configuration(self):
        return self.client.get_configuration().value or {}

    def subscribe(self, topic, receive):
        def on_event(event):
            if event.binary_message is not None:
                receive(event.binary_message.message)
            elif event.json_message is not None:
                receive(json.dumps(event.json_message.message))

        self.client.subscribe_to_topic(topic=topic, on_stream_event=on_event, on_stream_error=lambda error: False)

    def on_configuration(self, changed):
        self.client.subscribe_to_configuration_update(
            on_stream_event=lambda event: changed(), on_stream_error=lambda error: False
        )

    def respond(self, response):
        from awsiot.greengrasscoreipc.model import BinaryMessage, PublishMessage

        message = PublishMessage(binary_message=BinaryMessage(message=json.dumps(response).encode()))
        # Without waiting for each reply of the nucleus, but never for more than some of them; a failed one ends the process.
        with self.lock:
            self.unanswered.append(
                self.client.publish_to_topic_async(topic=self.settings.responses_topic, publish_message=message)
            )
            while len(self.unanswered) > MAX_UNANSWERED:
                self.unanswered.popleft().result(timeout=30)

    def drain(self):
        while self.unanswered:
            self.unanswered.popleft().result(timeout=5)

    def publish_metrics(self, document):
        try:
            self.client.publish_to_iot_core(
                topic_name=self.settings.metrics_topic, qos="1", payload=json.dumps(document).encode()
            )
            return True
        except Exception as error:  # the SDK raises an exception of its own for each reply of the nucleus
            print(f"the metrics were not published: {error}", flush=True)
            return False


def run(options):
    from cloud import Endpoint, Stream
    from service import Service, Settings
    from store import open_store

    home = Home(None)
    settings = Settings(home.configuration())
    home.settings = settings
    region = settings.region or os.environ.get("AWS_REGION", "")
    model, _ = model_of(options, settings.gated)
    store, warning = open_store(os.path.join(options.work, "store"), settings.store_bytes, settings.drop_policy)
    if warning is not None:
        print(warning, flush=True)
    endpoint = (
        Endpoint(settings.endpoint, region, settings.endpoint_seconds, model.labels, model.features)
        if settings.endpoint
        else None
    )
    stream = Stream(settings.stream, region, 10) if settings.stream else None
    service = Service(settings, model, store, endpoint, stream, home, os.environ.get("AWS_IOT_THING_NAME", "device"))

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    changed = threading.Event()
    home.on_configuration(changed.set)
    service.start()
    home.subscribe(settings.requests_topic, service.receive)
    print(f"serving model {model.version} with {len(model.labels)} labels from threshold {settings.threshold:g}", flush=True)
    while not ended.wait(0.2) and not service.stopping.is_set():
        if changed.is_set():
            changed.clear()
            # Only what needs no restart: topics and the size of the store are those of the start.
            service.settings.threshold = Settings(home.configuration()).threshold
            print(f"threshold {service.settings.threshold:g}", flush=True)
    service.stop()
    home.drain()
    if service.failure is not None:
        raise service.failure


def check(options):
    model, chosen = model_of(options, options.gated != "false")
    print(f"model {model.version}: {len(model.labels)} labels, {model.features} features, {chosen or 'without a report'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("check", "run"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--gated", default="true")
    options = parser.parse_args()
    try:
        {"check": check, "run": run}[options.command](options)
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The threads of the IPC client would hold the process.
    os._exit(code)
