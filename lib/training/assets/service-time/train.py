"""Learns the service time of requests from the results of ingestion.

    seconds = overhead + context_tokens * a + generated_tokens * b        with overhead, a, b >= 0

Reads JSON lines below the channel `train`, holds out a fifth of the requests to measure the error, and writes a Triton model
repository. With `window-seconds` it reads the objects of that time before the newest result only. With an earlier model in the channel `model` it
goes on from the sums of that model and reads only objects that came later. Follows the conventions of SageMaker's training containers: folders below /opt/ml or in SM_* variables, hyperparameters as
arguments, checkpoints from which the next attempt resumes, the reason of a failure in <output>/failure. Standard library only.
"""

import argparse
import itertools
import json
import math
import os
import re
import shutil
import signal
import sys
import tarfile
import zlib

CHECKPOINT_VERSION = 2
FEATURES = 3  # overhead, thousands of context tokens, thousands of generated tokens
TOKENS_PER_UNIT = 1000.0
# Objects of one shard can overlap after a crash; they are adjacent in name order.
DEDUPLICATED_FILES = 4
MAX_INVALID_RATIO = 0.05
# Tokens or seconds of a request; the sums of their squares stay far inside a float.
MAX_NUMBER = 1e15
# Epoch seconds of the year 5138; a time above it is in milliseconds, and as a watermark would hide all later rows.
MAX_TIME = 1e11
EXIT_INTERRUPTED = 143  # 128 + SIGTERM
# Names of the objects of ingestion: positions of records, padded, so that their order is that of time within a folder.
ORDERED_NAME = re.compile(r"^\d{20,}(\.\d+)?-\d{20,}(\.\d+)?\.jsonl$")
STATE_FILE = os.path.join("training", "state.json")  # in the archive of a model


class TrainingError(Exception):
    """Error that the user can correct; its text is written to the failure file."""


class Interrupted(Exception):
    """SageMaker is about to stop the instance."""


class Moments:
    """Sums over rows for a least-squares fit and its error; the rows are not kept."""

    def __init__(self, state=None):
        state = state or {}
        self.rows = state.get("rows", 0)
        self.xx = state.get("xx", [[0.0] * FEATURES for _ in range(FEATURES)])
        self.xy = state.get("xy", [0.0] * FEATURES)
        self.yy = state.get("yy", 0.0)

    def state(self):
        return {"rows": self.rows, "xx": self.xx, "xy": self.xy, "yy": self.yy}

    def add(self, x, y):
        self.rows += 1
        self.yy += y * y
        for i in range(FEATURES):
            self.xy[i] += x[i] * y
            for j in range(FEATURES):
                self.xx[i][j] += x[i] * x[j]

    def merge(self, other):
        self.rows += other.rows
        self.yy += other.yy
        for i in range(FEATURES):
            self.xy[i] += other.xy[i]
            for j in range(FEATURES):
                self.xx[i][j] += other.xx[i][j]

    def mean(self):
        return self.xy[0] / self.rows  # the first feature is 1

    def squared_error(self, weights):
        """Returns the sum of (y - x.w)^2 over the rows."""
        cross = sum(weight * value for weight, value in zip(weights, self.xy))
        square = sum(
            weights[i] * weights[j] * self.xx[i][j] for i in range(FEATURES) for j in range(FEATURES)
        )
        return max(0.0, self.yy - 2 * cross + square)


def solve(matrix, right):
    """Solves a small linear system by Gaussian elimination with pivoting; None without a unique solution."""
    size = len(right)
    rows = [list(matrix[i]) + [right[i]] for i in range(size)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda i: abs(rows[i][column]))
        if abs(rows[pivot][column]) < 1e-12:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for i in range(size):
            if i != column:
                factor = rows[i][column] / rows[column][column]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[column])]
    return [rows[i][size] / rows[i][i] for i in range(size)]


def fit(moments, ridge):
    """Non-negative ridge regression: the best subset of features whose solution has no negative weight."""
    best, best_loss = [0.0] * FEATURES, moments.yy
    penalty = ridge * moments.rows
    for size in range(1, FEATURES + 1):
        for subset in itertools.combinations(range(FEATURES), size):
            matrix = [
                [moments.xx[i][j] + (penalty if i == j and i > 0 else 0.0) for j in subset] for i in subset
            ]
            solution = solve(matrix, [moments.xy[i] for i in subset])
            if solution is None or min(solution) < 0:
                continue
            weights = [0.0] * FEATURES
            for feature, weight in zip(subset, solution):
                weights[feature] = weight
            loss = moments.squared_error(weights) + penalty * sum(weight * weight for weight in weights[1:])
            if loss < best_loss:
                best, best_loss = weights, loss
    return best


