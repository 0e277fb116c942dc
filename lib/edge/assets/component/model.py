"""The model on the device: an ONNX file and its labels, checked before it serves."""

import glob
import hashlib
import json
import os
import shutil
import tarfile


class ModelError(Exception):
    """The model cannot serve; the message says the reason."""


def unpacked(path, work):
    """Folder of a model: the path itself, or the archive `model.tar.gz` in it, unpacked below the work folder once."""
    archives = glob.glob(os.path.join(path, "**", "*.tar.gz"), recursive=True)
    if not archives:
        return path
    if len(archives) > 1:
        raise ModelError(f"{path} has {len(archives)} archives; a version has one model")
    digest = hashlib.sha256()
    with open(archives[0], "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    target = os.path.join(work, "models", digest.hexdigest()[:32])
    if os.path.isdir(target):
        return target
    building = f"{target}.{os.getpid()}"
    try:
        with tarfile.open(archives[0]) as archive:
            archive.extractall(building, filter="data")
        os.replace(building, target)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ModelError(f"{archives[0]} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for other in os.listdir(os.path.dirname(target)):
        if other != os.path.basename(target):
            shutil.rmtree(os.path.join(os.path.dirname(target), other), ignore_errors=True)
    return target


def one_file(folder, name):
    found = glob.glob(os.path.join(folder, "**", name), recursive=True)
    if len(found) != 1:
        raise ModelError(f"{folder} has {len(found)} files {name}; a model has one")
    return found[0]


def check_gate(folder):
    """Refuses a model without a report of its compression, and one that the gate of the compression refused."""
    found = glob.glob(os.path.join(folder, "**", "report.json"), recursive=True)
    if not found:
        raise ModelError(f"{folder} has no report.json, which a CompressionPipeline writes; deploy its artifact, or allow models without a report")
    with open(found[0], encoding="utf-8") as file:
        report = json.load(file)
    chosen = report.get("chosen")
    if chosen is None:
        raise ModelError("report.json names no model that the gate let through")
    refused = report.get("models", {}).get(chosen, {}).get("refusedFor")
    if refused:
        raise ModelError(f"the gate refused {chosen}: {', '.join(refused)}")
    return chosen


class Model:
    def __init__(self, folder):
        import numpy
        import onnxruntime

        self.numpy = numpy
        file = one_file(folder, "*.onnx")
        with open(one_file(folder, "labels.txt"), encoding="utf-8") as text:
            self.labels = [line.strip() for line in text if line.strip() != ""]
        if not self.labels:
            raise ModelError("labels.txt is empty")
        with open(file, "rb") as data:
            self.version = hashlib.sha256(data.read()).hexdigest()[:16]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # each fault of a file has an exception of its own
            raise ModelError(f"ONNX Runtime cannot load {file}: {error}") from error
        inputs = self.session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 2 or not isinstance(shape[1], int):
            raise ModelError(f"the model has the inputs {[(one.name, one.shape) for one in inputs]}; one matrix of float features is expected")
        self.input = inputs[0].name
        self.features = shape[1]

    def check(self):
        """Runs the model once and refuses answers that are no probabilities or scores of the labels."""
        answers = self.session.run(None, {self.input: self.numpy.zeros((2, self.features), dtype=self.numpy.float32)})[0]
        if answers.shape != (2, len(self.labels)):
            raise ModelError(f"the model answers in the shape {list(answers.shape)}, and labels.txt names {len(self.labels)} labels")
        if not self.numpy.isfinite(answers).all():
            raise ModelError("the model answers with values that are not finite")

    def answers(self, rows):
        """Label and confidence of each row of features."""
        scores = self.session.run(None, {self.input: self.numpy.asarray(rows, dtype=self.numpy.float32)})[0]
        return [label_of(self.numpy, row, self.labels) for row in scores]


def label_of(numpy, scores, labels):
    """Label with the highest score, and its probability; scores that are no probabilities go through softmax."""
    values = numpy.asarray(scores, dtype=numpy.float64)
    # Probabilities of a quantised model are rounded, so that their sum is not exactly one.
    if values.min() < 0 or abs(values.sum() - 1) > 0.1:
        values = numpy.exp(values - values.max())
    values = values / values.sum()
    index = int(values.argmax())
    return labels[index], float(values[index])
