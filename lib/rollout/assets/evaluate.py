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

import argparse
import glob
import hashlib
import json
import math
import os
import sys
import tarfile
import tempfile
import threading
import time

import numpy
import onnxruntime

MODELS = ("live", "candidate")
# Requests of one model before it is the turn of the other.
RUNS_A_TURN = 10
# Share of the best throughput that counts as reaching it.
NEARLY = 0.95
MAX_PROFILE_TIMES = 500


class EvaluationError(Exception):
    """Error that the user can correct; its text is written to the failure file."""


class Folders:
    """Folders of a training container."""

    def __init__(self, environment):
        root = "/opt/ml"
        channel = lambda name: environment.get(f"SM_CHANNEL_{name.upper()}", f"{root}/input/data/{name}")
        self.models = {name: channel(name) for name in MODELS}
        self.evaluation = channel("evaluation")
        self.output = environment.get("SM_OUTPUT_DIR", f"{root}/output")
        self.report = environment.get("SM_CHECKPOINT_DIR", f"{root}/checkpoints")


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


def counts(text):
    values = sorted({count(part) for part in str(text).split(",") if part.strip() != ""})
    if not values:
        raise argparse.ArgumentTypeError("names no number of requests")
    return values


def positive(text):
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def names(text):
    return [part.strip() for part in text.split(",") if part.strip() != ""]


def settings(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice-by", type=names, default=[], help="fields of the rows whose values are slices, as device,country")
    parser.add_argument("--latency-runs", type=count, default=300, help="measured requests of each model")
    parser.add_argument("--concurrency", type=counts, default=counts("1,2,4,8,16"), help="numbers of concurrent requests to try")
    parser.add_argument("--load-seconds", type=positive, default=1.0, help="time of one measurement of the throughput")
    parser.add_argument("--price-per-hour-usd", type=positive, default=None, help="price of an instance of the endpoint, for the cost of requests")
    parser.add_argument("--instance-type", default="", help="instance type of the endpoint, for the report")
    return parser.parse_args(arguments)


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
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(identity, str) or not isinstance(features, list) or len(features) == 0 or isinstance(label, bool):
        return None
    if not isinstance(label, (str, int)):
        return None
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) for value in features):
        return None
    slices = [f"label={label}"] + [f"{name}={row[name]}" for name in fields if isinstance(row.get(name), (str, int))]
    return identity, [float(value) for value in features], str(label), slices


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
            answers = self.answer(features[begin : begin + 1024])
            if answers.ndim != 2 or answers.shape[1] != len(self.labels):
                raise EvaluationError(f"the {self.name} model answers in the shape {list(answers.shape)}, and labels.txt names {len(self.labels)} labels")
            found.extend(self.labels[index] for index in answers.argmax(axis=1))
        return numpy.array(found) == wanted


def unpacked(name, folder, work):
    """Returns the folder of the files of a model, and the size of its artifact."""
    archives = glob.glob(os.path.join(folder, "**", "*.tar.gz"), recursive=True)
    files = [file for file in glob.glob(os.path.join(folder, "**", "*"), recursive=True) if os.path.isfile(file)]
    if not files:
        raise EvaluationError(f"the channel {name} is empty; it has to have the artifact of a model")
    if not archives and len(files) == 1 and tarfile.is_tarfile(files[0]):
        archives = files
    if not archives:
        return folder, sum(os.path.getsize(file) for file in files)
    root = os.path.join(work, name)
    inside = os.path.realpath(root) + os.sep
    with tarfile.open(archives[0]) as archive:
        for member in archive.getmembers():
            leads_out = not (os.path.realpath(os.path.join(root, member.name)) + os.sep).startswith(inside)
            if leads_out or not (member.isfile() or member.isdir()):
                raise EvaluationError(f"the archive of the {name} model has {member.name}, which is no file inside its folder")
        archive.extractall(root)
    return root, os.path.getsize(archives[0])


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


def slices_of(right, slices):
    by_name = {}
    for is_right, of_row in zip(right, slices):
        for name in of_row:
            entry = by_name.setdefault(name, [0, 0])
            entry[0] += 1
            entry[1] += int(is_right)
    return {name: {"rows": rows, "accuracy": hits / rows} for name, (rows, hits) in sorted(by_name.items())}


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


