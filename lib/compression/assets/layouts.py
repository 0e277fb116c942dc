"""Writes a compressed model in the layout that its server reads."""

import json
import os
import shutil

INPUT, OUTPUT = "features", "probabilities"


def served(network):
    """Network with probabilities as outputs."""
    import torch

    return torch.nn.Sequential(network, torch.nn.Softmax(dim=1)).eval()


def write_labels(folder, labels):
    with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as text:
        text.writelines(f"{name}\n" for name in labels)


def write_triton(root, file, session, labels, features, model_name, batch_rows):
    """Writes Triton's repository of an ONNX model, which `session` has loaded; the file is ready for ONNX Runtime as it is."""
    repository = os.path.join(root, model_name)
    os.makedirs(os.path.join(repository, "1"), exist_ok=True)
    shutil.copyfile(file, os.path.join(repository, "1", "model.onnx"))
    write_labels(repository, labels)
    with open(os.path.join(repository, "config.pbtxt"), "w", encoding="utf-8") as text:
        text.write(
            f'name: "{model_name}"\nplatform: "onnxruntime_onnx"\nmax_batch_size: {batch_rows}\ndynamic_batching {{}}\n'
            f'input [ {{ name: "{session.get_inputs()[0].name}", data_type: TYPE_FP32, dims: [ {features} ] }} ]\n'
            f'output [ {{ name: "{session.get_outputs()[0].name}", data_type: TYPE_FP32, dims: [ {len(labels)} ], label_filename: "labels.txt" }} ]\n'
        )


def write_torchserve(root, network, labels):
    """Writes what SageMaker's PyTorch container reads: `model.pt` in TorchScript, and the script in `code/`, which needs PyTorch alone."""
    import torch

    features = len(network.mean)
    os.makedirs(os.path.join(root, "code"), exist_ok=True)
    torch.jit.trace(served(network), torch.zeros(1, features)).save(os.path.join(root, "model.pt"))
    write_labels(root, labels)
    with open(os.path.join(root, "signature.json"), "w", encoding="utf-8") as file:
        json.dump({"input": INPUT, "output": OUTPUT, "features": features}, file)
    shutil.copyfile(os.path.join(os.path.dirname(os.path.abspath(__file__)), "inference.py"), os.path.join(root, "code", "inference.py"))
