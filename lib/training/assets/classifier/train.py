"""Trains a classifier of feature vectors with PyTorch, on one process or many, from nothing or from an earlier model.

Reads JSON lines `{"id": "r-1", "features": [0.5, 2.0], "label": "cat", "time": 1764547200}` below the channel `train`; `time` (epoch seconds) is
needed only for incremental runs. With a channel `labels` the lines of `train` may be what an endpoint's data capture wrote, too: the features are those
of the request, as tensors (`{"id": "r-1", "inputs": [{"data": [0.5, 2.0], ...}]}`) or `{"id": "r-1", "features": [0.5, 2.0]}`. Their labels
come from the channel `labels`, in the form in which SageMaker takes ground truth: `{"groundTruthData": {"data": "cat"}, "eventMetadata": {"eventId":
"r-1"}}`, with the id of the request, its inference id or the event id of its capture. Requests without a label are left out, and counted. Follows the conventions of SageMaker's training containers: folders below /opt/ml or in SM_* variables,
hyperparameters as arguments, checkpoints from which the next attempt goes on, the reason of a failure in <output>/failure.

Distributed: every process is one rank of data parallel training (DistributedDataParallel; NCCL on GPUs, Gloo on CPUs). Ranks come from torchrun
(RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or else from SageMaker's hosts, one rank a host. The order of the examples depends on seed and epoch
alone, and a global batch is divided among the ranks, so that any number of processes follows the same curve.

Incremental: with an earlier model in the channel `model`, only rows after its watermark are learned, mixed with its replay buffer. New labels extend
the last layer. The accuracy on the held-out rows of every earlier run is measured before and after; where it falls by more than
`--max-forgetting`, the job fails and leaves no model.

Needs PyTorch 1.13 or newer and NumPy, which AWS's PyTorch images have.
"""

import argparse
import base64
import datetime
import glob
import json
import math
import os
import re
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import zlib

import numpy
import torch
import torch.distributed
import torch.nn.functional

STATE_VERSION = 1
CHECKPOINT_NAME = "checkpoint.pt"
MAX_INVALID_RATIO = 0.05
# Folders year/month/day/hour of a file of data capture.
HOUR_FOLDER = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+$")
EXIT_INTERRUPTED = 143  # 128 + SIGTERM
# Evaluation in slices of rows bounds the memory.
EVALUATION_ROWS = 8192
MODEL_NAME = "classifier"
# Larger numbers are infinite in the float32 of the network.
MAX_FEATURE = 3.4e38
# Epoch seconds of the year 5138; a time above it is in milliseconds, and as a watermark would hide all later rows.
MAX_TIME = 1e11


class TrainingError(Exception):
    """Error that the user can correct; its text is written to the failure file."""


class Interrupted(Exception):
    """SageMaker is about to stop the instance."""


# ---------------------------------------------------------------------------------------------------------------------------------------
# Folders and settings


class Folders:
    """Folders of a training container."""

    def __init__(self, environment):
        root = "/opt/ml"
        self.train = environment.get("SM_CHANNEL_TRAIN", f"{root}/input/data/train")
        self.labels = environment.get("SM_CHANNEL_LABELS", f"{root}/input/data/labels")
        self.parent = environment.get("SM_CHANNEL_MODEL", f"{root}/input/data/model")
        self.model = environment.get("SM_MODEL_DIR", f"{root}/model")
        self.output = environment.get("SM_OUTPUT_DIR", f"{root}/output")
        self.checkpoints = environment.get("SM_CHECKPOINT_DIR", f"{root}/checkpoints")


