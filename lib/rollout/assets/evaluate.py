"""Measures a candidate beside the live model on a frozen set of rows, and writes a report; the gate is elsewhere.

Reads two models, below the channels `live` and `candidate`: the artifact of the classifier that this package trains, or any artifact with one ONNX
file, whose only input is a matrix of float features, and `labels.txt`. Rows are JSON lines `{"id": "r-1", "features": [0.5, 2.0], "label": "cat"}` below
the channel `evaluation`.

Accuracy is measured on all rows, by label, and by every field that `--slice-by` names: `{"device": "phone"}` makes the slice `device=phone`. Latency is
the processor time of one request, both models in turns, so that other work on the machine does not count. Throughput is measured with growing
numbers of concurrent requests; the smallest number that reaches nearly the best throughput is the concurrency of an instance.

Writes below the folder of checkpoints, which SageMaker copies to S3 as it is: `report.json`, and `profile.json` with the service times at that
concurrency, which `simulate --profile` reads. Needs ONNX Runtime; an artifact with TorchScript also needs PyTorch.
"""

import glob
import hashlib
import json
import math
import os
import re
import sys
import time

import numpy
import onnxruntime

from evaluation import EvaluationError, Folders, capacity_of, load, measures_of, parser_of, print_loss, profile_of, report_of, run, unpacked, write_json

# Requests of one model before it is the turn of the other.
RUNS_A_TURN = 10
# Larger numbers are infinite in the float32 of a model.
MAX_FEATURE = 3.4e38


# ---------------------------------------------------------------------------------------------------------------------------------------
# Rows


def read_rows(folder, fields):
    """Returns ids, features, labels and the slices of each row; the later of two rows with one id wins."""
    rows, total = {}, 0
    for file in sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True)):
        with open(file, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip() == "":
                    continue
                total += 1
                row = parse_row(line, fields)
                if row is not None:
                    rows[row[0]] = row[1:]
    if not rows:
        raise EvaluationError(f"none of {total} rows of the channel evaluation is valid; a row has a text id, a list of numbers features, and a label")
    lengths = {len(features) for features, _, _ in rows.values()}
    if len(lengths) > 1:
        raise EvaluationError(f"rows of the channel evaluation have {min(lengths)} to {max(lengths)} features; every row needs the same number")
    ids = sorted(rows)
    return (
        ids,
        numpy.array([rows[identity][0] for identity in ids], dtype=numpy.float32),
        numpy.array([rows[identity][1] for identity in ids]),
        [rows[identity][2] for identity in ids],
    )


def parse_row(line, fields):
    try:
        row = json.loads(line)
        identity, features, label = row["id"], row["features"], row["label"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not is_text(identity) or not isinstance(features, list) or len(features) == 0 or isinstance(label, bool):
        return None
    if not (is_text(label) or isinstance(label, int)) or not all(is_number(value) for value in features):
        return None
    slices = [f"label={label}"] + [f"{name}={row[name]}" for name in fields if isinstance(row.get(name), (str, int))]
    return identity, [float(value) for value in features], str(label), slices


def is_number(value):
    """True for a number that float32 holds; NaN is none, and an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_FEATURE <= value <= MAX_FEATURE


def is_text(value):
    """True for a text that UTF-8 can write, which has no half of a pair of code units alone."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Models


class Model:
    """Model below a folder, with its labels and a function from rows to probabilities."""

    def __init__(self, name, folder, work):
        self.name = name
        root, self.bytes = unpacked(name, folder, work)
        onnx = glob.glob(os.path.join(root, "**", "*.onnx"), recursive=True)
        scripts = [] if onnx else glob.glob(os.path.join(root, "**", "model.pt"), recursive=True)
        if len(onnx) + len(scripts) != 1:
            raise EvaluationError(
                f"the {name} model has {len(onnx)} ONNX files and {len(scripts)} TorchScript files (model.pt); give an artifact with one of either"
            )
        self.labels = labels_of(name, root)
        self.watermark = watermark_of(root)
        self.answer, is_on_gpu = onnx_answers(onnx[0]) if onnx else script_answers(name, scripts[0])
        # Processor time does not count other work on the machine, and not the work of a GPU either.
        self.clock = time.perf_counter if is_on_gpu else time.thread_time

    def right(self, features, wanted):
        """True for every row whose answer is right."""
        found = []
        for begin in range(0, len(features), 1024):
            answers = self.answered(features[begin : begin + 1024])
            if answers.ndim != 2 or answers.shape[1] != len(self.labels):
                raise EvaluationError(f"the {self.name} model answers in the shape {list(answers.shape)}, and labels.txt names {len(self.labels)} labels")
            # An answer that is no number is wrong, whatever label its place would be.
            found.extend(self.labels[row.argmax()] if numpy.isfinite(row).all() else None for row in answers)
        return numpy.array([answer == label for answer, label in zip(found, wanted)])

    def answered(self, rows):
        """Answers to rows, or the reason for which the model takes none."""
        try:
            return self.answer(rows)
        except Exception as error:  # each runtime has exceptions of its own
            raise EvaluationError(
                f"the {self.name} model takes no rows of {rows.shape[1]} features, which those of the channel evaluation have ({error})"
            ) from error


def labels_of(name, root):
    found = glob.glob(os.path.join(root, "**", "labels.txt"), recursive=True)
    if not found:
        raise EvaluationError(f"the {name} model has no labels.txt, which names its outputs, one a line")
    with open(found[0], encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip() != ""]


def watermark_of(root):
    """Largest time of the rows that the model has learned, from the metrics that the classifier writes."""
    for file in glob.glob(os.path.join(root, "**", "metrics.json"), recursive=True):
        with open(file, encoding="utf-8") as text:
            watermark = json.load(text).get("watermark")
        if isinstance(watermark, (int, float)) and math.isfinite(watermark):
            return watermark
    return None


def onnx_answers(file):
    options = onnxruntime.SessionOptions()
    # One request is one thread: the concurrency of requests uses the processors.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    available = onnxruntime.get_available_providers()
    wanted = [provider for provider in ("CUDAExecutionProvider", "CPUExecutionProvider") if provider in available]
    session = onnxruntime.InferenceSession(file, options, providers=wanted)
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})[0], session.get_providers()[0].startswith("CUDA")


