"""Small network of the local model servers: a request's tokens in, its seconds of service out.

One hidden layer of random rectifiers with a read-out fitted by least squares; the same numbers for every server.
"""

import numpy

HIDDEN, SAMPLES = 64, 4096
# Maximum of a request: tokens read and tokens generated.
MAX_TOKENS = numpy.array([8192.0, 2048.0])


def fitted(overhead: float, prefill: float, decode: float) -> dict:
    """service seconds = max(0, tokens * scale @ weights + bias) @ read_out + offset"""
    random = numpy.random.default_rng(7)
    weights = random.normal(0, 1, (2, HIDDEN))
    bias = random.normal(0, 0.5, HIDDEN)
    tokens = random.uniform(0, 1, (SAMPLES, 2)) * MAX_TOKENS
    seconds = overhead + tokens[:, 0] / prefill + tokens[:, 1] / decode
    hidden = numpy.maximum(0, (tokens / MAX_TOKENS) @ weights + bias)
    read_out, *_ = numpy.linalg.lstsq(numpy.column_stack([hidden, numpy.ones(SAMPLES)]), seconds, rcond=None)
    values = {"scale": 1 / MAX_TOKENS, "weights": weights, "bias": bias,
              "read_out": read_out[:-1, None], "offset": read_out[-1:]}
    return {name: numpy.asarray(value, dtype=numpy.float32) for name, value in values.items()}