def ratio(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def positive(text):
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return value


def widths(text):
    return [count(part) for part in text.split(",") if part.strip() != ""]


def settings(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=count, default=20, help="passes over the training rows")
    parser.add_argument("--batch-size", type=count, default=64, help="rows of a step over all processes together")
    parser.add_argument("--learning-rate", type=positive, default=0.002)
    parser.add_argument("--hidden", type=widths, default=[128, 64], help="widths of the hidden layers, as 128,64")
    parser.add_argument("--holdout", type=ratio, default=0.2, help="share of the rows that is held out, chosen by id")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-steps", type=count, default=50, help="steps between two checkpoints")
    parser.add_argument("--replay-per-label", type=count, default=80, help="rows a label in the replay buffer of the next run")
    parser.add_argument("--window-seconds", type=positive, default=None, help="age of the oldest rows to learn, before the newest one")
    parser.add_argument(
        "--replay-share",
        type=ratio,
        default=None,
        help="share of replayed rows in an incremental run; by default that of their labels among those of new and replayed rows",
    )
    parser.add_argument(
        "--max-forgetting", type=ratio, default=0.02, help="largest fall of the accuracy on the held-out rows of an earlier run"
    )
    return parser.parse_args(arguments)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Ranks


class Ranks:
    """This process among all that train together."""

    def __init__(self, environment):
        hosts = json.loads(environment.get("SM_HOSTS", '["algo-1"]'))
        if "RANK" in environment:  # started by torchrun
            self.rank = int(environment["RANK"])
            self.size = int(environment["WORLD_SIZE"])
            self.local_rank = int(environment.get("LOCAL_RANK", "0"))
        else:
            self.rank = hosts.index(environment.get("SM_CURRENT_HOST", hosts[0]))
            self.size = len(hosts)
            self.local_rank = 0
        self.address = environment.get("MASTER_ADDR", environment.get("SM_MASTER_ADDR", hosts[0]))
        self.port = environment.get("MASTER_PORT", environment.get("SM_MASTER_PORT", "7777"))
        if "SM_NETWORK_INTERFACE_NAME" in environment:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", environment["SM_NETWORK_INTERFACE_NAME"])
            os.environ.setdefault("NCCL_SOCKET_IFNAME", environment["SM_NETWORK_INTERFACE_NAME"])
        self.device = torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    @property
    def is_first(self):
        return self.rank == 0

    def __enter__(self):
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.size > 1:
            torch.distributed.init_process_group(
                "nccl" if self.device.type == "cuda" else "gloo",
                init_method=f"tcp://{self.address}:{self.port}",
                rank=self.rank,
                world_size=self.size,
            )
        return self

    def __exit__(self, kind, error, trace):
        # Ranks that wait for this one see the connection end, also after an error.
        if self.size > 1:
            torch.distributed.destroy_process_group()

    def from_first(self, value):
        """Returns the value of the first rank."""
        if self.size == 1:
            return value
        holder = [value]
        torch.distributed.broadcast_object_list(holder, src=0)
        return holder[0]

    def any(self, flag):
        """True if the flag is true on any rank."""
        if self.size == 1:
            return flag
        told = torch.tensor([1.0 if flag else 0.0], device=self.device)
        torch.distributed.all_reduce(told)
        return told.item() > 0

    def total(self, value):
        """Sum of a number over the ranks."""
        if self.size == 1:
            return value
        told = torch.tensor([float(value)], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(told)
        return told.item()


# ---------------------------------------------------------------------------------------------------------------------------------------
# Rows


class Rows:
    """Rows with their ids; labels are indices into the labels of the model."""

    def __init__(self, ids, features, labels):
        self.ids = ids
        self.features = features
        self.labels = labels

    def __len__(self):
        return len(self.ids)

    def at(self, indices):
        indices = numpy.asarray(indices, dtype=numpy.int64)
        return Rows(self.ids[indices], self.features[indices], self.labels[indices])

    @staticmethod
    def joined(parts):
        parts = [part for part in parts if len(part) > 0]
        return Rows(
            numpy.concatenate([part.ids for part in parts]),
            numpy.concatenate([part.features for part in parts]),
            numpy.concatenate([part.labels for part in parts]),
        )

    def saved(self, names):
        return {"ids": self.ids, "features": self.features, "labels": numpy.array([names[label] for label in self.labels])}

    @staticmethod
    def loaded(archive, indices):
        labels = numpy.array([indices[str(name)] for name in archive["labels"]], dtype=numpy.int64)
        return Rows(archive["ids"].astype(str), archive["features"].astype(numpy.float32), labels)


def parse_row(line, truths):
    """Returns id, features, label and time of a line, the label None where it is not known yet; None for an invalid line."""
    try:
        row = json.loads(line)
        if "captureData" in row:
            row = captured_row(row, truths)
        identity, features, label = row["id"], row["features"], row["label"]
        at = row.get("time", 0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None
    if not is_text(identity) or not isinstance(features, list) or len(features) == 0 or not is_number(at, MAX_TIME):
        return None
    if not all(is_number(number, MAX_FEATURE) for number in features) or not (label is None or is_label(label)):
        return None
    return identity, [float(number) for number in features], None if label is None else str(label), float(at)


def is_number(value, largest):
    """True for a number whose magnitude is at most the largest; NaN is none, and an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -largest <= value <= largest


def is_text(value):
    """True for a text that UTF-8 can write, which has no half of a pair of code units alone."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def is_label(value):
    """True for a whole number, and for a text that is one line of labels.txt."""
    if isinstance(value, str):
        return is_text(value) and value.strip() != "" and len(value.splitlines()) == 1
    return isinstance(value, int) and not isinstance(value, bool)


def captured_row(captured, truths):
    """Row of a line of data capture (SageMaker developer guide, "Capture data from real-time endpoint"); raises what its parts raise."""
    copy, event = captured["captureData"]["endpointInput"], captured["eventMetadata"]
    request = json.loads(base64.b64decode(copy["data"]) if copy["encoding"] == "BASE64" else copy["data"])
    names = [name for name in (request.get("id"), event.get("inferenceId"), event["eventId"]) if isinstance(name, str)]
    moment = datetime.datetime.fromisoformat(event["inferenceTime"].replace("Z", "+00:00"))
    return {
        "id": names[0],
        "features": request["features"] if "features" in request else request["inputs"][0]["data"],
        "label": next((truths[name] for name in names if name in truths), None),
        "time": moment.timestamp(),
    }


def read_truths(folder):
    """Labels by the id of their request, from lines of ground truth (SageMaker developer guide, "Ingest ground truth labels")."""
    truths = {}
    for file in sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True)):
        with open(file, encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() == "":
                    continue
                try:
                    truth = json.loads(line)
                    truths[truth["eventMetadata"]["eventId"]] = truth["groundTruthData"]["data"]
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    name = os.path.relpath(file, folder)
                    raise TrainingError(
                        f"line {number} of {name} in the channel labels is no ground truth: it needs groundTruthData.data and eventMetadata.eventId"
                    ) from error
    return truths


def end_of_hour(file):
    """Time by which every row of a file of data capture was answered, from its folders year/month/day/hour; None for another file."""
    match = HOUR_FOLDER.search(file)
    try:
        begin = datetime.datetime(*map(int, match.groups()), tzinfo=datetime.timezone.utc) if match else None
    except ValueError:  # digits that are no date
        return None
    return begin.timestamp() + 2 * 3600 if begin else None


def read_rows(folder, after, truths, window=None):
    """Returns ids, features, labels as texts and the latest time of the rows after a time, and inside a window before the newest of them; the
    later of two rows with one id wins. Files whose folder says that all their rows are older are not opened."""
    found = {}
    invalid = unlabelled = total = skipped = 0
    watermark = after
    files = sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True), reverse=window is not None)
    for file in files:
        end = end_of_hour(file)
        oldest = [time for time in (after, None if watermark is None or window is None else watermark - window) if time is not None]
        if end is not None and oldest and end <= max(oldest):
            skipped += 1
            continue
        with open(file, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip() == "":
                    continue
                total += 1
                row = parse_row(line, truths)
                if row is None:
                    invalid += 1
                    continue
                identity, features, label, at = row
                if label is None:
                    unlabelled += 1
                    continue
                if after is not None and at <= after:
                    continue
                watermark = at if watermark is None else max(watermark, at)
                # With a window the newest files are read first.
                if window is None or identity not in found or at > found[identity][0]:
                    found[identity] = (at, features, label)
    if window is not None and watermark is not None:
        found = {identity: row for identity, row in found.items() if row[0] >= watermark - window}
    found = {identity: row[1:] for identity, row in found.items()}
    if total == 0 and skipped == 0:
        raise TrainingError(f"there are no rows below {folder}; expected are files *.jsonl with id, features and label a line")
    if invalid > MAX_INVALID_RATIO * total:
        raise TrainingError(
            f"{invalid} of {total} rows below {folder} are invalid, which is more than {MAX_INVALID_RATIO:.0%}; "
            "a row has a text id, a list features of numbers that float32 holds, a label in one line, and its time, if any, in epoch seconds"
        )
    if total > 0 and unlabelled == total - invalid:
        raise TrainingError(f"none of the {unlabelled} requests below {folder} has a label in the channel labels; give ground truth with their ids")
    if not found:
        raise TrainingError(f"no row below {folder} is newer than {after}, up to which the model has learned; nothing to do")
    lengths = {len(features) for features, _ in found.values()}
    if len(lengths) > 1:
        raise TrainingError(f"rows have {min(lengths)} to {max(lengths)} features; every row needs the same number")
    ids = sorted(found)
    return {
        "ids": ids,
        "features": numpy.array([found[identity][0] for identity in ids], dtype=numpy.float32),
        "labels": [found[identity][1] for identity in ids],
        "watermark": watermark,
        "invalid": invalid,
        "unlabelled": unlabelled,
    }


def is_held_out(identity, share):
    """True for the same rows in every run, whatever the order of the files."""
    return zlib.crc32(identity.encode("utf-8")) % 10_000 < share * 10_000


def replay_of(rows, per_label):
    """Rows of each label with the smallest hashes of their ids: a sample that a later run can go on choosing from."""
    chosen = []
    order = sorted(range(len(rows)), key=lambda index: (zlib.crc32(rows.ids[index][::-1].encode("utf-8")), rows.ids[index]))
    taken = {}
    for index in order:
        label = int(rows.labels[index])
        if taken.get(label, 0) < per_label:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(index)
    return rows.at(sorted(chosen))


# ---------------------------------------------------------------------------------------------------------------------------------------
# Model


class Classifier(torch.nn.Module):
    """Fully connected network on standardised features; its output are probabilities once it is scripted, logits in training."""

    def __init__(self, mean, deviation, hidden, labels):
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


class Served(torch.nn.Module):
    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, features):
        return torch.softmax(self.classifier(features), dim=1)