def load(model, features, concurrency, seconds):
    """Requests a second of concurrent clients, each with one request at a time, and the seconds of each request."""
    times = [[] for _ in range(concurrency)]
    end = time.perf_counter() + seconds

    def client(index):
        at = index
        while True:
            begin = time.perf_counter()
            if begin >= end:
                return
            model.answer(features[at % len(features)][None, :])
            times[index].append(time.perf_counter() - begin)
            at += concurrency

    began = time.perf_counter()
    threads = [threading.Thread(target=client, args=(index,)) for index in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [value for of_client in times for value in of_client]
    return len(done) / (time.perf_counter() - began), done


def capacity_of(models, features, options):
    """Concurrency, throughput and service times of an instance, the models in turns at every concurrency."""
    seen = {name: {} for name in models}
    for concurrency in options.concurrency:
        for name, model in models.items():
            seen[name][concurrency] = load(model, features, concurrency, options.load_seconds)
    result = {}
    for name, by_concurrency in seen.items():
        best = max(rate for rate, _ in by_concurrency.values())
        chosen = min(number for number, (rate, _) in by_concurrency.items() if rate >= NEARLY * best)
        rate, times = by_concurrency[chosen]
        result[name] = {
            "maxConcurrency": chosen,
            "requestsPerSecond": rate,
            "times": times,
            "throughputByConcurrency": {str(number): value for number, (value, _) in by_concurrency.items()},
        }
    return result


def report_of(models, rows, options):
    ids, features, wanted, slices = rows
    latencies = latencies_of(models, features, options)
    capacities = capacity_of(models, features, options)
    measured, profiles = {}, {}
    for name, model in models.items():
        right = model.right(features, wanted)
        times, capacity = latencies[name], capacities[name]
        rate = capacity["requestsPerSecond"]
        measured[name] = {
            "accuracy": float(right.mean()),
            "slices": slices_of(right, slices),
            "bytes": model.bytes,
            "latencySeconds": {"p50": float(numpy.median(times)), "p95": float(numpy.quantile(times, 0.95))},
            "requestsPerSecond": rate,
            "maxConcurrency": capacity["maxConcurrency"],
            "throughputByConcurrency": capacity["throughputByConcurrency"],
            "costPer1000Usd": None if options.price_per_hour_usd is None else options.price_per_hour_usd / 3600 / rate * 1000,
            "dataWatermark": model.watermark,
        }
        step = max(1, len(capacity["times"]) // MAX_PROFILE_TIMES)
        profiles[name] = [round(value, 9) for value in capacity["times"][::step]][:MAX_PROFILE_TIMES]
    digest = hashlib.sha256()
    for identity, row, label in zip(ids, features, wanted):
        digest.update(f"{identity}\0{label}\0".encode("utf-8") + row.tobytes())
    report = {
        "rows": len(ids),
        "frozenSet": digest.hexdigest(),
        "instanceType": options.instance_type,
        "pricePerHourUsd": options.price_per_hour_usd,
        "models": measured,
    }
    return report, {"measuredSeconds": profiles["candidate"]}


def print_report(measured):
    print(f"{'model':<12}{'bytes':>10}{'accuracy':>10}{'p50 us':>9}{'p95 us':>9}{'requests/s':>12}{'concurrency':>13}", flush=True)
    for name, values in measured.items():
        latency = values["latencySeconds"]
        print(
            f"{name:<12}{values['bytes']:>10}{values['accuracy']:>10.4f}{latency['p50'] * 1e6:>9.1f}{latency['p95'] * 1e6:>9.1f}"
            f"{values['requestsPerSecond']:>12.0f}{values['maxConcurrency']:>13}",
            flush=True,
        )
    candidate = measured["candidate"]
    print(f"candidate_accuracy={candidate['accuracy']:.6f} accuracy_loss={measured['live']['accuracy'] - candidate['accuracy']:.6f}", flush=True)


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{name}.part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)
    os.replace(part, os.path.join(folder, name))


def evaluate(options, folders, work):
    rows = read_rows(folders.evaluation, options.slice_by)
    models = {name: Model(name, folder, work) for name, folder in folders.models.items()}
    report, profile = report_of(models, rows, options)
    print_report(report["models"])
    write_json(folders.report, "profile.json", profile)
    write_json(folders.report, "report.json", report)


def main(arguments, environment):
    options = settings(arguments)
    folders = Folders(environment)
    try:
        with tempfile.TemporaryDirectory(prefix="evaluate-") as work:
            evaluate(options, folders, work)
    except EvaluationError as error:
        os.makedirs(folders.output, exist_ok=True)
        with open(os.path.join(folders.output, "failure"), "w", encoding="utf-8") as file:
            file.write(str(error))
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
