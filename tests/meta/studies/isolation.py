"""What isolation costs: processor time of quick verdicts, in process and in a child, in turns.

``python tests/meta/studies/isolation.py [PORT] [TIMES]``
"""

import resource
import statistics
import subprocess
import sys

WAYS = {
    "in process": ["--in-process"],
    "in a child": ["--jobs", "1"],
    "two judges": ["--jobs", "2"],
}


def seconds(port, words):
    """Processor time of one verdict, with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "asgd", "verify", port, *words]
    subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(port="asgd.fast:ASGD", times="3"):
    """Print each turn, the medians of the ratios, and the memory of the largest process."""
    ratios = []
    for _ in range(int(times)):
        took = [seconds(port, words) for words in WAYS.values()]
        ratios.append([one / took[0] for one in took])
        print(dict(zip(WAYS, (round(one, 2) for one in took), strict=True)), flush=True)
    medians = [round(statistics.median(column), 3) for column in zip(*ratios, strict=True)]
    print("medians of the ratios", dict(zip(WAYS, medians, strict=True)))
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(f"largest process: {largest:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
