"""Compares an hour of a model's traffic with a baseline, column by column, without labels.

Reads JSON lines: copies of requests and responses as SageMaker's data capture writes them, whose fields are columns `input.NAME` and `output.NAME`, or
plain rows, whose fields are columns `NAME`. Items of lists have numbers: `NAME.0`, and `input.inputs.0.data.3` in tensors. Only the columns that are named
are compared. A column is numeric where the baseline has numbers in it, else it is categorical; rows without it are a value of their own.

  --mode baseline   writes baseline.json: bins of equal counts, shares, and a sample of each column
  --mode compare    writes report.json: for each column PSI, and Kolmogorov-Smirnov (numeric) or chi-square (categorical, and rows without a
                    number) with the p-value

A column has drifted where PSI reaches --max-psi, so that the change matters, and the test refuses chance at --significance divided by the number of
columns. With --confidence the mean of a column of probabilities must not fall by more than --max-confidence-loss: a model that is as accurate as it
is confident is then that much less accurate. With fewer than --min-rows rows nothing is compared: the status is `too-few-rows`, not `stable`.

Needs nothing but Python.
"""

import argparse
import base64
import bisect
import glob
import json
import math
import os
import sys

BINS = 10
MAX_CATEGORIES = 50
SAMPLE_ROWS = 2000
MISSING, OTHER = "(missing)", "(other)"
# Larger numbers are none: float32 does not hold them, and their squares end the arithmetic here.
MAX_NUMBER = 3.4e38


# ---------------------------------------------------------------------------------------------------------------------------------------
# Statistics


def psi(expected, actual):
    """Population stability index of two lists of counts over the same bins; half a count more in each keeps empty ones finite."""
    expected_total = sum(expected) + 0.5 * len(expected)
    actual_total = sum(actual) + 0.5 * len(actual)
    total = 0.0
    for before, after in zip(expected, actual):
        a, e = (after + 0.5) / actual_total, (before + 0.5) / expected_total
        total += (a - e) * math.log(a / e)
    return total


def kolmogorov_smirnov(first, second):
    """Largest distance of two empirical distributions, given as sorted lists, and the asymptotic p-value."""
    i = j = 0
    distance = 0.0
    while i < len(first) and j < len(second):
        value = min(first[i], second[j])
        i = bisect.bisect_right(first, value, i)
        j = bisect.bisect_right(second, value, j)
        distance = max(distance, abs(i / len(first) - j / len(second)))
    scale = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return distance, kolmogorov_survival(scale * distance)


def kolmogorov_survival(x):
    """Probability that Kolmogorov's limit distribution exceeds x."""
    if x < 0.2:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


def chi_square(first, second):
    """Pearson's test that two lists of counts come from one distribution: the statistic and its p-value."""
    kept = [(a, b) for a, b in zip(first, second) if a + b > 0]
    totals = [sum(a for a, _ in kept), sum(b for _, b in kept)]
    whole = sum(totals)
    statistic = 0.0
    for pair in kept:
        for count, total in zip(pair, totals):
            expected = sum(pair) * total / whole
            statistic += (count - expected) ** 2 / expected
    degrees = len(kept) - 1
    return statistic, 1.0 if degrees < 1 else gamma_survival(degrees / 2, statistic / 2)


def gamma_survival(a, x):
    """Regularised upper incomplete gamma function, by its series below a + 1 and by Lentz's continued fraction above."""
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while abs(term) > abs(total) * 1e-15:
            step += 1
            term *= x / step
            total += term
        return max(0.0, 1 - front * total)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for i in range(1, 10_000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b or tiny)
        c = b + an / c or tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * fraction)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Rows


class DriftError(Exception):
    """Error that the user can correct; its text becomes the exit message of the job."""


def fields_of(line):
    """Columns of a line by name; None for a line that is no JSON object, or is nested without end."""
    try:
        return columns_of(json.loads(line))
    except (ValueError, RecursionError):
        return None


def columns_of(row):
    if not isinstance(row, dict):
        return None
    captured = row.get("captureData")
    if not isinstance(captured, dict):
        return flat("", row)
    columns = {}
    for part, prefix in (("endpointInput", "input"), ("endpointOutput", "output")):
        copy = captured.get(part) or {}
        try:
            data = base64.b64decode(copy["data"]) if copy.get("encoding") == "BASE64" else copy["data"]
            value = json.loads(data)
        except (KeyError, TypeError, ValueError):
            value = None
        columns.update(flat(f"{prefix}.", value if isinstance(value, dict) else {}))
    return columns


