"""Exports the small network as TorchScript, in a TorchServe archive."""

import os
import subprocess
import sys
import sysconfig

import torch
from fitted_network import fitted

DIRECTORY = os.path.dirname(os.path.abspath(__file__))


class ServiceTime(torch.nn.Module):
    def __init__(self, values: dict):
        super().__init__()
        for name, value in values.items():
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu((tokens * self.scale) @ self.weights + self.bias)
        return hidden @ self.read_out + self.offset


def export(store: str, profile: list) -> None:
    script = os.path.join(os.path.dirname(store), "service_time.pt")
    torch.jit.script(ServiceTime(fitted(*profile))).save(script)
    archiver = os.path.join(sysconfig.get_path("scripts"), "torch-model-archiver")
    subprocess.run(
        [sys.executable, archiver, "--model-name", "service_time", "--version", "1.0", "--serialized-file", script,
         "--handler", os.path.join(DIRECTORY, "handler.py"), "--export-path", store],
        check=True)


if __name__ == "__main__":
    export(sys.argv[1], [float(text) for text in sys.argv[2:5]])
