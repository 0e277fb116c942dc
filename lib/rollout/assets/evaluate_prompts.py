"""Measures a candidate language model beside the live one on a frozen set of prompts, and writes a report; the gate is elsewhere.

Runs in the image of the models' server: it starts the server on the files below the channel `live`, asks it, ends it, and does the same for `candidate`,
on the same instance, so that no endpoint is needed and the models never share an accelerator. The server follows SageMaker's contract of inference
containers: `/ping` and `/invocations`, on port 8080 or that of SAGEMAKER_BIND_TO_PORT.

Prompts are JSON lines below the channel `evaluation`: `{"id": "q-1", "prompt": "2+2=", "expected": "4"}`, or `messages` (chat) in place of `prompt`, several
`expected` answers, `choices` of which one is expected, `maxTokens`, `match`, and the fields that `--slice-by` names: `{"topic": "sums"}` makes the slice
`topic=sums`. Requests ask for the most probable tokens (temperature 0): chats in OpenAI's schema, prompts in that of DJL's LMI containers or of OpenAI.

Quality is the share of right answers. Latency is the elapsed time of one request at a time. Throughput is measured with growing numbers of concurrent
requests; the smallest number that reaches nearly the best throughput is the concurrency of an instance. A request without an answer is a wrong answer.

Writes below the folder of checkpoints, which SageMaker copies to S3 as it is: `report.json`, and `profile.json` with the service times at that concurrency,
which `simulate --profile` reads. Needs Python alone.
"""

import glob
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unicodedata

from evaluation import (
    EvaluationError,
    Folders,
    capacity_of,
    count,
    load,
    measures_of,
    parser_of,
    positive,
    print_loss,
    profile_of,
    report_of,
    run,
    together,
    unpacked,
    write_json,
)

MATCHES = ("exact", "normalized", "contains", "choice")
# Folder that SageMaker puts the files of a model into, which the variables of a server name.
MODEL_FOLDER = "/opt/ml/model"
PORT = 8080
# Requests whose answers are not looked at, before the measured ones.
WARM_UP = 3
# Concurrent requests while the quality is measured, and attempts of each.
ASKED_AT_ONCE = 8
ATTEMPTS = 2
# Share of requests without an answer from which on the live model is no measure.
MAX_UNANSWERED = 0.05
# Prompts in the report that the live model answers and the candidate does not, and characters of an answer.
MAX_LOST = 20
MAX_ANSWER = 200
# Seconds from SIGTERM to SIGKILL, and bytes of a server's log in a message.
GRACE_SECONDS = 30
LOG_TAIL = 700


def settings(arguments):
    parser = parser_of(__doc__.splitlines()[0], latency_runs=50, concurrency="1,2,4,8,16,32", load_seconds=20.0)
    parser.add_argument("--match", choices=MATCHES, default="normalized", help="way in which an answer is compared, for prompts that name none")
    parser.add_argument("--max-tokens", type=count, default=256, help="generated tokens of a prompt that names no number")
    parser.add_argument("--server-command", type=json.loads, required=True, help="command of the server, as a JSON array")
    parser.add_argument("--prompt-schema", choices=("lmi", "openai"), default="lmi", help="schema of requests with a prompt")
    parser.add_argument("--startup-seconds", type=positive, default=1200.0, help="time of a server to be ready")
    parser.add_argument("--request-seconds", type=positive, default=60.0, help="time-out of a request, that of SageMaker's endpoints")
    return parser.parse_args(arguments)


def hyperparameters(folder):
    """Arguments of the job: a container with an entry point of its own finds them in a file, as text."""
    with open(os.path.join(folder, "hyperparameters.json"), encoding="utf-8") as file:
        given = json.load(file)
    return [part for name in sorted(given) for part in (f"--{name}", given[name])]


# ---------------------------------------------------------------------------------------------------------------------------------------
# Prompts


