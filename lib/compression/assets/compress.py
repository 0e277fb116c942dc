"""Compresses a classifier, measures every candidate beside the model it comes from, and keeps the best that a gate lets through.

Reads a model below the channel `model`: the artifact of the classifier that this package trains, or any artifact with one ONNX file whose only input
is a matrix of float features; and JSON lines `{"id": "r-1", "features": [0.5, 2.0], "label": "cat"}` below the channel `train`, for calibration, fine-tuning
and distillation. Accuracy is measured on the channel `evaluation`, or else on a share of the rows of `train` that is held out.

A technique is one of these, or several joined by `+`, the quantisation last: `distil+int8-static`.
  int8-dynamic        weights in INT8; activations are quantised while the model runs
  int8-static         weights and activations in INT8, by the ranges that calibration rows have
  prune-unstructured  the smallest weights become zero, then fine-tuning
  prune-structured    the weakest units of the hidden layers are removed, then fine-tuning
  distil              a smaller network learns the answers of the model
  unchanged           the network as it is, for another layout; it stands alone
Pruning and distillation need the weights, which only the artifact of the classifier has. So does the layout of TorchServe, which takes no INT8.

Latency and throughput are those of ONNX Runtime on one thread of the processor that the job runs on, model and candidate in turns. Needs PyTorch, ONNX
and ONNX Runtime.
"""

import argparse
import glob
import json
import math
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import zlib

import numpy
import onnx
import onnxruntime
from layouts import INPUT, OUTPUT, served, write_torchserve, write_triton
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

QUANTISATIONS = ("int8-dynamic", "int8-static")
RETRAININGS = ("prune-unstructured", "prune-structured", "distil")
UNCHANGED = "unchanged"
OPSET = 13
BATCH_ROWS = 64
# Requests of one model before it is the turn of the next.
RUNS_A_TURN = 10
# Float arithmetic of PyTorch and ONNX Runtime, in probabilities.
LARGEST_DIFFERENCE = 1e-4
# Larger numbers are infinite in the float32 of a model.
MAX_FEATURE = 3.4e38


class CompressionError(Exception):
    """Error that the user can correct; its text is written to the failure file."""


class Folders:
    """Folders of a training container."""

    def __init__(self, environment):
        root = "/opt/ml"
        self.parent = environment.get("SM_CHANNEL_MODEL", f"{root}/input/data/model")
        self.train = environment.get("SM_CHANNEL_TRAIN", f"{root}/input/data/train")
        self.evaluation = environment.get("SM_CHANNEL_EVALUATION", f"{root}/input/data/evaluation")
        self.model = environment.get("SM_MODEL_DIR", f"{root}/model")
        self.output = environment.get("SM_OUTPUT_DIR", f"{root}/output")
        self.report = environment.get("SM_OUTPUT_DATA_DIR", f"{root}/output/data")


def number(lowest, highest):
    def parse(text):
        value = float(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text} is not between {lowest:g} and {highest:g}")
        return value

    return parse


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


def widths(text):
    return [count(part) for part in text.split(",") if part.strip() != ""]


def techniques(text):
    names = [part.strip() for part in text.split(",") if part.strip() != ""]
    if not names:
        raise argparse.ArgumentTypeError("names no technique")
    for name in names:
        steps = name.split("+")
        for step in steps:
            if step not in (*QUANTISATIONS, *RETRAININGS, UNCHANGED):
                raise argparse.ArgumentTypeError(f"{step} is no technique; known are {', '.join((*QUANTISATIONS, *RETRAININGS, UNCHANGED))}")
        if UNCHANGED in steps and len(steps) > 1:
            raise argparse.ArgumentTypeError(f"{name}: {UNCHANGED} stands alone")
        if any(step in QUANTISATIONS for step in steps[:-1]):
            raise argparse.ArgumentTypeError(f"{name}: a quantised model cannot be trained; quantise last")
    return names


