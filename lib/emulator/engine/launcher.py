"""Starts the AWS engine of a local run: `python launcher.py`, configured by environment variables only."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tidegate_engine.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