class Prompt:
    """Prompt of the frozen set, with the request that asks it."""

    def __init__(self, row, options):
        self.id = row["id"]
        self.expected = [row["expected"]] if isinstance(row["expected"], str) else row["expected"]
        self.choices = row.get("choices", [])
        self.match = row.get("match", "choice" if self.choices else options.match)
        self.slices = [f"{name}={row[name]}" for name in options.slice_by if isinstance(row.get(name), (str, int))]
        tokens = row.get("maxTokens", options.max_tokens)
        if "messages" in row:
            self.body = {"messages": row["messages"], "max_tokens": tokens, "temperature": 0}
        elif options.prompt_schema == "openai":
            self.body = {"prompt": row["prompt"], "max_tokens": tokens, "temperature": 0}
        else:
            self.body = {"inputs": row["prompt"], "parameters": {"max_new_tokens": tokens, "do_sample": False, "details": True, "return_full_text": False}}

    def accepts(self, answer):
        """True if an answer is right; None is no answer."""
        if answer is None:
            return False
        if self.match == "exact":
            return answer.strip() in self.expected
        if self.match == "choice":
            return chosen(answer, self.choices) in self.expected
        said = normalized(answer)
        wanted = [normalized(text) for text in self.expected]
        if self.match == "contains":
            return any(f" {text} " in f" {said} " for text in wanted)
        return said in wanted


def normalized(text):
    """Text in lower case without articles, further spaces, and punctuation that is no part of a number: as the evaluation of SQuAD compares answers."""
    lower = unicodedata.normalize("NFKC", text).lower()
    plain = re.sub(r"[^\w\s](?!\d)|[^\w\s.,:/-]", "", lower)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def chosen(answer, choices):
    """Choice that an answer begins with, or else the only one that it mentions as a word; None where it is not clear."""
    text = answer.strip().lstrip("([\"'*")
    for choice in sorted(choices, key=len, reverse=True):
        if re.match(rf"{re.escape(choice)}(?!\w)", text):
            return choice
    mentioned = [choice for choice in choices if re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text)]
    return mentioned[0] if len(mentioned) == 1 else None


def read_prompts(folder, options):
    """Prompts by id; each has to be valid, because the set is frozen."""
    prompts, lines = {}, hashlib.sha256()
    files = sorted(glob.glob(os.path.join(folder, "**", "*.jsonl"), recursive=True))
    for file in files:
        name = os.path.relpath(file, folder)
        with open(file, "rb") as lines_of_file:
            for number, raw in enumerate(lines_of_file, 1):
                line = text_of(f"{name} line {number}", raw)
                if line.strip() == "":
                    continue
                row = parse_row(f"{name} line {number}", line)
                if row["id"] in prompts:
                    raise EvaluationError(f"{name} line {number}: the id '{row['id']}' is taken; give every prompt of the set an id of its own")
                prompts[row["id"]] = Prompt(row, options)
                lines.update(line.strip().encode("utf-8") + b"\n")
    if not prompts:
        raise EvaluationError(f"the frozen set has no prompt: {len(files)} objects end in .jsonl; each of their lines is a prompt with id and expected")
    return list(prompts.values()), lines.hexdigest()


def text_of(place, raw):
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{place}: is no UTF-8 ({error.reason} at byte {error.start}); write the file in UTF-8") from None


def parse_row(place, line):
    def refuse(what):
        raise EvaluationError(f"{place}: {what}")

    try:
        row = json.loads(line)
    except ValueError as error:
        refuse(f"is no JSON ({error}); a prompt is one line, as {{\"id\": \"q-1\", \"prompt\": \"2+2=\", \"expected\": \"4\"}}")
    if not isinstance(row, dict):
        refuse("is no object with id, prompt or messages, and expected")
    is_text = lambda value: isinstance(value, str) and value != ""
    texts = lambda value: isinstance(value, list) and len(value) > 0 and all(map(is_text, value))
    if not is_text(row.get("id")):
        refuse(f"id is {json.dumps(row.get('id'))}; a text is needed")
    if ("prompt" in row) == ("messages" in row):
        refuse("needs either prompt or messages")
    if "prompt" in row and not is_text(row["prompt"]):
        refuse(f"prompt is {json.dumps(row['prompt'])}; a text is needed")
    messages = row.get("messages", [{"role": "user", "content": ""}])
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) and "role" in one and "content" in one for one in messages):
        refuse('messages has to be a list of {"role": "user", "content": "..."}')
    expected, choices, match = row.get("expected"), row.get("choices", []), row.get("match")
    if not is_text(expected) and not texts(expected):
        refuse(f"expected is {json.dumps(expected)}; a text or a list of texts is needed")
    if choices != [] and not texts(choices):
        refuse(f"choices is {json.dumps(choices)}; a list of texts is needed")
    if match is not None and match not in MATCHES:
        refuse(f"match is {json.dumps(match)}; one of {', '.join(MATCHES)} is allowed")
    if (match == "choice") > (choices != []):
        refuse('match "choice" needs choices, as ["A", "B"]')
    unknown = [text for text in ([expected] if is_text(expected) else expected) if choices != [] and text not in choices]
    if unknown:
        refuse(f"expected has {json.dumps(unknown[0])}, which is none of choices {json.dumps(choices)}")
    tokens = row.get("maxTokens", 1)
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1:
        refuse(f"maxTokens is {json.dumps(tokens)}; a whole number from 1 is needed")
    return row


