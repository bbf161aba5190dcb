"""Install the lowest versions that pyproject.toml allows, and run the core tests on them."""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENT = re.compile(r"([\w-]+)>=([\d.]*\d)(,<[\d.]+)?")
# Each lower bound has a test here that uses what it is the bound of.
TESTS = (
    ("tests/test_laws.py", "tests/test_lifecycle.py", "tests/meta/fast", "tests/meta/command"),
    ("tests/meta/reference/test_oracles.py", "tests/meta/reference/test_step_size.py"),
    ("tests/meta/ports/test_program.py", "tests/meta/artifacts"),
)
SLOW = (
    "tests/meta/command/test_bench.py",
    "tests/meta/test_packages.py",
    "tests/meta/test_docs.py",
)
CLUSTER = ("tests/meta/command/test_soak.py", "-k", "cluster")


def lowest(requirement: str) -> str | None:
    """Requirement of exactly the lowest version; None for our extras, and for what is pinned."""
    if requirement.startswith("asgd[") or "==" in requirement:
        return None
    found = REQUIREMENT.fullmatch(requirement)
    if found is None:
        raise ValueError(f"a requirement must have a lower bound, got {requirement!r}")
    return f"{found[1]}=={found[2]}"


def requirements() -> list[str]:
    """Lowest version of everything that pyproject.toml names."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    wanted = [*project["dependencies"], *content["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    return sorted({found for each in wanted if (found := lowest(each)) is not None})


def main() -> None:
    """Run the tests in an environment made for them, on a copy of the tracked files."""
    if sys.argv[1:] == ["--print"]:
        print("\n".join(requirements()))  # noqa: T201 - what was asked for
        return
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "checkout"
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
        for path in listed.stdout.decode().splitlines():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, copy / path)
        file = Path(name) / "lowest.txt"
        file.write_text("\n".join(requirements()) + "\n", encoding="utf-8")
        subprocess.run([sys.executable, "-m", "venv", f"{name}/env"], check=True)
        python = f"{name}/env/bin/python"

        def run(*arguments: str) -> None:
            subprocess.run([python, "-m", *arguments], cwd=copy, check=True)

        run("pip", "install", "--quiet", "--requirement", str(file))
        # Before the links of the install: outside a repository, ruff reads build/ as well.
        run("ruff", "check", "--quiet", ".")
        subprocess.run(
            [f"{name}/env/bin/zizmor", "--offline", "--quiet", "."], cwd=copy, check=True
        )
        strict = ("--no-build-isolation", "--no-deps", "--config-settings", "editable_mode=strict")
        run("pip", "install", "--quiet", *strict, "--editable", ".")
        run("pip", "check")
        run("pytest", "-q", "-n", "auto", *(path for group in TESTS for path in group))
        run("pytest", "-q", "-n", "auto", "-m", "slow", *SLOW)
        run("pytest", "-q", "-m", "slow", *CLUSTER)


if __name__ == "__main__":
    main()