def standardisation(features):
    deviation = features.std(axis=0)
    return features.mean(axis=0), numpy.where(deviation > 1e-6, deviation, 1.0)


def extended(state, hidden_layers, labels):
    """Weights of a network whose last layer has more labels; the new ones begin at zero, below what is known."""
    last = f"layers.{2 * hidden_layers}"
    weight, bias = state[f"{last}.weight"], state[f"{last}.bias"]
    added = labels - weight.shape[0]
    if added <= 0:
        return state
    return {
        **state,
        f"{last}.weight": torch.cat([weight, torch.zeros(added, weight.shape[1])]),
        f"{last}.bias": torch.cat([bias, torch.full((added,), float(bias.min()))]),
    }


def accuracy_of(model, rows, device):
    """Share of right labels, by label index too; None without rows."""
    if len(rows) == 0:
        return None, {}
    model.eval()
    right = numpy.zeros(len(rows), dtype=bool)
    with torch.no_grad():
        for begin in range(0, len(rows), EVALUATION_ROWS):
            features = torch.from_numpy(rows.features[begin : begin + EVALUATION_ROWS]).to(device)
            answers = model(features).argmax(dim=1).cpu().numpy()
            right[begin : begin + EVALUATION_ROWS] = answers == rows.labels[begin : begin + EVALUATION_ROWS]
    model.train()
    slices = {int(label): float(right[rows.labels == label].mean()) for label in numpy.unique(rows.labels)}
    return float(right.mean()), slices


