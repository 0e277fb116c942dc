"""Serves the model of sums under SageMaker's contract of inference containers, in the schemas of chats and of LMI."""

import http.server
import json
import os
import sys
import time

import model

folder = os.environ["HF_MODEL_ID"]
with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
    if json.load(file).get("hangs"):
        time.sleep(3600)
weights, _ = model.load(folder)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(200, {})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "messages" in request:
            answer = model.complete(weights, request["messages"][-1]["content"], request["max_tokens"])
            message = {"role": "assistant", "content": answer}
            self.reply(200, {"choices": [{"message": message}], "usage": {"completion_tokens": len(answer)}})
        else:
            answer = model.complete(weights, request["inputs"], request["parameters"]["max_new_tokens"])
            self.reply(200, {"generated_text": answer, "details": {"generated_tokens": len(answer)}})

    def reply(self, status, body):
        payload = json.dumps(body).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_):
        pass


print(f"serves {folder}", file=sys.stderr, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
