"""The verdict on torch.optim.ASGD: in float64 its eta and mu are float32; nothing else is wrong."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PORTS = """
import functools
import torch
foreach = functools.partial(torch.optim.ASGD, foreach=True)
loop = functools.partial(torch.optim.ASGD, foreach=False)
"""
EXPECTED = {"eta-float32-stored", "mu-float32-stored"}


def main() -> None:
    """Verify torch's paths and compare each report with what is known of torch 2.13."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "paths.py").write_text(PORTS)
        for port in ("torch.optim:ASGD", "paths:foreach", "paths:loop"):
            command = [sys.executable, "-m", "asgd", "verify", port]
            done = subprocess.run(
                [*command, "--json", "r.json"], cwd=folder, check=False, env=os.environ
            )
            report = json.loads((folder / "r.json").read_text())
            assert done.returncode == 1, f"{port}: exit {done.returncode}"
            assert report["convention"] == "torch", report["convention"]
            single, double = report["dtypes"]["float32"], report["dtypes"]["float64"]
            assert single["verdict"] == "conforms", single["deviations"]
            assert {d["id"] for d in double["deviations"]} == EXPECTED, double["deviations"]
    print("torch 2.13: as known")  # noqa: T201 - a line for the log


if __name__ == "__main__":
    main()
