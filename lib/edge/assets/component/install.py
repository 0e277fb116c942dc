"""
Install step of the component: Python packages into an environment of the device, once for each set of pins, then the check of the model.

    python3 install.py --work FOLDER --model FOLDER [--environments FOLDER] [--gated false]

Uses the standard library only. Exits with 1 and the reason where the version cannot serve, so that Greengrass goes back to the one before.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
OLDEST_PYTHON = (3, 11)


def environment_of(folder):
    """Returns the folder of the environment with the pinned packages, which is made where it is missing."""
    with open(REQUIREMENTS, "rb") as file:
        pins = hashlib.sha256(file.read() + repr(sys.version_info[:2]).encode()).hexdigest()[:16]
    target = os.path.join(folder, f"python-{pins}")
    if os.path.exists(os.path.join(target, "complete")):
        return target
    os.makedirs(folder, exist_ok=True)
    # Moved into place when it is whole: an interrupted installation leaves nothing that looks like one.
    building = tempfile.mkdtemp(prefix="building-", dir=folder)
    try:
        subprocess.run([sys.executable, "-m", "venv", building], check=True)
        pip = [os.path.join(building, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", REQUIREMENTS], check=True)
        with open(os.path.join(building, "complete"), "w", encoding="utf-8"):
            pass
        try:
            os.rename(building, target)
        except OSError:
            if not os.path.exists(os.path.join(target, "complete")):
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--environments", default="")
    parser.add_argument("--gated", default="true")
    options = parser.parse_args()
    if sys.version_info[:2] < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(f"error: Python {found} is too old; the packages need {'.'.join(map(str, OLDEST_PYTHON))}", file=sys.stderr)
        return 1
    try:
        environment = environment_of(options.environments or options.work)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: the Python packages could not be installed: {error}", file=sys.stderr)
        return 1
    python = os.path.join(environment, "bin", "python")
    arguments = ["check", "--model", options.model, "--work", options.work, "--gated", options.gated]
    checked = subprocess.run([python, "-B", os.path.join(HERE, "main.py"), *arguments])
    if checked.returncode != 0:
        return 1
    link = os.path.join(options.work, "environment")
    fresh = f"{link}.{os.getpid()}"
    os.symlink(environment, fresh)
    os.replace(fresh, link)
    return 0


if __name__ == "__main__":
    sys.exit(main())