def parse_row(line):
    """Returns id, features, target and time of a result line, the time None where it has none; None for an invalid line."""
    try:
        row = json.loads(line)
        identity = row["id"]
        numbers = (row["context_tokens"], row["generated_tokens"], row["service_seconds"])
        at = row.get("answered_at")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    # Half of a pair of code units alone is no text that UTF-8 can write.
    if not isinstance(identity, str) or re.search("[\ud800-\udfff]", identity):
        return None
    if not all(is_number(number, MAX_NUMBER) for number in numbers) or not (at is None or is_number(at, MAX_TIME)):
        return None
    context, generated, seconds = numbers
    return identity, [1.0, context / TOKENS_PER_UNIT, generated / TOKENS_PER_UNIT], float(seconds), at


def is_number(value, largest):
    """True for a number from 0 to the largest; NaN is none, and an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= largest


def is_held_out(identity, share):
    """True for the same requests in every run, independent of the order of the files."""
    return zlib.crc32(identity.encode("utf-8")) % 10_000 < share * 10_000


class Progress:
    """Sums learned so far, with the names of the files."""

    def __init__(self, holdout, window, state=None):
        state = state or {}
        self.holdout = holdout
        self.window = window
        self.files = set(state.get("files", []))
        self.learned = Learned(state.get("learned"))  # by the earlier model
        self.since = state.get("since")  # time of the oldest rows to learn
        self.watermark = state.get("watermark")  # time of the newest row
        self.old = state.get("old", 0)
        self.train = Moments(state.get("train"))
        self.test = Moments(state.get("test"))
        self.invalid = state.get("invalid", 0)
        self.repeated = state.get("repeated", 0)
        self.recent = state.get("recent", [])

    def state(self):
        return {
            "version": CHECKPOINT_VERSION,
            "holdout": self.holdout,
            "window": self.window,
            "files": sorted(self.files),
            "learned": self.learned.state(),
            "since": self.since,
            "watermark": self.watermark,
            "old": self.old,
            "train": self.train.state(),
            "test": self.test.state(),
            "invalid": self.invalid,
            "repeated": self.repeated,
            "recent": self.recent,
        }

    def learn(self, name, lines):
        """Adds a whole file, or nothing if interrupted."""
        train, test = Moments(), Moments()
        invalid = repeated = old = 0
        watermark = self.watermark
        known = set(itertools.chain.from_iterable(self.recent))
        seen = []
        for line in lines:
            if not line.strip():
                continue
            row = parse_row(line)
            if row is None:
                invalid += 1
                continue
            identity, x, y, at = row
            if at is not None and self.since is not None and at < self.since:
                old += 1
                continue
            if at is not None:
                watermark = at if watermark is None else max(watermark, at)
            if identity in known:
                repeated += 1
                continue
            known.add(identity)
            seen.append(identity)
            (test if is_held_out(identity, self.holdout) else train).add(x, y)
        self.train.merge(train)
        self.test.merge(test)
        self.invalid += invalid
        self.repeated += repeated
        self.old += old
        self.watermark = watermark
        self.recent = (self.recent + [seen])[-DEDUPLICATED_FILES:]
        self.files.add(name)


class Learned:
    """Objects that models have learned: the last of each folder where names are in the order of time, else all names."""

    def __init__(self, state=None):
        state = state or {}
        self.last = dict(state.get("last", {}))
        self.others = set(state.get("others", []))

    def state(self):
        return {"last": self.last, "others": sorted(self.others)}

    def add(self, name):
        directory, base = os.path.split(name)
        if ORDERED_NAME.match(base):
            self.last[directory] = max(base, self.last.get(directory, ""))
        else:
            self.others.add(name)

    def has(self, name):
        directory, base = os.path.split(name)
        return base <= self.last.get(directory, "") if ORDERED_NAME.match(base) else name in self.others


def load_checkpoint(path, holdout, window):
    """Returns the progress of the last attempt; None where there is none to go on from."""
    try:
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        print("the checkpoint is invalid; starting from the beginning")
        return None
    if state.get("version") != CHECKPOINT_VERSION or (state.get("holdout"), state.get("window")) != (holdout, window):
        print("the checkpoint has another version, holdout or window; starting from the beginning")
        return None
    progress = Progress(holdout, window, state)
    print(f"resuming after {len(progress.files)} files")
    return progress


def load_parent(channel, holdout, window):
    """Returns the progress of the earlier model in a channel; an empty one without such a channel."""
    if channel is None or not os.path.isdir(channel):
        return Progress(holdout, window)
    archives = [os.path.join(channel, name) for name in sorted(os.listdir(channel)) if name.endswith(".tar.gz")]
    try:
        if archives:
            with tarfile.open(archives[0]) as archive:
                state = json.load(archive.extractfile(next(one for one in archive if os.path.normpath(one.name) == STATE_FILE)))
        else:
            with open(os.path.join(channel, STATE_FILE), encoding="utf-8") as file:
                state = json.load(file)
    except (OSError, ValueError, StopIteration, tarfile.TarError) as error:
        raise TrainingError(
            f"the channel model has no {STATE_FILE} of an earlier run of this training; give the artifact of its model, or start without the channel"
        ) from error
    if state.get("version") != CHECKPOINT_VERSION or state.get("holdout") != holdout:
        raise TrainingError(
            f"the model in the channel model was trained with holdout {state.get('holdout')}, not {holdout}; train it anew without the channel, or give that holdout"
        )
    progress = Progress(holdout, window, {**state, "since": None})
    print(f"going on from {progress.train.rows + progress.test.rows} rows up to {progress.watermark}")
    return progress


def save_json(path, value):
    """Writes a file atomically."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)
    os.replace(path + ".part", path)


