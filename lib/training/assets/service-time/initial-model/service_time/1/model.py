"""Serves the service-time model in Triton's Python backend."""

import json
import os
import socket


def load_weights(directory):
    with open(os.path.join(directory, "weights.json"), encoding="utf-8") as file:
        return json.load(file)


def predict_seconds(weights, context_tokens, generated_tokens):
    return (
        weights["overhead_seconds"]
        + weights["seconds_per_context_token"] * context_tokens
        + weights["seconds_per_generated_token"] * generated_tokens
    )


class TritonPythonModel:
    def initialize(self, args):
        self.weights = load_weights(os.path.join(args["model_repository"], args["model_version"]))
        self.instance = socket.gethostname()

    def execute(self, requests):
        import numpy
        import triton_python_backend_utils as triton

        responses = []
        for request in requests:
            context = int(triton.get_input_tensor_by_name(request, "context_tokens").as_numpy()[0])
            generated = int(triton.get_input_tensor_by_name(request, "generated_tokens").as_numpy()[0])
            seconds = predict_seconds(self.weights, context, generated)
            outputs = [
                triton.Tensor("generated_tokens", numpy.array([generated], dtype=numpy.int64)),
                triton.Tensor("service_seconds", numpy.array([seconds], dtype=numpy.float64)),
                triton.Tensor("instance", numpy.array([self.instance], dtype=object)),
            ]
            responses.append(triton.InferenceResponse(output_tensors=outputs))
        return responses
