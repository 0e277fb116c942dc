"""A small language model: the next character of a sum, such as `3+4=7`, from the last six, by one hidden layer."""

import json
import os

import numpy

CHARACTERS = "0123456789+=\n"
CONTEXT = 6
HIDDEN = 128
END = "\n"


def rows_of(text):
    """One-hot rows of the last characters of a text."""
    row = numpy.zeros((CONTEXT, len(CHARACTERS)), dtype=numpy.float32)
    for place, character in enumerate(text[-CONTEXT:].rjust(CONTEXT, END)):
        row[place, CHARACTERS.index(character)] = 1
    return row.reshape(-1)


def examples():
    """Contexts and next characters of the sums of two digits."""
    inputs, wanted = [], []
    for left in range(10):
        for right in range(10):
            text = f"{left}+{right}="
            for character in f"{left + right}{END}":
                inputs.append(rows_of(text))
                wanted.append(CHARACTERS.index(character))
                text += character
    return numpy.array(inputs), numpy.array(wanted)


def train(steps, seed=1):
    """Weights after steps of Adam on all sums."""
    random = numpy.random.default_rng(seed)
    inputs, wanted = examples()
    weights = [
        random.normal(0, 0.3, (inputs.shape[1], HIDDEN)).astype(numpy.float32),
        random.normal(0, 0.3, (HIDDEN, len(CHARACTERS))).astype(numpy.float32),
    ]
    means, squares = ([numpy.zeros_like(one) for one in weights] for _ in range(2))
    for step in range(1, steps + 1):
        hidden = numpy.tanh(inputs @ weights[0])
        scores = hidden @ weights[1]
        shares = numpy.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[numpy.arange(len(wanted)), wanted] -= 1
        slope = shares / len(wanted)
        slopes = [inputs.T @ ((slope @ weights[1].T) * (1 - hidden**2)), hidden.T @ slope]
        for index, one in enumerate(slopes):
            means[index] = 0.9 * means[index] + 0.1 * one
            squares[index] = 0.99 * squares[index] + 0.01 * one**2
            size = numpy.sqrt(squares[index] / (1 - 0.99**step)) + 1e-8
            weights[index] -= 0.02 * means[index] / (1 - 0.9**step) / size
    return weights


def save(folder, weights, **config):
    os.makedirs(folder, exist_ok=True)
    numpy.concatenate([one.reshape(-1) for one in weights]).tofile(os.path.join(folder, "weights.bin"))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)


def shapes():
    return [(CONTEXT * len(CHARACTERS), HIDDEN), (HIDDEN, len(CHARACTERS))]


def load(folder):
    """Weights and configuration of a folder, whole numbers made fractions again."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    flat = os.path.join(folder, "weights.bin")
    if "quantization" not in config:
        values = numpy.fromfile(flat, dtype=numpy.float32)
        middle = shapes()[0][0] * shapes()[0][1]
        return [values[:middle].reshape(shapes()[0]), values[middle:].reshape(shapes()[1])], config
    packed = numpy.fromfile(flat, dtype=numpy.uint8)
    whole = numpy.stack([packed & 15, packed >> 4], axis=1).reshape(-1).astype(numpy.float32) - 8
    weights = []
    for shape, scales in zip(shapes(), numpy.load(os.path.join(folder, "scales.npz")).values()):
        count = shape[0] * shape[1]
        weights.append(whole[:count].reshape(shape) * scales)
        whole = whole[count:]
    return weights, config


def quantize(model, output):
    """Rounds weights to whole numbers of four bits, two to a byte, by one scale a column; of fewer bits where the configuration names them."""
    weights, config = load(model)
    largest = 2 ** (config.get("bits", 4) - 1) - 1
    scales = [numpy.abs(one).max(axis=0) / largest for one in weights]
    whole = numpy.concatenate([(numpy.round(one / scale) + 8).reshape(-1) for one, scale in zip(weights, scales)]).astype(numpy.uint8)
    (whole[0::2] | (whole[1::2] << 4)).astype(numpy.uint8).tofile(os.path.join(output, "weights.bin"))
    numpy.savez(os.path.join(output, "scales.npz"), *scales)
    with open(os.path.join(output, "config.json"), "w", encoding="utf-8") as file:
        json.dump({**config, "quantization": os.environ.get("OPTION_QUANTIZE", "awq")}, file)


def complete(weights, prompt, most):
    """The most probable characters after a prompt, to the end of the line."""
    answer = ""
    while len(answer) < most:
        scores = numpy.tanh(rows_of(prompt + answer) @ weights[0]) @ weights[1]
        character = CHARACTERS[int(scores.argmax())]
        if character == END:
            break
        answer += character
    return answer