# ---------------------------------------------------------------------------------------------------------------------------------------
# Server


class Server:
    """Server of one model, ready between `__enter__` and `__exit__`. It finds the files where an endpoint has them, as links."""

    def __init__(self, name, folder, place, work, options, environment):
        self.name = name
        self.options = options
        self.links = {os.path.join(place, entry): os.path.join(folder, entry) for entry in os.listdir(folder)}
        self.port = free_port()
        self.log = os.path.join(work, f"{name}.log")
        self.environment = {variable: place if value == MODEL_FOLDER else value for variable, value in environment.items()}
        self.environment["SAGEMAKER_BIND_TO_PORT"] = str(self.port)
        self.process = None

    def __enter__(self):
        try:
            self.start()
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.end()
        for link in filter(os.path.islink, self.links):
            os.unlink(link)

    def start(self):
        for link, file in self.links.items():
            os.symlink(file, link)
        with open(self.log, "wb") as log:
            try:
                # The server stays in the process group, so that whoever ends the job ends it too.
                self.process = subprocess.Popen(self.options.server_command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            except OSError as error:
                raise EvaluationError(f"the server of the {self.name} model does not start: {error}; check serverCommand and image") from None

    def end(self):
        processes = [self.process.pid, *descendants(self.process.pid)]
        signal_all(processes, signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < end and any(map(is_alive, processes)):
            self.process.poll()
            time.sleep(0.05)
        signal_all(processes, signal.SIGKILL)
        self.process.wait()

    def wait(self):
        end = time.monotonic() + self.options.startup_seconds
        while True:
            if self.process.poll() is not None:
                raise EvaluationError(f"the server of the {self.name} model ended with status {self.process.returncode} before it was ready: {self.tail()}")
            if self.exchange("GET", "/ping", None, 5)[0] == 200:
                return
            if time.monotonic() > end:
                raise EvaluationError(f"the server of the {self.name} model was not ready within {self.options.startup_seconds:.0f} s: {self.tail()}")
            time.sleep(0.2)

    def tail(self):
        with open(self.log, "rb") as file:
            return file.read()[-LOG_TAIL:].decode("utf-8", "replace").strip() or "it wrote no log"

    def exchange(self, method, path, body, seconds):
        """Status and text of a response; 0 and the reason without one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error) or type(error).__name__
        finally:
            connection.close()

    def ask(self, prompt):
        """Answer and number of its tokens; the answer is None and the reason follows where there is none."""
        status, text = self.exchange("POST", "/invocations", json.dumps(prompt.body), self.options.request_seconds)
        if status == 200:
            try:
                return answer_of(json.loads(text))
            except (ValueError, LookupError, TypeError):
                return None, f"a response that has neither choices nor generated_text: {text[:MAX_ANSWER]}"
        return None, f"status {status}: {text[:MAX_ANSWER]}" if status else text


def answer_of(reply):
    """Text and number of tokens (None where it is not told) of a response: in OpenAI's schemas, or in LMI's own."""
    first = reply[0] if isinstance(reply, list) else reply
    if "choices" in first:
        choice = first["choices"][0]
        answer = choice["message"]["content"] if "message" in choice else choice["text"]
        tokens = (first.get("usage") or {}).get("completion_tokens")
    else:
        answer = first["generated_text"]
        tokens = (first.get("details") or {}).get("generated_tokens")
    # A model may answer with nothing.
    return answer or "", tokens


def free_port():
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue
    raise EvaluationError("the container has no free port")


def descendants(pid):
    """Processes that a process has started, and those that they have."""
    parents = {}
    for entry in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(entry, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        child, parent = int(text.split(" ", 1)[0]), int(text.rsplit(")", 1)[1].split()[1])
        parents.setdefault(parent, []).append(child)
    found, at = [], [pid]
    while at:
        children = parents.get(at.pop(), [])
        found.extend(children)
        at.extend(children)
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


# ---------------------------------------------------------------------------------------------------------------------------------------
# Measurement


class Asked:
    """Answers of a model to all prompts."""

    def __init__(self, server, prompts):
        self.answers = [None] * len(prompts)
        # Reasons for prompts without an answer.
        self.unanswered = []
        waiting = list(enumerate(prompts))

        def client():
            while True:
                try:
                    index, prompt = waiting.pop()
                except IndexError:
                    return
                for _ in range(ATTEMPTS):
                    answer, tokens_or_reason = server.ask(prompt)
                    if answer is not None:
                        self.answers[index] = answer
                        break
                else:
                    self.unanswered.append(tokens_or_reason)

        together([client] * ASKED_AT_ONCE)
        self.right = [prompt.accepts(answer) for prompt, answer in zip(prompts, self.answers)]


def throughput(server, prompts, concurrency, seconds):
    """Rate and times of answered requests, and tokens a second; the tokens are None where the server does not tell them."""
    tokens = []

    def ask(number):
        answer, counted = server.ask(prompts[number % len(prompts)])
        if answer is not None:
            tokens.append(counted)
        return answer

    rate, times = load(ask, concurrency, seconds)
    told = len(times) > 0 and all(isinstance(value, int) for value in tokens)
    return rate, times, sum(tokens) / (len(times) / rate) if told else None


def measure(server, prompts, size, options):
    """Measures of a model by its server, and what it answered."""
    for number in range(WARM_UP):
        server.ask(prompts[number % len(prompts)])
    asked = Asked(server, prompts)
    missing = len(asked.unanswered)
    latencies = []
    for number in range(options.latency_runs):
        begin = time.perf_counter()
        if server.ask(prompts[number % len(prompts)])[0] is not None:
            latencies.append(time.perf_counter() - begin)
    if latencies == [] or missing == len(prompts) or (server.name == "live" and missing > MAX_UNANSWERED * len(prompts)):
        raise EvaluationError(f"the {server.name} model left {missing} of {len(prompts)} prompts without an answer; the last one: {asked.unanswered[-1:]}")
    loads = {number: throughput(server, prompts, number, options.load_seconds) for number in options.concurrency}
    capacity = capacity_of({number: (rate, times) for number, (rate, times, _) in loads.items()})
    measures = measures_of(asked.right, [prompt.slices for prompt in prompts], size, latencies, capacity, options)
    measures["tokensPerSecond"] = loads[capacity["maxConcurrency"]][2]
    measures["unanswered"] = missing
    return measures, capacity["times"], asked


def lost_of(prompts, live, candidate):
    """Prompts that the live model answers right and the candidate does not, for people who look for the reason."""
    lost = [index for index in range(len(prompts)) if live.right[index] and not candidate.right[index]]
    cut = lambda answer: None if answer is None else answer[:MAX_ANSWER]
    return [
        {"id": prompts[index].id, "expected": prompts[index].expected, "live": cut(live.answers[index]), "candidate": cut(candidate.answers[index])}
        for index in lost[:MAX_LOST]
    ]


def print_report(measured):
    print(f"{'model':<12}{'bytes':>14}{'accuracy':>10}{'p50 s':>9}{'p95 s':>9}{'requests/s':>12}{'tokens/s':>10}{'concurrency':>13}", flush=True)
    for name, values in measured.items():
        latency, tokens = values["latencySeconds"], values["tokensPerSecond"]
        print(
            f"{name:<12}{values['bytes']:>14}{values['accuracy']:>10.4f}{latency['p50']:>9.3f}{latency['p95']:>9.3f}{values['requestsPerSecond']:>12.2f}"
            f"{'-' if tokens is None else format(tokens, '.0f'):>10}{values['maxConcurrency']:>13}",
            flush=True,
        )
    print_loss(measured)


def evaluate(options, folders, work):
    prompts, frozen_set = read_prompts(folders.evaluation, options)
    artifacts = {name: unpacked(name, folder, work) for name, folder in folders.models.items()}
    measured, asked, times = {}, {}, []
    for name, (folder, size) in artifacts.items():
        with Server(name, folder, folders.model, work, options, os.environ) as server:
            measured[name], times, asked[name] = measure(server, prompts, size, options)
    print_report(measured)
    report = report_of(len(prompts), frozen_set, measured, options)
    report["lost"] = lost_of(prompts, asked["live"], asked["candidate"])
    write_json(folders.report, "profile.json", profile_of(times))
    write_json(folders.report, "report.json", report)


def stop(*_):
    sys.exit(143)


if __name__ == "__main__":
    # A job that is stopped ends its server, too.
    signal.signal(signal.SIGTERM, stop)
    own_folders = Folders(os.environ)
    own_settings = settings(sys.argv[1:] or hyperparameters(own_folders.config))
    sys.exit(run(evaluate, own_settings, own_folders))