def channel_files(channel):
    """Returns the names of the result files below the channel, sorted."""
    found = []
    for directory, _, names in os.walk(channel):
        found += [os.path.relpath(os.path.join(directory, name), channel) for name in names if name.endswith(".jsonl")]
    return sorted(found)


def newest_row(channel, name):
    """Returns the time of the newest row of a file; None where no row has one."""
    with open(os.path.join(channel, name), encoding="utf-8", errors="replace") as file:
        times = [row[3] for row in map(parse_row, file) if row is not None and row[3] is not None]
    return max(times, default=None)


def by_folder(names):
    """Returns the names of each folder of objects that are in the order of time."""
    ordered = [name for name in names if ORDERED_NAME.match(os.path.basename(name))]
    return [list(group) for _, group in itertools.groupby(ordered, key=os.path.dirname)]


def before(channel, names, since):
    """Returns how many files of a folder end before a time; it opens as many as a search in a sorted list looks at."""
    low, high = 0, len(names)
    while low < high:
        middle = (low + high) // 2
        newest = newest_row(channel, names[middle])
        if newest is not None and newest < since:
            low = middle + 1
        else:
            high = middle
    return low


def files_to_read(channel, progress):
    """Returns the names of the files that are new, and inside the window."""
    names = [name for name in channel_files(channel) if not progress.learned.has(name)]
    if progress.window is None:
        return names
    folders = by_folder(names)
    if progress.since is None:
        # Names of other forms say nothing about the time of their rows.
        unordered = set(names).difference(*folders)
        newest = [newest_row(channel, name) for name in [*(folder[-1] for folder in folders), *sorted(unordered)]]
        times = [time for time in [progress.watermark, *newest] if time is not None]
        progress.since = max(times) - progress.window if times else None
    if progress.since is None:
        return names
    outside = {name for folder in folders for name in folder[: before(channel, folder, progress.since)]}
    return [name for name in names if name not in outside]


def read_all(channel, progress, save):
    names = files_to_read(channel, progress)
    pending = [name for name in names if name not in progress.files]
    print(f"{len(pending)} files to read below {channel}")
    for count, name in enumerate(pending, start=1):
        with open(os.path.join(channel, name), encoding="utf-8", errors="replace") as file:
            progress.learn(name, file)
        if count % 50 == 0:
            save()


def check(progress, min_rows, channel):
    rows = progress.train.rows + progress.test.rows
    if rows > 0 and not progress.files:
        raise TrainingError(f"no result object below {channel} is newer than those that the model in the channel model has learned; nothing to do")
    if rows == 0 and progress.invalid == 0:
        raise TrainingError(
            f"there is no result line in a .jsonl file below {channel}; send requests through the stream first, "
            "and check the prefix of the training data"
        )
    if progress.invalid > MAX_INVALID_RATIO * (rows + progress.invalid):
        raise TrainingError(
            f"{progress.invalid} of {rows + progress.invalid} lines are not results (id, context_tokens, generated_tokens and "
            "service_seconds are needed); check the prefix of the training data"
        )
    if progress.train.rows < min_rows or progress.test.rows == 0:
        raise TrainingError(
            f"{progress.train.rows} training rows and {progress.test.rows} held out are too few (min_rows is {min_rows}); "
            "send more requests first, or lower min_rows"
        )


