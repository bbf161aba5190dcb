"""The table of `asgd bench` as a plot; it needs the extra ``plot``."""

from pathlib import Path
from typing import Any

_STYLES = {
    "fast": ("#0b6e4f", "-", 2.5),
    "fast numba": ("#7bc8a4", "-", 2.5),
    "naive": ("#8d99ae", "-", 1.2),
    "torch loop": ("#d1495b", "-", 1.2),
    "torch foreach": ("#edae49", "-", 1.2),
    "torch compile": ("#5e60ce", "-", 1.2),
    "copy": ("#222222", ":", 1.2),
}


def plot(result: dict[str, Any], path: Path, clock: str = "cpu_ns") -> None:
    """Draw time an element over the number of elements, a panel for each dtype and averaging."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    timings = [t for t in result["timings"] if t["tensors"] == 1]
    panels = list(dict.fromkeys((t["dtype"], t["averaging"]) for t in timings))
    rows = list(dict.fromkeys(dtype for dtype, _ in panels))
    columns = list(dict.fromkeys(on for _, on in panels))
    figure = Figure(figsize=(4.8 * len(columns), 3.4 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True)
    for dtype, on in panels:
        axis = axes[rows.index(dtype)][columns.index(on)]
        mine = [t for t in timings if (t["dtype"], t["averaging"]) == (dtype, on)]
        for name, (color, line, width) in _STYLES.items():
            points = [(t["elements"], t[clock][name]) for t in mine if name in t[clock]]
            if points:
                axis.loglog(*zip(*points, strict=True), line, color=color, lw=width, label=name)
        axis.set_title(f"{dtype}, averaging {'on' if on else 'off'}", fontsize=10)
        axis.grid(visible=True, which="major", alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("elements of one tensor")
    kind = "processor time" if clock == "cpu_ns" else "time"
    for row in axes:
        row[0].set_ylabel(f"{kind} of a step, ns/element")
    axes[0][0].legend(fontsize=8)
    # The same file for the same numbers: no date, no random ids.
    with mpl.rc_context({"svg.hashsalt": "asgd", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
