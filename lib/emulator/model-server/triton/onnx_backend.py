"""Triton's ONNX Runtime backend, which the package of the binary does not have: a backend in Python, for models with `platform: "onnxruntime_onnx"`.

It completes a configuration from the network, refuses one that contradicts it, and runs all requests of a batch at once.
"""

import json
import os

import numpy
import onnxruntime
import triton_python_backend_utils as triton

# Data types of the configuration and of NumPy, by those of ONNX Runtime.
TYPES = {
    "tensor(bool)": ("TYPE_BOOL", numpy.bool_),
    "tensor(uint8)": ("TYPE_UINT8", numpy.uint8),
    "tensor(uint16)": ("TYPE_UINT16", numpy.uint16),
    "tensor(uint32)": ("TYPE_UINT32", numpy.uint32),
    "tensor(uint64)": ("TYPE_UINT64", numpy.uint64),
    "tensor(int8)": ("TYPE_INT8", numpy.int8),
    "tensor(int16)": ("TYPE_INT16", numpy.int16),
    "tensor(int32)": ("TYPE_INT32", numpy.int32),
    "tensor(int64)": ("TYPE_INT64", numpy.int64),
    "tensor(float16)": ("TYPE_FP16", numpy.float16),
    "tensor(float)": ("TYPE_FP32", numpy.float32),
    "tensor(double)": ("TYPE_FP64", numpy.float64),
    "tensor(string)": ("TYPE_STRING", numpy.object_),
}


def session_of(config):
    name = config.get("default_model_filename") or "model.onnx"
    path = os.path.join(triton.get_model_dir(), name)
    if not os.path.isfile(path):
        raise triton.TritonModelException(f"there is no {name} in the folder of the version, {os.path.basename(triton.get_model_dir())}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common class of errors
        raise triton.TritonModelException(f"ONNX Runtime cannot load {name}: {error}") from error


def dims_of(tensor):
    return [size if isinstance(size, int) and size > 0 else -1 for size in tensor.shape]


def type_of(tensor):
    if tensor.type not in TYPES:
        raise triton.TritonModelException(f"'{tensor.name}' has the type {tensor.type}, which Triton does not serve")
    return TYPES[tensor.type][0]


def is_batched(tensors):
    return all(len(tensor.shape) > 0 and dims_of(tensor)[0] == -1 for tensor in tensors)


def problems(config, session):
    """Contradictions between the configuration and the network."""
    batched = config.get("max_batch_size", 0) > 0
    for kind, tensors in (("input", session.get_inputs()), ("output", session.get_outputs())):
        known = {tensor.name: tensor for tensor in tensors}
        for given in config.get(kind, []):
            tensor = known.get(given["name"])
            if tensor is None:
                yield f"unexpected inference {kind} '{given['name']}', allowed {kind}s are: {', '.join(known)}"
                continue
            if given["data_type"] != type_of(tensor):
                yield f"{kind} '{tensor.name}' is {given['data_type']} in the configuration; the network has {type_of(tensor)}"
            dims = given.get("reshape", given).get("shape", given["dims"])
            wanted = ([-1] if batched else []) + [int(size) for size in dims]
            own = dims_of(tensor)
            if len(wanted) != len(own) or any(one != other and -1 not in (one, other) for one, other in zip(wanted, own)):
                yield f"{kind} '{tensor.name}' has the shape {wanted} by the configuration; that of the network is {own}"
        missing = sorted(set(known) - {given["name"] for given in config.get(kind, [])})
        if kind == "input" and missing:
            yield f"the configuration has no input {', '.join(missing)}, which the network takes"


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(completed):
        config = completed.as_dict()
        if config.get("input") and config.get("output"):
            return completed
        session = session_of(config)
        batched = is_batched([*session.get_inputs(), *session.get_outputs()])
        if batched and config.get("max_batch_size", 0) == 0:
            completed.set_max_batch_size(64)
            completed.set_dynamic_batching()
        skipped = 1 if completed.as_dict().get("max_batch_size", 0) > 0 else 0
        for add, tensors in ((completed.add_input, session.get_inputs()), (completed.add_output, session.get_outputs())):
            for tensor in tensors:
                add({"name": tensor.name, "data_type": type_of(tensor), "dims": dims_of(tensor)[skipped:]})
        return completed

    def initialize(self, arguments):
        config = json.loads(arguments["model_config"])
        self.session = session_of(config)
        for problem in problems(config, self.session):
            raise triton.TritonModelException(problem)
        self.batched = config.get("max_batch_size", 0) > 0
        self.types = {tensor.name: TYPES[tensor.type][1] for tensor in self.session.get_inputs()}
        self.outputs = [given["name"] for given in config["output"]]

    def execute(self, requests):
        if not self.batched:
            return [self.answer([request])[0] for request in requests]
        return self.answer(requests)

    def answer(self, requests):
        given = [
            {name: values_for(kind, triton.get_input_tensor_by_name(request, name)) for name, kind in self.types.items()}
            for request in requests
        ]
        feeds = given[0] if len(given) == 1 else {name: numpy.concatenate([one[name] for one in given]) for name in self.types}
        try:
            results = self.session.run(self.outputs, feeds)
        except Exception as error:  # ONNX Runtime has no common class of errors
            return [triton.InferenceResponse(error=triton.TritonError(str(error)))] * len(requests)
        rows = numpy.cumsum([len(one[next(iter(self.types))]) for one in given])[:-1] if self.batched else []
        parts = [numpy.split(result, rows) if len(requests) > 1 else [result] for result in results]
        return [
            triton.InferenceResponse([triton.Tensor(name, sent(part[index])) for name, part in zip(self.outputs, parts)])
            for index in range(len(requests))
        ]


def values_for(kind, tensor):
    """Values of a tensor as the network takes them: text as text, which Triton has as bytes."""
    values = tensor.as_numpy()
    if kind is not numpy.object_:
        return values
    return numpy.array([one.decode("utf-8") for one in values.ravel()], dtype=numpy.object_).reshape(values.shape)


def sent(values):
    if values.dtype != numpy.object_:
        return values
    return numpy.array([one.encode("utf-8") for one in values.ravel()], dtype=numpy.object_).reshape(values.shape)
