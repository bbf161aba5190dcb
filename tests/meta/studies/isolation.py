"""What isolation costs: processor time of quick verdicts, in process and in a child, in turns.

``python tests/meta/studies/isolation.py [PORT] [TIMES]``

Each dtype has its child, which imports the port again: "imports aside" is without that, as measured
by a process that does nothing else.
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


def seconds(*words):
    """Processor time of one command of this interpreter, with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(port="asgd.fast:ASGD", times="3"):
    """Print each turn, the medians of the ratios, and the memory of the largest process."""
    ratios, aside = [], []
    for _ in range(int(times)):
        took = [seconds("-m", "asgd", "verify", port, *words) for words in WAYS.values()]
        imports = 2 * (seconds("-c", f"import {port.partition(':')[0]}") - seconds("-c", "pass"))
        ratios.append([one / took[0] for one in took])
        aside.append([1.0, *((one - imports) / took[0] for one in took[1:])])
        print(dict(zip(WAYS, (round(one, 2) for one in took), strict=True)), flush=True)
        print(f"  two imports of the port: {imports:.2f}", flush=True)
    for what, found in (("medians of the ratios", ratios), ("imports aside", aside)):
        medians = [round(statistics.median(column), 3) for column in zip(*found, strict=True)]
        print(what, dict(zip(WAYS, medians, strict=True)))
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(f"largest process: {largest:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