# ---------------------------------------------------------------------------------------------------------------------------------------
# An earlier model


def find_parent(folder):
    """Returns the state of the model in the channel `model`, with its replay buffer and its held-out sets; None without one."""
    if not os.path.isdir(folder):
        return None
    try:
        return read_parent(folder)
    except TrainingError:
        raise
    except Exception as error:  # whatever a damaged archive raises
        raise TrainingError(f"the model in {folder} cannot be read ({error}); give an artifact that this job has made") from error


def read_parent(folder):
    root = folder
    archives = glob.glob(os.path.join(folder, "**", "*.tar.gz"), recursive=True)
    if archives:
        root = tempfile.mkdtemp(prefix="parent-")
        with tarfile.open(archives[0]) as archive:
            extract(archive, root)
    states = glob.glob(os.path.join(root, "**", "training", "state.pt"), recursive=True)
    if not states:
        if archives or os.listdir(folder):
            raise TrainingError(f"the model in {folder} has no training/state.pt; give an artifact that this job has made")
        return None
    state = torch.load(states[0], map_location="cpu")
    if state["version"] != STATE_VERSION:
        raise TrainingError(f"the model's training state has version {state['version']}; this job reads {STATE_VERSION}")
    directory = os.path.dirname(states[0])
    state["replay"] = dict(numpy.load(os.path.join(directory, "replay.npz")))
    state["frozen"] = {
        os.path.splitext(os.path.basename(file))[0]: dict(numpy.load(file))
        for file in sorted(glob.glob(os.path.join(directory, "frozen", "*.npz")))
    }
    return state


