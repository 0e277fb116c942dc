"""Compares the statistics of drift.py with SciPy's, and its findings with those of river, on samples of many kinds.

Prints one JSON object: the cases and the largest difference of each statistic, and what the two found of each stream.
"""

import argparse
import importlib.util
import json
import math
import sys

import numpy
from river import drift as river_drift
from scipy import special, stats


def load(path):
    spec = importlib.util.spec_from_file_location("drift_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numeric_pairs(random):
    """Pairs of samples: equal and different distributions, ties, heavy tails, and sizes that differ a hundredfold."""
    for first, second in ((50, 50), (200, 1000), (2000, 400), (20, 2000)):
        for shift in (0.0, 0.1, 0.5, 3.0):
            yield random.normal(size=first), random.normal(shift, size=second)
            yield random.integers(0, 8, first).astype(float), random.integers(0, 8, second) + shift
            yield random.pareto(1.5, first), (1 + shift) * random.pareto(1.5, second)


def count_pairs(random):
    """Pairs of counts: with empty categories, one category, and categories that only one side has."""
    for categories in (1, 2, 5, 51):
        for total in (30, 1000, 200_000):
            shares = random.dirichlet(numpy.ones(categories))
            others = random.dirichlet(numpy.ones(categories))
            yield random.multinomial(total, shares), random.multinomial(total // 2, shares)
            yield random.multinomial(total, shares), random.multinomial(total // 2, others)
            yield numpy.append(random.multinomial(total, shares), [7, 0]), numpy.append(random.multinomial(total, others), [0, 9])


def relative(ours, theirs):
    return abs(ours - theirs) / max(abs(theirs), 1e-300) if max(ours, theirs) > 1e-280 else 0.0


def statistics_of(module, random):
    worst = {"kolmogorovSmirnov": 0.0, "kolmogorovPValue": 0.0, "exactPValue": 0.0, "chiSquare": 0.0, "chiSquarePValue": 0.0, "psi": 0.0}
    cases = {"numeric": 0, "counts": 0}

    def note(name, difference):
        worst[name] = max(worst[name], float(difference))

    for first, second in numeric_pairs(random):
        cases["numeric"] += 1
        distance, chance = module.kolmogorov_smirnov(sorted(first.tolist()), sorted(second.tolist()))
        judged = stats.ks_2samp(first, second, method="exact" if max(len(first), len(second)) <= 1000 else "asymp")
        scale = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
        note("kolmogorovSmirnov", abs(distance - judged.statistic))
        note("kolmogorovPValue", abs(chance - special.kolmogorov(scale * judged.statistic)))
        # Beside the p-value of these very numbers of rows, the exact one where they are few.
        note("exactPValue", abs(chance - judged.pvalue))
    for first, second in count_pairs(random):
        cases["counts"] += 1
        kept = first + second > 0
        statistic, chance = module.chi_square(first.tolist(), second.tolist())
        if kept.sum() > 1:
            judged = stats.chi2_contingency([first[kept], second[kept]], correction=False)
            note("chiSquare", relative(statistic, judged.statistic))
            note("chiSquarePValue", relative(chance, judged.pvalue))
        expected = (first + 0.5) / (first + 0.5).sum()
        actual = (second + 0.5) / (second + 0.5).sum()
        # The index is the sum of both relative entropies.
        divergence = special.rel_entr(actual, expected).sum() + special.rel_entr(expected, actual).sum()
        note("psi", abs(module.psi(first.tolist(), second.tolist()) - divergence))
    return {"cases": cases, "worst": worst}


def gamma_worst(module):
    """Largest relative difference of the incomplete gamma function, on which the p-value of chi-square rests."""
    grid = [(a / 2, x) for a in range(1, 120) for x in (1e-6, 0.1, 0.5, 1, 2, 5, 10, 30, 59, 60, 61, 100, 300, 600)]
    differences = [(abs(module.gamma_survival(a, x) - special.gammaincc(a, x)), a, x) for a, x in grid]
    return {"points": len(grid), "difference": float(max(differences)[0])}


def findings(module, random):
    """Streams as drift.py and river's KSWIN see them: a baseline, then an hour."""
    options = argparse.Namespace(max_psi=0.2, significance=0.01, columns=["x"])
    found = []
    for shift in (0.0, 0.0, 0.0, 0.8, 1.5, 4.0):
        before, after = random.normal(size=2000), random.normal(shift, size=500)
        ours = module.compared(module.summary(before.tolist()), after.tolist(), options)["drifted"]
        # The window is the whole of both, so that river's test sees the same rows; its significance is ours.
        detector = river_drift.KSWIN(alpha=0.01 / 2500, window_size=2500, stat_size=500, seed=7)
        theirs = False
        for value in numpy.concatenate([before, after]):
            detector.update(float(value))
            theirs = theirs or detector.drift_detected
        found.append({"shift": shift, "drift": bool(ours), "river": bool(theirs)})
    return found


def main():
    module = load(sys.argv[1])
    random = numpy.random.default_rng(20261201)
    print(json.dumps({**statistics_of(module, random), "gamma": gamma_worst(module), "findings": findings(module, random)}))


if __name__ == "__main__":
    main()
