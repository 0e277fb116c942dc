"""Exports the small network as ONNX, in a Triton repository with dynamic batching."""

import os
import shutil
import sys

import onnx
from fitted_network import fitted
from onnx import TensorProto, helper, numpy_helper

CONFIG = """backend: "python"
max_batch_size: 64
dynamic_batching { max_queue_delay_microseconds: 2000 }
input [ { name: "tokens" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "service_seconds" data_type: TYPE_FP32 dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
"""


def export(repository: str, profile: list) -> None:
    steps = [
        helper.make_node("Mul", ["tokens", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "bias"], ["biased"]),
        helper.make_node("Relu", ["biased"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "read_out"], ["read"]),
        helper.make_node("Add", ["read", "offset"], ["service_seconds"]),
    ]
    graph = helper.make_graph(
        steps, "service_time",
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("service_seconds", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in fitted(*profile).items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    directory = os.path.join(repository, "service_time", "1")
    os.makedirs(directory, exist_ok=True)
    onnx.save(model, os.path.join(directory, "model.onnx"))
    with open(os.path.join(repository, "service_time", "config.pbtxt"), "w", encoding="utf-8") as file:
        file.write(CONFIG)
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "backend_model.py"),
                os.path.join(directory, "model.py"))


if __name__ == "__main__":
    export(sys.argv[1], [float(text) for text in sys.argv[2:5]])
