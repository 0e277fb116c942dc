"""Plays traffic of many seeds through the comparison of `drift.py`: hours without drift, and hours after a drift began.

A request has the tokens of its context (lognormal) and of its answer (exponential), a plan (three kinds) and the confidence of the prediction (beta).
The baseline is a day of it. Prints JSON with one entry a seed: the hours with a false drift, and the hours from the start of each drift to the first
evaluation that finds it. An evaluation comes `minute` minutes after the end of its hour.
"""

import argparse
import json
import random
import sys
import types

sys.path.insert(0, sys.argv[1])
import drift  # noqa: E402

DRIFTS = {
    "contexts 1.3 times as long": {"context": 1.3},
    "contexts 2 times as long": {"context": 2.0},
    "answers 1.5 times as long": {"answer": 1.5},
    "another mix of plans": {"plans": (0.3, 0.3, 0.4)},
    "confidence 8 points lower": {"confidence": 0.72},
}
PLANS, SHARES = ("free", "team", "company"), (0.6, 0.3, 0.1)


def hour_of(source, rows, context=1.0, answer=1.0, plans=SHARES, confidence=0.8):
    return {
        "input.context_tokens": [round(context * source.lognormvariate(5, 1)) for _ in range(rows)],
        "output.generated_tokens": [1 + round(answer * source.expovariate(1 / 120)) for _ in range(rows)],
        "input.plan": source.choices(PLANS, plans, k=rows),
        "output.confidence": [source.betavariate(10 * confidence, 10 * (1 - confidence)) for _ in range(rows)],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("assets")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--minute", type=int, default=10)
    given = parser.parse_args()
    options = types.SimpleNamespace(
        columns=["input.context_tokens", "output.generated_tokens", "input.plan"],
        confidence="output.confidence",
        max_psi=0.2,
        significance=0.01,
        max_confidence_loss=0.05,
        min_rows=200,
    )
    false_hours, seeds_with_alarm = 0, 0
    delays = {name: [] for name in DRIFTS}
    for seed in range(given.seeds):
        source = random.Random(seed)
        baseline = json.loads(json.dumps(drift.baseline_of(hour_of(source, 24 * given.rows), options)))
        wrong = sum(drift.report_of(baseline, hour_of(source, given.rows), options)["status"] == "drifted" for _ in range(given.hours))
        false_hours += wrong
        seeds_with_alarm += wrong > 0
        for name, change in DRIFTS.items():
            # The drift begins somewhere in an hour, of which only the rest is drifted.
            begun = source.random()
            for number in range(4):
                rows = given.rows if number > 0 else round((1 - begun) * given.rows)
                columns = hour_of(source, rows, **change)
                if number == 0:
                    before = hour_of(source, given.rows - rows)
                    columns = {column: before[column] + values for column, values in columns.items()}
                if drift.report_of(baseline, columns, options)["status"] == "drifted":
                    delays[name].append(number + 1 - begun + given.minute / 60)
                    break
            else:
                delays[name].append(None)
    json.dump({"seeds": given.seeds, "hours": given.seeds * given.hours, "falseHours": false_hours, "seedsWithAlarm": seeds_with_alarm, "delays": delays}, sys.stdout)


main()
