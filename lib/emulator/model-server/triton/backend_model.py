"""Model of Triton's Python backend: one run of the network for all requests of a batch."""

import os

import numpy
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        tokens = [triton.get_input_tensor_by_name(request, "tokens").as_numpy() for request in requests]
        (seconds,) = self.session.run(None, {"tokens": numpy.concatenate(tokens)})
        parts = numpy.split(seconds, numpy.cumsum([len(one) for one in tokens])[:-1])
        return [triton.InferenceResponse([triton.Tensor("service_seconds", part)]) for part in parts]