def extract(archive, folder):
    """Extracts files whose names stay inside the folder."""
    inside = os.path.realpath(folder) + os.sep
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()):
            raise TrainingError(f"the model archive has {member.name}, which is neither a file nor a folder")
        if not (os.path.realpath(os.path.join(folder, member.name)) + os.sep).startswith(inside):
            raise TrainingError(f"the model archive has {member.name}, which leads out of its folder")
    archive.extractall(folder)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Checkpoints


def load_checkpoint(folder, plan):
    """Returns the checkpoint of this plan; None without one, or where it is of another plan or damaged."""
    file = os.path.join(folder, CHECKPOINT_NAME)
    if not os.path.exists(file):
        return None
    try:
        checkpoint = torch.load(file, map_location="cpu")
    except Exception as error:  # whatever a damaged file raises
        print(f"the checkpoint cannot be read ({error}); training begins anew", flush=True)
        return None
    if checkpoint.get("plan") != plan:
        print("the checkpoint is of another plan; training begins anew", flush=True)
        return None
    return checkpoint


def save_checkpoint(folder, checkpoint):
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{CHECKPOINT_NAME}.part")
    torch.save(checkpoint, part)
    os.replace(part, os.path.join(folder, CHECKPOINT_NAME))


# ---------------------------------------------------------------------------------------------------------------------------------------
# Training


def rows_of(found, options, parent):
    """Training rows, held-out rows, and all labels, those of the parent first."""
    names = list(parent["labels"]) if parent else []
    names += sorted(set(found["labels"]) - set(names))
    indices = {name: index for index, name in enumerate(names)}
    rows = Rows(
        numpy.array(found["ids"]),
        found["features"],
        numpy.array([indices[label] for label in found["labels"]], dtype=numpy.int64),
    )
    held = numpy.array([is_held_out(identity, options.holdout) for identity in rows.ids])
    train, held_out = rows.at(numpy.flatnonzero(~held)), rows.at(numpy.flatnonzero(held))
    if len(names) == 1:
        raise TrainingError(f"all {len(rows)} rows have the label {names[0]}; a classifier needs rows of at least two labels")
    if len(train) == 0:
        raise TrainingError(f"all {len(rows)} rows are held out; lower --holdout or give more rows")
    replay = Rows.loaded(parent["replay"], indices) if parent else None
    return train, held_out, replay, names, indices


def with_replay(train, replay, share):
    """Rows of an incremental run: the new ones, and replayed ones repeated until they have their share."""
    if replay is None or len(replay) == 0 or share == 0:
        return train
    if share is None:
        known, fresh = len(numpy.unique(replay.labels)), len(numpy.unique(train.labels))
        share = known / (known + fresh)
    wanted = len(replay) if share == 1 else math.ceil(len(train) * share / (1 - share))
    repeated = replay.at(numpy.arange(wanted) % len(replay))
    return Rows.joined([train, repeated])