def flat(prefix, row):
    """Columns of an object by name: members of members, and items of lists, to any depth."""
    columns = {}
    for name, value in row.items():
        if isinstance(value, list):
            value = {str(index): item for index, item in enumerate(value)}
        if isinstance(value, dict):
            columns.update(flat(f"{prefix}{name}.", value))
        else:
            columns[f"{prefix}{name}"] = value
    return columns


def read_columns(folder, names):
    """Values of the named columns, None where a row lacks one; the number of lines that are no rows."""
    columns, invalid = {name: [] for name in names}, 0
    for file in sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True)):
        with open(file, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip() == "":
                    continue
                fields = fields_of(line)
                if fields is None:
                    invalid += 1
                    continue
                for name, values in columns.items():
                    values.append(fields.get(name))
    return columns, invalid


def is_number(value):
    """True for a number; NaN and infinity are none, and an integer may have any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MAX_NUMBER <= value <= MAX_NUMBER


def category_of(value):
    return MISSING if value is None else value if isinstance(value, str) else json.dumps(value)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Baseline and comparison


def summary(values):
    """What a later hour of a column is compared with."""
    numbers = sorted(value for value in values if is_number(value))
    if len(numbers) * 2 > len(values):
        edges = sorted({numbers[len(numbers) * part // BINS] for part in range(1, BINS)})
        step = max(1, math.ceil(len(numbers) / SAMPLE_ROWS))
        return {
            "kind": "numeric",
            "edges": edges,
            "counts": binned(values, edges),
            "mean": sum(numbers) / len(numbers),
            "sample": numbers[::step],
        }
    counts = {}
    for value in values:
        counts[category_of(value)] = counts.get(category_of(value), 0) + 1
    most = sorted(counts, key=lambda name: (-counts[name], name))[:MAX_CATEGORIES]
    return {"kind": "categorical", "categories": most, "counts": categorised(values, most)}


def binned(values, edges):
    """Counts of the bins between the edges, and of values that are no numbers."""
    counts = [0] * (len(edges) + 2)
    for value in values:
        counts[bisect.bisect_right(edges, value) if is_number(value) else -1] += 1
    return counts


def categorised(values, categories):
    """Counts of the categories, and of all others together."""
    index = {name: position for position, name in enumerate(categories)}
    counts = [0] * (len(categories) + 1)
    for value in values:
        counts[index.get(category_of(value), -1)] += 1
    return counts


def compared(baseline, values, options):
    """Drift of one column, and its tests."""
    if baseline["kind"] == "categorical":
        counts = categorised(values, baseline["categories"])
        statistic, chance = chi_square(baseline["counts"], counts)
        tests = {"chiSquare": statistic}
    else:
        counts = binned(values, baseline["edges"])
        numbers = sorted(value for value in values if is_number(value))
        statistic, chance = kolmogorov_smirnov(baseline["sample"], numbers) if numbers else (1.0, 0.0)
        tests = {"kolmogorovSmirnov": statistic}
        # The numbers say nothing about the rows that have none; of two tests the smaller p-value counts twice.
        absences = [[sum(one) - one[-1], one[-1]] for one in (baseline["counts"], counts)]
        if any(absent for _, absent in absences):
            tests["absence"], of_absence = chi_square(*absences)
            chance = min(1.0, 2 * min(chance, of_absence))
    index = psi(baseline["counts"], counts)
    drifted = index >= options.max_psi and chance < options.significance / len(options.columns)
    return {**tests, "psi": index, "pValue": chance, "drifted": drifted}


def confidence_of(baseline, values):
    """Fall of the mean confidence since the baseline, and its p-value by a one-sided z-test."""
    numbers = [value for value in values if is_number(value)]
    if baseline["kind"] != "numeric" or not numbers:
        raise DriftError("the column of --confidence has no numbers; name a column with the probability of the prediction")
    mean = sum(numbers) / len(numbers)
    loss = baseline["mean"] - mean

    def variance(sample):
        middle = sum(sample) / len(sample)
        return sum((value - middle) ** 2 for value in sample) / max(1, len(sample) - 1)

    error = math.sqrt(variance(baseline["sample"]) / len(baseline["sample"]) + variance(numbers) / len(numbers))
    chance = 0.5 * math.erfc(loss / error / math.sqrt(2)) if error > 0 else float(loss <= 0)
    return {"baseline": baseline["mean"], "mean": mean, "loss": loss, "pValue": chance}


def baseline_of(columns, options):
    return {"rows": rows_in(columns), "columns": {name: summary(values) for name, values in columns.items()}, "watched": options.columns}


def report_of(baseline, columns, options):
    """Report of an hour; the score is the largest PSI over its limit, so that 1 is a drift if it is no chance."""
    unknown = [name for name in columns if name not in baseline["columns"]]
    if unknown:
        raise DriftError(f"the baseline has no {', '.join(unknown)}; learn it again with the columns that are compared now")
    compared_columns = {name: compared(baseline["columns"][name], columns[name], options) for name in options.columns}
    drifted = sorted(name for name, result in compared_columns.items() if result["drifted"])
    report = {
        "score": max(result["psi"] for result in compared_columns.values()) / options.max_psi,
        "columns": compared_columns,
    }
    if options.confidence:
        report["confidence"] = confidence_of(baseline["columns"][options.confidence], columns[options.confidence])
        if report["confidence"]["loss"] > options.max_confidence_loss and report["confidence"]["pValue"] < options.significance:
            drifted.append(f"confidence of {options.confidence}")
    return {**report, "status": "drifted" if drifted else "stable", "drifted": drifted, "driftedColumns": len(drifted)}


def rows_in(columns):
    return max((len(values) for values in columns.values()), default=0)


# ---------------------------------------------------------------------------------------------------------------------------------------
# Job


def share(text):
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def settings(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=["baseline", "compare"], required=True)
    parser.add_argument("--columns", type=lambda text: [name for name in text.split(",") if name], required=True, help="columns, as input.age,input.plan")
    parser.add_argument("--confidence", default="", help="column with the probability of the prediction")
    parser.add_argument("--max-psi", type=float, default=0.2)
    parser.add_argument("--significance", type=share, default=0.01, help="chance of a false drift in an hour, for all columns together")
    parser.add_argument("--max-confidence-loss", type=share, default=0.05)
    parser.add_argument("--min-rows", type=int, default=200)
    parser.add_argument("--hour", default="", help="hour of the rows, for the report")
    parser.add_argument("--data", default="/opt/ml/processing/input/data")
    parser.add_argument("--baseline", default="/opt/ml/processing/input/baseline")
    parser.add_argument("--baseline-output", default="/opt/ml/processing/output/baseline")
    parser.add_argument("--report-output", default="/opt/ml/processing/output/report")
    parser.add_argument("--message", default="/opt/ml/output/message")
    return parser.parse_args(arguments)


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(content, file, allow_nan=False)


def run(options):
    names = list(dict.fromkeys(options.columns + ([options.confidence] if options.confidence else [])))
    columns, invalid = read_columns(options.data, names)
    rows = rows_in(columns)
    absent = [name for name, values in columns.items() if rows > 0 and all(value is None for value in values)]
    if options.mode == "baseline" and absent:
        raise DriftError(f"no row of the baseline has {', '.join(absent)}; check the names: captured requests have input.NAME and output.NAME")
    head = {"hour": options.hour, "rows": rows, "invalidLines": invalid}
    if rows < max(1, options.min_rows):
        report = {"status": "too-few-rows", "drifted": [], "driftedColumns": 0, "score": 0}
    elif options.mode == "baseline":
        write(options.baseline_output, "baseline.json", baseline_of(columns, options))
        report = {"status": "baselined", "drifted": [], "driftedColumns": 0, "score": 0}
    else:
        with open(os.path.join(options.baseline, "baseline.json"), encoding="utf-8") as file:
            report = report_of(json.load(file), columns, options)
    write(options.report_output, "report.json", {**head, **report})
    print(f"hour={options.hour} rows={rows} status={report['status']} score={report['score']:.4f} drifted={','.join(report['drifted']) or '-'}")


def main(arguments):
    options = settings(arguments)
    try:
        run(options)
    except DriftError as error:
        os.makedirs(os.path.dirname(options.message), exist_ok=True)
        with open(options.message, "w", encoding="utf-8") as file:
            file.write(str(error)[:1024])
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
