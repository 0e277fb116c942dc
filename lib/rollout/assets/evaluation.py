"""Parts of every evaluation of a candidate beside the live model: folders, arguments, archives, throughput, and the report. Needs Python alone."""

import argparse
import glob
import json
import math
import os
import sys
import tarfile
import tempfile
import threading
import time

MODELS = ("live", "candidate")
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
        self.config = environment.get("SM_INPUT_CONFIG_DIR", f"{root}/input/config")
        self.model = environment.get("SM_MODEL_DIR", f"{root}/model")
        self.output = environment.get("SM_OUTPUT_DIR", f"{root}/output")
        self.report = environment.get("SM_CHECKPOINT_DIR", f"{root}/checkpoints")


# ---------------------------------------------------------------------------------------------------------------------------------------
# Arguments


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


def parser_of(description, latency_runs, concurrency, load_seconds):
    """Parser of the arguments that every evaluation has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--slice-by", type=names, default=[], help="fields of the rows whose values are slices, as device,country")
    parser.add_argument("--latency-runs", type=count, default=latency_runs, help="measured requests of each model")
    parser.add_argument("--concurrency", type=counts, default=counts(concurrency), help="numbers of concurrent requests to try")
    parser.add_argument("--load-seconds", type=positive, default=load_seconds, help="time of one measurement of the throughput")
    parser.add_argument("--price-per-hour-usd", type=positive, default=None, help="price of an instance of the endpoint, for the cost of requests")
    parser.add_argument("--instance-type", default="", help="instance type of the endpoint, for the report")
    return parser


# ---------------------------------------------------------------------------------------------------------------------------------------
# Models


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


def together(clients):
    """Runs functions at the same time, to the end of the last; a process that is told to end does not wait for them."""
    threads = [threading.Thread(target=client, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load(ask, concurrency, seconds):
    """Requests a second of concurrent clients, each with one request at a time, and the seconds of each request.

    Every client makes at least one. `ask` takes the number of a request; one for which it returns None has no answer, and does not count.
    """
    times = [[] for _ in range(concurrency)]
    errors = []
    end = time.perf_counter() + seconds

    def client(index):
        at = index
        try:
            while not errors:
                begin = time.perf_counter()
                if ask(at) is not None:
                    times[index].append(time.perf_counter() - begin)
                if time.perf_counter() >= end:
                    return
                at += concurrency
        except Exception as error:
            errors.append(error)

    began = time.perf_counter()
    together([lambda index=index: client(index) for index in range(concurrency)])
    if errors:
        raise errors[0]
    done = [value for of_client in times for value in of_client]
    return len(done) / (time.perf_counter() - began), done


def capacity_of(seen):
    """Concurrency, throughput and service times of an instance, from the rate and the times at every concurrency."""
    best = max(rate for rate, _ in seen.values())
    if best == 0:
        raise EvaluationError("no request was answered while the throughput was measured")
    chosen = min(number for number, (rate, _) in seen.items() if rate >= NEARLY * best)
    rate, times = seen[chosen]
    return {
        "maxConcurrency": chosen,
        "requestsPerSecond": rate,
        "times": times,
        "throughputByConcurrency": {str(number): value for number, (value, _) in seen.items()},
    }


def quantile(values, share):
    """Quantile with linear interpolation between the two values next to it."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def measures_of(right, slices, size, latencies, capacity, options):
    """Entry of one model in the report: sizes in bytes, times in seconds, cost in USD."""
    rate = capacity["requestsPerSecond"]
    return {
        "accuracy": sum(map(int, right)) / len(right),
        "slices": slices_of(right, slices),
        "bytes": size,
        "latencySeconds": {"p50": quantile(latencies, 0.5), "p95": quantile(latencies, 0.95)},
        "requestsPerSecond": rate,
        "maxConcurrency": capacity["maxConcurrency"],
        "throughputByConcurrency": capacity["throughputByConcurrency"],
        "costPer1000Usd": None if options.price_per_hour_usd is None else options.price_per_hour_usd / 3600 / rate * 1000,
    }


def profile_of(times):
    """Service times of a candidate, as `simulate --profile` reads them."""
    step = max(1, len(times) // MAX_PROFILE_TIMES)
    return {"measuredSeconds": [round(value, 9) for value in times[::step]][:MAX_PROFILE_TIMES]}


# ---------------------------------------------------------------------------------------------------------------------------------------
# Report


def report_of(rows, frozen_set, measured, options):
    return {
        "rows": rows,
        "frozenSet": frozen_set,
        "instanceType": options.instance_type,
        "pricePerHourUsd": options.price_per_hour_usd,
        "models": measured,
    }


def print_loss(measured):
    """Prints the metrics that SageMaker reads from the log of the job."""
    accuracy = {name: values["accuracy"] for name, values in measured.items()}
    print(f"candidate_accuracy={accuracy['candidate']:.6f} accuracy_loss={accuracy['live'] - accuracy['candidate']:.6f}", flush=True)


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{name}.part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)
    os.replace(part, os.path.join(folder, name))


def run(evaluate, options, folders):
    """Runs an evaluation in a temporary folder; an error of the user's goes to the failure file. Returns the exit status."""
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