def fit(model, train, options, ranks, plan, checkpoint, folders, interrupted):
    """Trains to the last step; returns the mean loss of each epoch and the number of steps done by this run."""
    parallel = model
    if ranks.size > 1:
        parallel = torch.nn.parallel.DistributedDataParallel(
            model, device_ids=[ranks.local_rank] if ranks.device.type == "cuda" else None
        )
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate)
    features = torch.from_numpy(train.features)
    labels = torch.from_numpy(train.labels)
    steps_an_epoch = math.ceil(len(train) / options.batch_size)
    step, losses, sum_of_epoch = 0, [], 0.0
    if checkpoint is not None:
        optimizer.load_state_dict(checkpoint["optimizer"])
        step, losses, sum_of_epoch = checkpoint["step"], checkpoint["losses"], checkpoint["sumOfEpoch"]
        if ranks.is_first:
            print(f"resumed=1 step={step}", flush=True)
    begun_at = step

    def save():
        if ranks.is_first:
            save_checkpoint(
                folders.checkpoints,
                {
                    "plan": plan,
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                    "losses": losses,
                    "sumOfEpoch": sum_of_epoch,
                },
            )

    order = None
    while step < options.epochs * steps_an_epoch:
        epoch, position = divmod(step, steps_an_epoch)
        if order is None or position == 0:
            order = torch.randperm(len(train), generator=torch.Generator().manual_seed(options.seed * 100_003 + epoch))
        batch = order[position * options.batch_size : (position + 1) * options.batch_size]
        own = batch[ranks.rank :: ranks.size]
        optimizer.zero_grad()
        logits = parallel(features[own].to(ranks.device))
        loss = torch.nn.functional.cross_entropy(logits, labels[own].to(ranks.device), reduction="sum")
        # DistributedDataParallel averages over the ranks; the mean over the global batch is wanted.
        (loss * ranks.size / len(batch)).backward()
        optimizer.step()
        loss_of_step = ranks.total(loss.item())
        step += 1
        ends_epoch = step % steps_an_epoch == 0
        # Before a checkpoint or a model has what cannot be mended; the loss says nothing about the step after it.
        if not math.isfinite(loss_of_step) or (ends_epoch and not all(bool(torch.isfinite(weight).all()) for weight in model.parameters())):
            raise TrainingError(
                f"training diverged at step {step}: the loss or a weight is no finite number; "
                f"lower --learning-rate ({options.learning_rate:g}), or scale features that reach far beyond the others"
            )
        sum_of_epoch += loss_of_step
        if ends_epoch:
            losses = [*losses, sum_of_epoch / len(train)]
            sum_of_epoch = 0.0
            if ranks.is_first:
                print(f"epoch={epoch + 1} step={step} train_loss={losses[-1]:.6f}", flush=True)
        stop = ranks.any(interrupted())
        if stop or step % options.checkpoint_steps == 0 or ends_epoch:
            save()
        if stop:
            raise Interrupted()
    return losses, step, step - begun_at


def forgetting_of(parent, model, indices, device, before):
    """Accuracies on the held-out rows of every earlier run, before and after, by the name of the run."""
    result = {}
    for name, archive in parent["frozen"].items():
        after, _ = accuracy_of(model, Rows.loaded(archive, indices), device)
        result[name] = {"before": before[name], "after": after, "lost": before[name] - after}
    return result


