"""Serves ONNX networks over a Unix socket, each by the folder of its model's artifact, in the JSON form that Triton takes.

`PUT /models/NAME` with `{"directory": ...}` loads the one network below a folder and returns its inputs as in Triton's configuration; `GET /models/NAME` counts
its answers; `POST /models/NAME/infer`, and `POST /invocations` where there is one model, run it on the tensors of KServe's open inference protocol,
version 2. An optional `labels.txt` beside the network names the classes: the response then has an output `label` too, the most
likely class of each row. It ends with its parent, when standard input closes.

Needs NumPy and ONNX Runtime.
"""

import argparse
import glob
import json
import os
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

import numpy
import onnxruntime

# Data types of the protocol, by those of ONNX Runtime.
TYPES = {
    "tensor(float)": ("FP32", numpy.float32),
    "tensor(double)": ("FP64", numpy.float64),
    "tensor(int64)": ("INT64", numpy.int64),
    "tensor(int32)": ("INT32", numpy.int32),
    "tensor(int16)": ("INT16", numpy.int16),
    "tensor(int8)": ("INT8", numpy.int8),
    "tensor(uint64)": ("UINT64", numpy.uint64),
    "tensor(uint32)": ("UINT32", numpy.uint32),
    "tensor(uint16)": ("UINT16", numpy.uint16),
    "tensor(uint8)": ("UINT8", numpy.uint8),
    "tensor(bool)": ("BOOL", numpy.bool_),
    "tensor(string)": ("BYTES", numpy.object_),
}
# Rows of a request to a network whose rows are not limited.
MAX_ROWS = 64


class RequestError(Exception):
    """Error in a request; its text is the response."""


class Network:
    """One network, with the names of its classes."""

    def __init__(self, name, directory):
        found = sorted(glob.glob(os.path.join(directory, "**", "*.onnx"), recursive=True))
        if len(found) != 1:
            names = ", ".join(os.path.relpath(path, directory) for path in found) or "none"
            raise RequestError(f"the model's artifact must have one ONNX file; it has {names}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.name = name
        self.answered = 0
        self.counting = threading.Lock()
        try:
            self.session = onnxruntime.InferenceSession(found[0], options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common class of errors
            raise RequestError(f"ONNX Runtime cannot load {os.path.relpath(found[0], directory)}: {error}") from error
        labels = sorted(glob.glob(os.path.join(directory, "**", "labels.txt"), recursive=True))
        self.labels = open(labels[0], encoding="utf-8").read().splitlines() if labels else None

    def config(self):
        """Inputs with their sizes, without that of the rows where it is open in all inputs and outputs."""
        inputs = self.session.get_inputs()
        has_rows = all(len(one.shape) > 0 and size_of(one.shape[0]) == -1 for one in [*inputs, *self.session.get_outputs()])
        return {
            "max_batch_size": MAX_ROWS if has_rows else 0,
            "input": [
                {
                    "name": one.name,
                    "data_type": "TYPE_" + {"BYTES": "STRING"}.get(datatype_of(one), datatype_of(one)),
                    "dims": [size_of(size) for size in one.shape[1 if has_rows else 0 :]],
                }
                for one in inputs
            ],
        }

    def infer(self, request):
        outputs = self.session.run(None, self.feeds(request))
        described = [
            {
                "name": output.name,
                "datatype": datatype_of(output),
                "shape": list(values.shape),
                "data": values.ravel().tolist(),
            }
            for output, values in zip(self.session.get_outputs(), outputs)
        ]
        if self.labels is not None and outputs[0].ndim == 2 and outputs[0].shape[1] == len(self.labels):
            classes = [self.labels[index] for index in outputs[0].argmax(axis=1)]
            described.append({"name": "label", "datatype": "BYTES", "shape": [len(classes)], "data": classes})
        with self.counting:
            self.answered += 1
        return {"model_name": self.name, "model_version": "1", "outputs": described}

    def feeds(self, request):
        tensors = {one.get("name"): one for one in request.get("inputs", []) if isinstance(one, dict)}
        expected = self.session.get_inputs()
        feeds = {}
        for wanted in expected:
            tensor = tensors.get(wanted.name)
            if tensor is None:
                raise RequestError(f"input '{wanted.name}' is missing; the model takes {[one.name for one in expected]}")
            datatype, kind = TYPES.get(wanted.type, (None, None))
            if kind is None:
                raise RequestError(f"input '{wanted.name}' has the type {wanted.type}, which is not served here")
            if tensor.get("datatype", datatype) != datatype:
                raise RequestError(f"input '{wanted.name}' has the datatype {tensor['datatype']}; the model takes {datatype}")
            try:
                values = numpy.asarray(tensor.get("data"), dtype=kind).reshape(tensor.get("shape"))
            except (TypeError, ValueError) as error:
                raise RequestError(f"input '{wanted.name}': {error}") from error
            feeds[wanted.name] = values
        unknown = sorted(set(tensors) - set(feeds))
        if unknown:
            raise RequestError(f"unknown inputs {unknown}; the model takes {[one.name for one in expected]}")
        return feeds


def size_of(size):
    return size if isinstance(size, int) and size > 0 else -1


def datatype_of(tensor):
    return TYPES.get(tensor.type, (tensor.type, None))[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    networks = {}

    def address_string(self):
        return "local"

    def log_message(self, form, *values):
        pass

    def do_GET(self):
        if self.path == "/ping":
            self.reply(200, {})
        else:
            self.answer(lambda _: {"answered": self.network().answered})

    def do_PUT(self):
        self.answer(self.load)

    def do_POST(self):
        self.answer(self.infer)

    def load(self, body):
        name = self.model_name()
        self.networks[name] = network = Network(name, body["directory"])
        return network.config()

    def model_name(self):
        return unquote((self.path + "//").split("/")[2])

    def network(self):
        if self.path == "/invocations" and len(self.networks) == 1:
            return next(iter(self.networks.values()))
        network = self.networks.get(self.model_name())
        if network is None:
            raise RequestError("the model is not loaded")
        return network

    def infer(self, body):
        network = self.network()
        try:
            return network.infer(body)
        except RequestError:
            raise
        except Exception as error:  # a wrong shape is known by ONNX Runtime alone
            raise RequestError(str(error)) from error

    def answer(self, act):
        try:
            length = int(self.headers.get("content-length", "0"))
            body = json.loads(self.rfile.read(length) or b"{}")
            if not isinstance(body, dict):
                raise RequestError("the body must be a JSON object")
            self.reply(200, act(body))
        except (RequestError, ValueError) as error:
            self.reply(400, {"error": str(error)})

    def reply(self, status, value):
        content = json.dumps(value).encode("utf-8")
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 1024


def end_with_parent():
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", required=True)
    options = parser.parse_args()
    threading.Thread(target=end_with_parent, daemon=True).start()
    Server(options.socket, Handler).serve_forever()


if __name__ == "__main__":
    main()