def settings(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--techniques", type=techniques, default=techniques("int8-dynamic,int8-static"))
    parser.add_argument("--max-accuracy-loss", type=number(0, 1), default=0.005, help="largest fall of the accuracy")
    parser.add_argument("--max-label-loss", type=number(0, 1), default=0.05, help="largest fall of the accuracy on the rows of one label")
    parser.add_argument("--min-size-ratio", type=number(0, 1e6), default=1.0, help="size of the model over that of the candidate")
    parser.add_argument("--min-speedup", type=number(0, 1e6), default=1.0, help="median latency of the model over that of the candidate")
    parser.add_argument("--prefer", choices=["latency", "size", "throughput"], default="latency", help="measure by which the best is chosen")
    parser.add_argument("--sparsity", type=number(0, 0.99), default=0.5, help="share of weights or units that pruning removes")
    parser.add_argument("--student-hidden", type=widths, default=[64, 32], help="widths of the hidden layers of the student, as 64,32")
    parser.add_argument("--epochs", type=count, default=30, help="passes over the training rows in fine-tuning and distillation")
    parser.add_argument("--temperature", type=number(0.1, 100), default=4.0, help="softening of the answers that the student learns")
    parser.add_argument("--calibration-rows", type=count, default=200)
    parser.add_argument("--holdout", type=number(0, 0.9), default=0.2, help="share of the rows held out without a channel evaluation")
    parser.add_argument("--latency-runs", type=count, default=300, help="measured requests of each model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serving-layout", choices=["triton", "torchserve"], default="triton", help="server that reads the artifact")
    parser.add_argument("--model-name", default="classifier", help="name of the model in Triton's repository")
    parser.add_argument(
        "--parent", default=os.environ.get("TIDEGATE_MODEL_DATA_URL", ""), help="name or location of the model that is compressed, for the report"
    )
    return parser.parse_args(arguments)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Rows


def read_rows(folder):
    """Returns ids, features and labels, as texts, of the rows below a folder; the later of two rows with one id wins."""
    rows, total = {}, 0
    for file in sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True)):
        with open(file, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip() == "":
                    continue
                total += 1
                row = parse_row(line)
                if row is not None:
                    rows[row[0]] = row[1:]
    if not rows:
        raise CompressionError(f"none of {total} rows below {folder} is valid; a row has a text id, a list of numbers features, and a label")
    lengths = {len(features) for features, _ in rows.values()}
    if len(lengths) > 1:
        raise CompressionError(f"rows below {folder} have {min(lengths)} to {max(lengths)} features; every row needs the same number")
    ids = sorted(rows)
    return (
        numpy.array(ids),
        numpy.array([rows[identity][0] for identity in ids], dtype=numpy.float32),
        numpy.array([rows[identity][1] for identity in ids]),
    )


def parse_row(line):
    try:
        row = json.loads(line)
        identity, features, label = row["id"], row["features"], row["label"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not is_text(identity) or not isinstance(features, list) or len(features) == 0 or isinstance(label, bool):
        return None
    if not (is_text(label) or isinstance(label, int)) or not all(is_number(value) for value in features):
        return None
    return identity, [float(value) for value in features], str(label)


def is_number(value):
    """True for a number that float32 holds; NaN is none, and an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_FEATURE <= value <= MAX_FEATURE


def is_text(value):
    """True for a text that UTF-8 can write, which has no half of a pair of code units alone."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def data_of(folders, options):
    """Training rows and evaluation rows, each features and labels."""
    ids, features, labels = read_rows(folders.train)
    if os.path.isdir(folders.evaluation) and os.listdir(folders.evaluation):
        _, evaluation, wanted = read_rows(folders.evaluation)
        return (features, labels), (evaluation, wanted)
    # The same rows that the classifier holds out.
    held = numpy.array([zlib.crc32(identity.encode("utf-8")) % 10_000 < options.holdout * 10_000 for identity in ids])
    if not held.any() or held.all():
        raise CompressionError(f"of {len(ids)} rows {int(held.sum())} are held out; change --holdout or give a channel evaluation")
    return (features[~held], labels[~held]), (features[held], labels[held])


# ---------------------------------------------------------------------------------------------------------------------------------------
# The model that is compressed


class Parent:
    """Model below a folder: its ONNX file, its labels, and its network where the artifact has the weights."""

    def __init__(self, folder, work):
        root = unpacked(folder, work)
        states = glob.glob(os.path.join(root, "**", "training", "state.pt"), recursive=True)
        self.network = None
        self.file = os.path.join(work, "parent.onnx")
        if states:
            import torch

            state = torch.load(states[0], map_location="cpu")
            self.labels = [str(name) for name in state["labels"]]
            weights = state["weights"]
            self.network = network_of(weights["mean"], weights["deviation"], state["hidden"], len(self.labels))
            self.network.load_state_dict(weights)
            export(self.network, self.file)
            return
        found = glob.glob(os.path.join(root, "**", "*.onnx"), recursive=True)
        if len(found) != 1:
            raise CompressionError(
                f"the channel model has {len(found)} ONNX files and no training/state.pt; give one ONNX file, or the artifact of the classifier"
            )
        shutil.copyfile(found[0], self.file)
        names = glob.glob(os.path.join(root, "**", "labels.txt"), recursive=True)
        if not names:
            raise CompressionError("the channel model has no labels.txt, which names the outputs of the ONNX model, one a line")
        with open(names[0], encoding="utf-8") as file:
            self.labels = [line.rstrip("\n") for line in file if line.strip() != ""]


def unpacked(folder, work):
    archives = glob.glob(os.path.join(folder, "**", "*.tar.gz"), recursive=True)
    if not archives:
        return folder
    root = os.path.join(work, "parent")
    inside = os.path.realpath(root) + os.sep
    with tarfile.open(archives[0]) as archive:
        for member in archive.getmembers():
            leads_out = not (os.path.realpath(os.path.join(root, member.name)) + os.sep).startswith(inside)
            if leads_out or not (member.isfile() or member.isdir()):
                raise CompressionError(f"the model archive has {member.name}, which is no file inside its folder")
        archive.extractall(root)
    return root


def network_of(mean, deviation, hidden, labels):
    """Fully connected network as the classifier has it, so that its weights fit."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
            self.register_buffer("deviation", torch.as_tensor(deviation, dtype=torch.float32))
            sizes = [len(mean), *hidden, labels]
            layers = []
            for before, after in zip(sizes, sizes[1:]):
                layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
            self.layers = torch.nn.Sequential(*layers[:-1])

        def forward(self, features):
            return self.layers((features - self.mean) / self.deviation)

    return Network()


def linears(network):
    return [layer for layer in network.layers if hasattr(layer, "weight")]


def export(network, file):
    import torch

    rows = {0: "rows"}
    torch.onnx.export(
        served(network),
        torch.zeros(1, len(network.mean)),
        file,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: rows, OUTPUT: rows},
        opset_version=OPSET,
    )


# ---------------------------------------------------------------------------------------------------------------------------------------
# Techniques


def trained(network, targets_of, rows, options, frozen=None):
    """Trains a network on a loss; entries that `frozen` marks as removed stay zero."""
    import torch

    torch.manual_seed(options.seed)
    features = torch.from_numpy(rows)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.002, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    for epoch in range(options.epochs):
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(options.seed * 100_003 + epoch))
        for begin in range(0, len(features), BATCH_ROWS):
            batch = order[begin : begin + BATCH_ROWS]
            optimizer.zero_grad()
            targets_of(network(features[batch]), batch).backward()
            optimizer.step()
            if frozen is not None:
                with torch.no_grad():
                    for layer, kept in zip(linears(network), frozen):
                        layer.weight.mul_(kept)
        schedule.step()
    return network.eval()


def answers_loss(teacher, features, labels, options):
    """Loss that follows the softened answers of the teacher, and the right labels."""
    import torch

    with torch.no_grad():
        answers = teacher(torch.from_numpy(features))
    temperature = options.temperature
    wanted = torch.softmax(answers / temperature, dim=1)

    def loss(logits, batch):
        soft = torch.nn.functional.kl_div(
            torch.log_softmax(logits / temperature, dim=1), wanted[batch], reduction="batchmean"
        )
        return 0.7 * temperature**2 * soft + 0.3 * torch.nn.functional.cross_entropy(logits, labels[batch])

    return loss


def pruned_unstructured(network, options):
    """Copy whose smallest weights are zero, layer by layer, and the masks of those that stay."""
    import copy

    import torch

    result, masks = copy.deepcopy(network), []
    for layer in linears(result):
        size = layer.weight.abs().flatten()
        removed = int(options.sparsity * len(size))
        kept = torch.ones_like(size)
        kept[torch.argsort(size)[:removed]] = 0
        masks.append(kept.view_as(layer.weight))
        with torch.no_grad():
            layer.weight.mul_(masks[-1])
    return result, masks


def pruned_structured(network, options):
    """Smaller network without the units of the hidden layers whose weights are the smallest on both sides."""
    import torch

    layers = linears(network)
    kept = [torch.arange(layers[0].weight.shape[1])]
    for before, after in zip(layers, layers[1:]):
        strength = before.weight.norm(dim=1) * after.weight.norm(dim=0)
        units = max(1, round(len(strength) * (1 - options.sparsity)))
        kept.append(torch.sort(torch.argsort(strength, descending=True)[:units]).values)
    kept.append(torch.arange(layers[-1].weight.shape[0]))
    result = network_of(network.mean, network.deviation, [len(units) for units in kept[1:-1]], len(kept[-1]))
    with torch.no_grad():
        for layer, source, inputs, outputs in zip(linears(result), layers, kept, kept[1:]):
            layer.weight.copy_(source.weight[outputs][:, inputs])
            layer.bias.copy_(source.bias[outputs])
    return result


def retrained(step, teacher, network, data, indices, options):
    import torch

    features, names = data
    labels = torch.tensor([indices[name] for name in names])
    loss = answers_loss(teacher, features, labels, options)
    if step == "distil":
        torch.manual_seed(options.seed)
        student = network_of(network.mean, network.deviation, options.student_hidden, len(indices))
        return trained(student, loss, features, options)
    if step == "prune-structured":
        return trained(pruned_structured(network, options), loss, features, options)
    smaller, masks = pruned_unstructured(network, options)
    return trained(smaller, loss, features, options, frozen=masks)


class CalibrationRows(CalibrationDataReader):
    def __init__(self, name, rows):
        self.batches = iter([{name: rows[begin : begin + BATCH_ROWS]} for begin in range(0, len(rows), BATCH_ROWS)])

    def get_next(self):
        return next(self.batches, None)


def quantised(step, source, target, data, options):
    if step == "int8-dynamic":
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
        return
    name = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    order = numpy.random.default_rng(options.seed).permutation(len(data[0]))[: options.calibration_rows]
    quantize_static(
        source,
        target,
        CalibrationRows(name, data[0][order]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


def candidate(technique, parent, data, indices, options, work):
    """Writes the ONNX file of a technique and returns its path, and its network where it is not quantised."""
    if technique == UNCHANGED:
        return parent.file, parent.network
    steps = technique.split("+")
    file = os.path.join(work, f"{technique}.onnx")
    source = parent.file
    network = parent.network
    for step in steps:
        if step in QUANTISATIONS:
            quantised(step, source, file, data, options)
            return file, None
        if network is None:
            raise CompressionError(f"{step} needs the weights of the model, and the channel model has an ONNX file only; take {' or '.join(QUANTISATIONS)}")
        network = retrained(step, parent.network, network, data, indices, options)
        source = os.path.join(work, f"{technique}.float.onnx")
        export(network, source)
    shutil.copyfile(source, file)
    return file, network


# ---------------------------------------------------------------------------------------------------------------------------------------
# Measurement


def session_of(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def accuracy_of(session, rows, labels):
    """Share of right labels, and the same by label."""
    features, wanted = rows
    name = session.get_inputs()[0].name
    found = []
    for begin in range(0, len(features), 1024):
        answers = session.run(None, {name: features[begin : begin + 1024]})[0]
        if answers.ndim != 2 or answers.shape[1] != len(labels):
            raise CompressionError(f"the model answers in the shape {list(answers.shape)}, and labels.txt names {len(labels)} labels")
        # An answer that is no number is wrong, whatever label its place would be.
        found.extend(labels[row.argmax()] if numpy.isfinite(row).all() else None for row in answers)
    right = numpy.array([answer == label for answer, label in zip(found, wanted)])
    return float(right.mean()), {str(label): float(right[wanted == label].mean()) for label in numpy.unique(wanted)}


def timed(session, rows):
    """Processor seconds of one request: other work on the machine does not count."""
    name = session.get_inputs()[0].name
    begin = time.thread_time()
    session.run(None, {name: rows})
    return time.thread_time() - begin


def speeds_of(sessions, rows, options):
    """Latencies of single rows and throughput of batches, the models in turns, so that each meets the same machine."""
    single = rows[:1]
    batch = rows[numpy.arange(BATCH_ROWS) % len(rows)]
    for session in sessions.values():
        for _ in range(20):
            timed(session, single)
            timed(session, batch)
    latencies = {name: [] for name in sessions}
    batches = {name: [] for name in sessions}
    for turn in range(math.ceil(options.latency_runs / RUNS_A_TURN)):
        for name, session in sessions.items():
            timed(session, single)  # what the model before has displaced is in the caches again
            for run in range(RUNS_A_TURN):
                row = rows[(turn * RUNS_A_TURN + run) % len(rows)][None, :]
                latencies[name].append(timed(session, row))
            batches[name].append(timed(session, batch))
    return {
        name: {
            "latencySeconds": {"p50": float(numpy.median(times)), "p95": float(numpy.quantile(times, 0.95))},
            "rowsPerSecond": BATCH_ROWS / float(numpy.median(batches[name])),
        }
        for name, times in latencies.items()
    }


def nonzero_share(file):
    """Share of the weights that are not zero."""
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer]
    matrices = [values for values in weights if values.ndim == 2]
    total = sum(values.size for values in matrices)
    return sum(int(numpy.count_nonzero(values)) for values in matrices) / total if total else 1.0


# ---------------------------------------------------------------------------------------------------------------------------------------
# Gate


def objections(measured, base, options):
    """Reasons to refuse a candidate; none where the gate lets it through."""
    reasons = []
    lost = base["accuracy"] - measured["accuracy"]
    if lost > options.max_accuracy_loss + 1e-12:
        reasons.append(f"accuracy falls by {lost:.4f}, by more than {options.max_accuracy_loss:g}")
    for label, before in base["accuracyByLabel"].items():
        fallen = before - measured["accuracyByLabel"][label]
        if fallen > options.max_label_loss + 1e-12:
            reasons.append(f"accuracy on label {label} falls by {fallen:.4f}, by more than {options.max_label_loss:g}")
    if measured["sizeRatio"] < options.min_size_ratio:
        reasons.append(f"is {measured['sizeRatio']:.2f} times smaller, not {options.min_size_ratio:g}")
    if measured["speedup"] < options.min_speedup:
        reasons.append(f"is {measured['speedup']:.2f} times faster, not {options.min_speedup:g}")
    return reasons


def merit(measured, prefer):
    return {"latency": measured["speedup"], "size": measured["sizeRatio"], "throughput": measured["throughputRatio"]}[prefer]


def report_of(files, rows, labels, options):
    sessions = {name: session_of(file) for name, file in files.items()}
    # Another measurement of the same file would be noise, which the gate is not to judge.
    distinct = {name: session for name, session in sessions.items() if name == "parent" or files[name] != files["parent"]}
    speeds = speeds_of(distinct, rows[0], options)
    measured = {}
    for name, file in files.items():
        accuracy, by_label = accuracy_of(sessions[name], rows, labels)
        measured[name] = {
            "bytes": os.path.getsize(file),
            "accuracy": accuracy,
            "accuracyByLabel": by_label,
            "nonzeroWeights": nonzero_share(file),
            **speeds.get(name, speeds["parent"]),
        }
    base = measured["parent"]
    for name, values in measured.items():
        values["sizeRatio"] = base["bytes"] / values["bytes"]
        values["speedup"] = base["latencySeconds"]["p50"] / values["latencySeconds"]["p50"]
        values["throughputRatio"] = values["rowsPerSecond"] / base["rowsPerSecond"]
        if name != "parent":
            values["refusedFor"] = objections(values, base, options)
    return measured


def print_report(measured):
    print(f"{'model':<28}{'bytes':>10}{'smaller':>9}{'p50 us':>9}{'p95 us':>9}{'faster':>8}{'accuracy':>10}", flush=True)
    for name, values in measured.items():
        latency = values["latencySeconds"]
        print(
            f"{name:<28}{values['bytes']:>10}{values['sizeRatio']:>9.2f}{latency['p50'] * 1e6:>9.1f}{latency['p95'] * 1e6:>9.1f}"
            f"{values['speedup']:>8.2f}{values['accuracy']:>10.4f}",
            flush=True,
        )


def write_model(folders, chosen, labels, features, evaluation, options):
    """Writes the artifact of a candidate, its ONNX file and its network, in the layout that its server reads."""
    file, network = chosen
    os.makedirs(folders.model, exist_ok=True)
    session = session_of(file)
    if options.serving_layout == "triton":
        write_triton(folders.model, file, session, labels, features, options.model_name, BATCH_ROWS)
        return
    write_torchserve(folders.model, network, labels)
    check_script(os.path.join(folders.model, "model.pt"), session, evaluation)


def check_script(file, session, rows):
    """Refuses TorchScript that answers otherwise than the ONNX file that was measured."""
    import torch

    with torch.inference_mode():
        found = torch.jit.load(file)(torch.from_numpy(rows)).numpy()
    farthest = float(numpy.abs(found - session.run(None, {session.get_inputs()[0].name: rows})[0]).max())
    if not farthest <= LARGEST_DIFFERENCE:
        raise CompressionError(
            f"probabilities of the TorchScript file differ from those of the measured ONNX file by up to {farthest:g}; take --serving-layout triton"
        )


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)


def check_layout(options, parent):
    """Refuses a layout for PyTorch where there is no network for it."""
    if options.serving_layout != "torchserve":
        return
    possible = f"{', '.join(RETRAININGS)} and {UNCHANGED}"
    wrong = [name for name in options.techniques if name.split("+")[-1] in QUANTISATIONS]
    if wrong:
        raise CompressionError(
            f"the layout of TorchServe has no INT8: {', '.join(wrong)} makes an ONNX file, which PyTorch cannot load; "
            f"possible are {possible}, or --serving-layout triton"
        )
    if parent.network is None:
        raise CompressionError(
            "the layout of TorchServe needs the network, and the channel model has an ONNX file only, which PyTorch cannot load; "
            "give the artifact of the classifier with its training/state.pt, or take --serving-layout triton"
        )


def loaded(folder, work):
    """Returns the model below a folder, and the number of features that it takes; None where it takes any number."""
    try:
        parent = Parent(folder, work)
        session = session_of(parent.file)
    except CompressionError:
        raise
    except Exception as error:  # each fault of an archive, of weights and of an ONNX file has an exception of its own
        raise CompressionError(f"the model in {folder} cannot be loaded ({error}); give a whole artifact") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        found = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise CompressionError(f"the model takes {found}; possible is one input, a matrix of float features")
    width = inputs[0].shape[1]
    return parent, width if isinstance(width, int) else None


def check_width(rows, width, channel):
    if width is not None and rows.shape[1] != width:
        raise CompressionError(f"rows of the channel {channel} have {rows.shape[1]} features, and the model takes {width}; give rows of this model")


def compress(options, folders, work):
    parent, width = loaded(folders.parent, work)
    check_layout(options, parent)
    indices = {name: index for index, name in enumerate(parent.labels)}
    data, evaluation = data_of(folders, options)
    check_width(data[0], width, "train")
    check_width(evaluation[0], width, "evaluation")
    unknown = sorted((set(data[1]) | set(evaluation[1])) - set(indices))
    if unknown:
        raise CompressionError(f"rows have the labels {', '.join(unknown[:5])}, which the model does not know")
    candidates = {technique: candidate(technique, parent, data, indices, options, work) for technique in options.techniques}
    files = {"parent": parent.file, **{technique: file for technique, (file, _) in candidates.items()}}
    measured = report_of(files, evaluation, parent.labels, options)
    print_report(measured)
    passed = [name for name, values in measured.items() if name != "parent" and not values["refusedFor"]]
    chosen = max(passed, key=lambda name: merit(measured[name], options.prefer), default=None)
    report = {
        "parent": options.parent,
        "chosen": chosen,
        "evaluationRows": len(evaluation[1]),
        "models": measured,
        "gate": {
            "maxAccuracyLoss": options.max_accuracy_loss,
            "maxLabelLoss": options.max_label_loss,
            "minSizeRatio": options.min_size_ratio,
            "minSpeedup": options.min_speedup,
            "prefer": options.prefer,
        },
    }
    write_json(folders.report, "report.json", report)
    if chosen is None:
        refused = "; ".join(f"{name} {', '.join(measured[name]['refusedFor'])}" for name in options.techniques)
        raise CompressionError(f"the gate refuses every candidate: {refused}")
    best = measured[chosen]
    print(
        f"chosen={chosen} size_ratio={best['sizeRatio']:.4f} speedup={best['speedup']:.4f} "
        f"accuracy_loss={measured['parent']['accuracy'] - best['accuracy']:.6f}",
        flush=True,
    )
    write_model(folders, candidates[chosen], parent.labels, data[0].shape[1], evaluation[0], options)
    write_json(folders.model, "report.json", report)


def main(arguments, environment):
    options = settings(arguments)
    folders = Folders(environment)
    try:
        with tempfile.TemporaryDirectory(prefix="compress-") as work:
            compress(options, folders, work)
    except CompressionError as error:
        os.makedirs(folders.output, exist_ok=True)
        with open(os.path.join(folders.output, "failure"), "w", encoding="utf-8") as file:
            file.write(str(error))
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
