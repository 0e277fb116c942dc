"""Serves a compressed classifier in SageMaker's PyTorch container, in the JSON form of KServe's open inference protocol, version 2.

A request has the tensor that `signature.json` names: `{"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 2.0]}]}`.
The response has the probabilities and, as output `label`, the most likely class of each row. A request of another form is answered with status 400.

Needs PyTorch alone, because registered models have no network from which a package could be installed.
"""

import json
import os

import torch


def refusal(text):
    """Error of a request: SageMaker's toolkit answers its own class with the status that it has, and any other with 500."""
    try:
        from sagemaker_inference.errors import GenericInferenceToolkitError
    except ImportError:
        return ValueError(text)
    return GenericInferenceToolkitError(400, text, "Bad Request")


class Classifier:
    """Network of an artifact, with its signature and the names of its classes."""

    def __init__(self, folder):
        # A request is one thread; the workers of the server use the processors.
        torch.set_num_threads(1)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = torch.jit.load(os.path.join(folder, "model.pt"), map_location=self.device).eval()
        with open(os.path.join(folder, "signature.json"), encoding="utf-8") as file:
            signature = json.load(file)
        self.input, self.output, self.features = signature["input"], signature["output"], signature["features"]
        with open(os.path.join(folder, "labels.txt"), encoding="utf-8") as file:
            self.labels = [line.rstrip("\n") for line in file if line.strip() != ""]


def model_fn(model_dir):
    return Classifier(model_dir)


def input_fn(request_body, content_type):
    """Tensors of a request by their names; which of them the model takes, only `predict_fn` knows."""
    if content_type.split(";")[0].strip() != "application/json":
        raise refusal(f"the content type {content_type} is not served; send application/json")
    try:
        request = json.loads(request_body)
        return {tensor["name"]: tensor for tensor in request["inputs"]}
    except (ValueError, TypeError, KeyError) as error:
        raise refusal(f"the request is not {{\"inputs\": [{{\"name\", \"shape\", \"datatype\", \"data\"}}]}}: {error!r}") from error


def predict_fn(tensors, model):
    rows = matrix_of(tensors, model)
    with torch.inference_mode():
        return model, model.network(rows.to(model.device)).cpu()


def matrix_of(tensors, model):
    if list(tensors) != [model.input]:
        raise refusal(f"the request has the inputs {list(tensors)}; the model takes {[model.input]}")
    tensor = tensors[model.input]
    if tensor.get("datatype", "FP32") != "FP32":
        raise refusal(f"input '{model.input}' has the datatype {tensor['datatype']}; the model takes FP32")
    try:
        rows = torch.tensor(tensor.get("data"), dtype=torch.float32).reshape(tensor.get("shape"))
    except (TypeError, ValueError, RuntimeError) as error:
        raise refusal(f"input '{model.input}': {error}") from error
    if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != model.features:
        raise refusal(f"input '{model.input}' has the shape {list(rows.shape)}; the model takes [rows, {model.features}]")
    return rows


def output_fn(prediction, accept):
    """JSON whatever the client accepts, as from the other servers."""
    model, probabilities = prediction
    labels = [model.labels[index] for index in probabilities.argmax(dim=1).tolist()]
    outputs = [
        {"name": model.output, "datatype": "FP32", "shape": list(probabilities.shape), "data": probabilities.flatten().tolist()},
        {"name": "label", "datatype": "BYTES", "shape": [len(labels)], "data": labels},
    ]
    return json.dumps({"model_name": "model", "model_version": "1", "outputs": outputs}), "application/json"
