"""Handler of TorchServe's worker: one run of the network for all requests of a batch."""

import json

import torch
from ts.torch_handler.base_handler import BaseHandler


class ServiceTimeHandler(BaseHandler):
    def initialize(self, context):
        torch.set_num_threads(1)
        super().initialize(context)

    def preprocess(self, requests):
        tokens = [json.loads(request["body"])["tokens"] for request in requests]
        return torch.tensor(tokens, dtype=torch.float32)

    def postprocess(self, seconds):
        return [{"service_seconds": value} for value in seconds[:, 0].tolist()]