def script_answers(name, file):
    try:
        import torch
    except ImportError as error:
        raise EvaluationError(f"the {name} model is TorchScript, and the image has no PyTorch ({error}); take an image of PyTorch") from None
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torch.jit.load(file, map_location=device).eval()

    def answer(rows):
        with torch.inference_mode():
            return model(torch.from_numpy(rows).to(device)).cpu().numpy()

    return answer, device == "cuda"


# ---------------------------------------------------------------------------------------------------------------------------------------
# Measurement


def timed(model, rows):
    """Seconds of one request by the clock of the model."""
    begin = model.clock()
    model.answer(rows)
    return model.clock() - begin


def latencies_of(models, features, options):
    """Seconds of single rows, the models in turns, so that each meets the same machine."""
    times = {name: [] for name in models}
    for model in models.values():
        for _ in range(20):
            timed(model, features[:1])
    for turn in range(math.ceil(options.latency_runs / RUNS_A_TURN)):
        for name, model in models.items():
            timed(model, features[:1])  # what the other model has displaced is in the caches again
            for run in range(RUNS_A_TURN):
                row = features[(turn * RUNS_A_TURN + run) % len(features)][None, :]
                times[name].append(timed(model, row))
    return times


def capacities_of(models, features, options):
    """Capacity of an instance by model, the models in turns at every concurrency."""
    seen = {name: {} for name in models}
    for concurrency in options.concurrency:
        for name, model in models.items():
            ask = lambda number: model.answer(features[number % len(features)][None, :])
            seen[name][concurrency] = load(ask, concurrency, options.load_seconds)
    return {name: capacity_of(of_model) for name, of_model in seen.items()}


def digest_of(ids, features, wanted):
    digest = hashlib.sha256()
    for identity, row, label in zip(ids, features, wanted):
        digest.update(f"{identity}\0{label}\0".encode("utf-8") + row.tobytes())
    return digest.hexdigest()


def print_report(measured):
    print(f"{'model':<12}{'bytes':>10}{'accuracy':>10}{'p50 us':>9}{'p95 us':>9}{'requests/s':>12}{'concurrency':>13}", flush=True)
    for name, values in measured.items():
        latency = values["latencySeconds"]
        print(
            f"{name:<12}{values['bytes']:>10}{values['accuracy']:>10.4f}{latency['p50'] * 1e6:>9.1f}{latency['p95'] * 1e6:>9.1f}"
            f"{values['requestsPerSecond']:>12.0f}{values['maxConcurrency']:>13}",
            flush=True,
        )
    print_loss(measured)


def loaded(name, folder, work):
    try:
        return Model(name, folder, work)
    except EvaluationError:
        raise
    except Exception as error:  # each fault of an archive and of a file has an exception of its own
        raise EvaluationError(f"the {name} model in {folder} cannot be loaded ({error}); give a whole artifact") from error


def evaluate(options, folders, work):
    ids, features, wanted, slices = read_rows(folders.evaluation, options.slice_by)
    models = {name: loaded(name, folder, work) for name, folder in folders.models.items()}
    for model in models.values():
        model.answered(features[:1])  # before minutes of measurements
    latencies = latencies_of(models, features, options)
    capacities = capacities_of(models, features, options)
    measured = {}
    for name, model in models.items():
        right = model.right(features, wanted)
        measures = measures_of(right, slices, model.bytes, latencies[name], capacities[name], options)
        measured[name] = {**measures, "dataWatermark": model.watermark}
    print_report(measured)
    write_json(folders.report, "profile.json", profile_of(capacities["candidate"]["times"]))
    write_json(folders.report, "report.json", report_of(len(ids), digest_of(ids, features, wanted), measured, options))


if __name__ == "__main__":
    settings = parser_of(__doc__.splitlines()[0], latency_runs=300, concurrency="1,2,4,8,16", load_seconds=1.0).parse_args()
    sys.exit(run(evaluate, settings, Folders(os.environ)))