def write_model(folders, model, names, rows, parent, metrics, options, watermark):
    """Writes a Triton model repository, and what the next run needs beside it."""
    repository = os.path.join(folders.model, MODEL_NAME)
    os.makedirs(os.path.join(repository, "1"), exist_ok=True)
    model = model.cpu().eval()
    example = torch.zeros(1, model.mean.shape[0])
    torch.jit.trace(Served(model), example).save(os.path.join(repository, "1", "model.pt"))
    with open(os.path.join(repository, "labels.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}\n" for name in names)
    with open(os.path.join(repository, "config.pbtxt"), "w", encoding="utf-8") as file:
        file.write(
            f'name: "{MODEL_NAME}"\nplatform: "pytorch_libtorch"\nmax_batch_size: 64\ndynamic_batching {{}}\n'
            f'input [ {{ name: "features__0", data_type: TYPE_FP32, dims: [ {model.mean.shape[0]} ] }} ]\n'
            f'output [ {{ name: "probabilities__0", data_type: TYPE_FP32, dims: [ {len(names)} ], label_filename: "labels.txt" }} ]\n'
        )
    training = os.path.join(folders.model, "training")
    os.makedirs(os.path.join(training, "frozen"), exist_ok=True)
    torch.save(
        {
            "version": STATE_VERSION,
            "weights": model.state_dict(),
            "hidden": options.hidden,
            "labels": names,
            "watermark": watermark,
            "generation": metrics["generation"],
            "totalSteps": metrics["totalSteps"],
        },
        os.path.join(training, "state.pt"),
    )
    numpy.savez(os.path.join(training, "replay.npz"), **rows["replay"].saved(names))
    for name, archive in (parent["frozen"] if parent else {}).items():
        numpy.savez(os.path.join(training, "frozen", f"{name}.npz"), **archive)
    if len(rows["held_out"]) > 0:
        numpy.savez(os.path.join(training, "frozen", f"run-{metrics['generation']}.npz"), **rows["held_out"].saved(names))
    with open(os.path.join(folders.model, "metrics.json"), "w", encoding="utf-8") as file:
        json.dump(metrics, file, indent=2, sort_keys=True)


def train(options, folders, ranks, interrupted):
    begun = time.monotonic()
    parent = find_parent(folders.parent)
    found = read_rows(folders.train, parent["watermark"] if parent else None, read_truths(folders.labels), options.window_seconds)
    fresh, held_out, replay, names, indices = rows_of(found, options, parent)
    if parent:
        options.hidden = parent["hidden"]
        expected = parent["weights"]["mean"].shape[0]
        if fresh.features.shape[1] != expected:
            raise TrainingError(f"rows have {fresh.features.shape[1]} features, the model in the channel model has {expected}")
    rows = with_replay(fresh, replay, options.replay_share)

    torch.manual_seed(options.seed)
    if parent:
        weights = extended(parent["weights"], len(options.hidden), len(names))
        model = Classifier(weights["mean"], weights["deviation"], options.hidden, len(names))
        model.load_state_dict(weights)
    else:
        model = Classifier(*standardisation(rows.features), options.hidden, len(names))
    model.to(ranks.device)
    before = {}
    if parent:
        before = {
            name: accuracy_of(model, Rows.loaded(archive, indices), ranks.device)[0]
            for name, archive in parent["frozen"].items()
        }

    plan = {
        "version": STATE_VERSION,
        "rows": len(rows),
        "ids": zlib.crc32("\n".join(rows.ids).encode("utf-8")),
        "labels": names,
        "settings": {name: value for name, value in vars(options).items() if name != "checkpoint_steps"},
    }
    checkpoint = ranks.from_first(load_checkpoint(folders.checkpoints, plan) if ranks.is_first else None)
    if checkpoint is not None:
        model.load_state_dict(checkpoint["model"])
    losses, steps, steps_now = fit(model, rows, options, ranks, plan, checkpoint, folders, interrupted)
    if not ranks.is_first:
        return

    accuracy, slices = accuracy_of(model, held_out, ranks.device)
    forgetting = forgetting_of(parent, model, indices, ranks.device, before) if parent else {}
    metrics = {
        "generation": parent["generation"] + 1 if parent else 1,
        "accuracy": accuracy,
        "accuracyByLabel": {names[label]: value for label, value in slices.items()},
        "forgetting": forgetting,
        "losses": losses,
        "steps": steps,
        "stepsOfThisAttempt": steps_now,
        "totalSteps": steps + (parent["totalSteps"] if parent else 0),
        "processes": ranks.size,
        "newRows": len(fresh),
        "replayedRows": len(rows) - len(fresh),
        "heldOutRows": len(held_out),
        "invalidRows": found["invalid"],
        "unlabelledRows": found["unlabelled"],
        "labels": names,
        "watermark": found["watermark"],
        "seconds": time.monotonic() - begun,
    }
    print(f"validation_accuracy={accuracy if accuracy is not None else float('nan'):.6f} steps={steps}", flush=True)
    for name, change in forgetting.items():
        print(f"forgetting={change['lost']:.6f} of={name} before={change['before']:.6f} after={change['after']:.6f}", flush=True)
    worst = max(forgetting.items(), key=lambda item: item[1]["lost"], default=None)
    if worst is not None and worst[1]["lost"] > options.max_forgetting + 1e-12:
        raise TrainingError(
            f"the model has forgotten: on the held-out rows of {worst[0]} its accuracy fell from {worst[1]['before']:.4f} to "
            f"{worst[1]['after']:.4f}, by more than --max-forgetting ({options.max_forgetting}); raise --replay-share or --replay-per-label, "
            "or train from the beginning"
        )
    kept = replay_of(Rows.joined([fresh] + ([replay] if replay is not None else [])), options.replay_per_label)
    write_model(folders, model, names, {"replay": kept, "held_out": held_out}, parent, metrics, options, found["watermark"])


def main(arguments, environment):
    options = settings(arguments)
    folders = Folders(environment)
    signals = []
    signal.signal(signal.SIGTERM, lambda *_: signals.append(1))
    try:
        with Ranks(environment) as ranks:
            train(options, folders, ranks, lambda: len(signals) > 0)
    except Interrupted:
        print("interrupted: the checkpoint has the progress so far", file=sys.stderr)
        return EXIT_INTERRUPTED
    except TrainingError as error:
        os.makedirs(folders.output, exist_ok=True)
        with open(os.path.join(folders.output, "failure"), "w", encoding="utf-8") as file:
            file.write(str(error))
        shutil.rmtree(folders.model, ignore_errors=True)
        os.makedirs(folders.model, exist_ok=True)
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
