"""Answers prompts with what a file of its model says: a server under SageMaker's contract of inference containers that has no model."""

import http.server
import json
import os
import sys
import time

folder = os.environ["SM_VLLM_MODEL"]
with open(os.path.join(folder, "answers.json"), encoding="utf-8") as file:
    told = json.load(file)
with open(os.path.join(os.environ["PIDS"]), "a", encoding="utf-8") as file:
    file.write(f"{os.getpid()}\n")
if told.get("ends"):
    sys.exit("the weights are broken")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(503 if told.get("hangs") else 200, {})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = request["messages"][-1]["content"] if "messages" in request else request.get("prompt", request.get("inputs"))
        answer = told["answers"].get(prompt)
        time.sleep(told.get("seconds", 0))
        if answer is None:
            self.reply(424, {"message": "no answer"})
        elif "messages" in request:
            self.reply(200, {"choices": [{"message": {"content": answer}}], "usage": {"completion_tokens": len(answer)}})
        elif "prompt" in request:
            self.reply(200, {"choices": [{"text": answer}], "usage": {"completion_tokens": len(answer)}})
        else:
            self.reply(200, [{"generated_text": answer, "details": {"generated_tokens": len(answer)}}])

    def reply(self, status, body):
        payload = json.dumps(body).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