def evaluate(progress, weights):
    train, test = progress.train, progress.test
    rmse = math.sqrt(test.squared_error(weights) / test.rows)
    rmse_of_mean = math.sqrt(test.squared_error([train.mean(), 0.0, 0.0]) / test.rows)
    return {
        "rows": train.rows,
        "holdout_rows": test.rows,
        "invalid_lines": progress.invalid,
        "repeated_lines": progress.repeated,
        "old_lines": progress.old,
        "watermark": progress.watermark,
        "train_rmse": math.sqrt(train.squared_error(weights) / train.rows),
        "holdout_rmse": rmse,
        "holdout_rmse_of_mean": rmse_of_mean,
        "holdout_r2": 1 - (rmse / rmse_of_mean) ** 2 if rmse_of_mean > 0 else 0.0,
    }


def state_of(progress):
    """State from which the next run goes on."""
    for name in progress.files:
        progress.learned.add(name)
    return {**progress.state(), "files": []}


def write_model(directory, weights, metrics, state):
    """Writes a Triton model repository: the initial model of this package with the learned weights, and what the next run needs."""
    template = os.path.join(os.path.dirname(os.path.abspath(__file__)), "initial-model", "service_time")
    target = os.path.join(directory, "service_time")
    shutil.copytree(template, target, dirs_exist_ok=True)
    learned = {
        "overhead_seconds": weights[0],
        "seconds_per_context_token": weights[1] / TOKENS_PER_UNIT,
        "seconds_per_generated_token": weights[2] / TOKENS_PER_UNIT,
    }
    save_json(os.path.join(target, "1", "weights.json"), learned)
    save_json(os.path.join(directory, "metrics.json"), metrics)
    save_json(os.path.join(directory, STATE_FILE), state)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Learns the service time of requests.")
    parser.add_argument("--holdout", type=float, default=0.2, help="share of the requests held out to measure the error")
    parser.add_argument("--ridge", type=float, default=1e-9, help="penalty on large weights")
    parser.add_argument("--min_rows", "--min-rows", type=int, default=20, help="minimum number of training rows")
    parser.add_argument("--window-seconds", type=float, default=None, help="age of the oldest rows to learn, before the newest one")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"ignoring unknown hyperparameters: {' '.join(unknown)}")
    if not 0 < options.holdout < 1:
        raise TrainingError(f"holdout ({options.holdout}) must lie between 0 and 1")
    if not (math.isfinite(options.ridge) and options.ridge >= 0):
        raise TrainingError(f"ridge ({options.ridge}) must be 0 or more")
    if options.window_seconds is not None and not options.window_seconds > 0:
        raise TrainingError(f"window-seconds ({options.window_seconds}) must be above 0")
    return options


def folder(name, default):
    return os.environ.get(name) or default


def run(arguments):
    options = parse_arguments(arguments)
    channel = folder("SM_CHANNEL_TRAIN", "/opt/ml/input/data/train")
    checkpoint = os.path.join(folder("SM_CHECKPOINT_DIR", "/opt/ml/checkpoints"), "progress.json")
    progress = load_checkpoint(checkpoint, options.holdout, options.window_seconds)
    if progress is None:
        progress = load_parent(os.environ.get("SM_CHANNEL_MODEL"), options.holdout, options.window_seconds)

    def save():
        save_json(checkpoint, progress.state())

    try:
        read_all(channel, progress, save)
    except Interrupted:
        save()
        print(f"interrupted after {len(progress.files)} files; the checkpoint is saved")
        return EXIT_INTERRUPTED
    save()
    check(progress, options.min_rows, channel)
    weights = fit(progress.train, options.ridge)
    metrics = evaluate(progress, weights)
    write_model(folder("SM_MODEL_DIR", "/opt/ml/model"), weights, metrics, state_of(progress))
    for name, value in sorted(metrics.items()):
        if value is not None:
            print(f"{name}={value:.9g}")
    return 0


def interrupt(_signal, _frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second signal must not interrupt saving
    raise Interrupted()


def main(arguments):
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return run(arguments)
    except Interrupted:
        return EXIT_INTERRUPTED
    except Exception as error:  # the failure file is all that the user sees of the error
        output = folder("SM_OUTPUT_DIR", "/opt/ml/output")
        reason = str(error) if isinstance(error, TrainingError) else f"{type(error).__name__}: {error}"
        os.makedirs(output, exist_ok=True)
        with open(os.path.join(output, "failure"), "w", encoding="utf-8") as file:
            file.write(reason[:1024])
        print(f"training failed: {reason}", file=sys.stderr)
        if not isinstance(error, TrainingError):
            raise
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
