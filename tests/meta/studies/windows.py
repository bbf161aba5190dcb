"""Draw the averaging windows of the conventions, from the equations: ``spec/windows.svg``.

Run: python tests/meta/studies/windows.py
"""

from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import escape

from asgd.reference import step
from asgd.spec import CONVENTIONS

PATH = Path(__file__).parents[3] / "spec" / "windows.svg"
LAST, T0 = 9, 4

_LEFT, _TOP, _CELL, _ROW = 120, 64, 58, 44
_WIDTH = _LEFT + (LAST + 1) * _CELL + 110
_HEIGHT = _TOP + len(CONVENTIONS) * _ROW + 16


def weights(convention, last=LAST, t0=T0):
    """Weight of each of theta_0 .. theta_last in the average after step ``last``, exactly."""
    found = []
    for k in range(last + 1):
        iterates = [Fraction(int(t == k)) for t in range(last + 1)]
        theta = average = iterates[0]
        for t in range(1, last + 1):
            theta, average = step(
                theta,
                average,
                t,
                # With a step size of 1, this gradient leads to the iterate wanted.
                theta - iterates[t],
                lr=Fraction(1),
                lambd=Fraction(0),
                alpha=Fraction(0),
                t0=Fraction(t0),
                weight_decay=Fraction(0),
                convention=convention,
            )
        found.append(average)
    return found


def _text(x, y, text, *, size=13, anchor="middle", weight="normal"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def draw():
    """The figure, as SVG."""
    title = f"Weight of each iterate in the average after step {LAST}, with t0 = {T0}"
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" fill="#222">',
        f"<title>{title}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_WIDTH / 2, 22, title, size=15, weight="bold"),
        _text(_LEFT + (LAST + 1) * _CELL + 60, _TOP - 10, "step t uses"),
    ]
    parts += [
        _text(_LEFT + (k + 0.5) * _CELL, _TOP - 10, f"θ{k}", size=14) for k in range(LAST + 1)
    ]
    for row, (name, rule) in enumerate(CONVENTIONS.items()):
        top = _TOP + row * _ROW
        parts.append(_text(_LEFT - 12, top + 24, name, anchor="end", weight="bold"))
        for k, weight in enumerate(weights(name)):
            x = _LEFT + k * _CELL
            fill = "#f3f3f3" if weight == 0 else "#9ecae1"
            parts.append(
                f'<rect x="{x + 2}" y="{top + 2}" width="{_CELL - 4}" height="{_ROW - 8}" '
                f'rx="4" fill="{fill}"/>'
            )
            if weight:
                parts.append(_text(x + _CELL / 2, top + 24, str(weight)))
        index = "η(t)" if rule.eta_lag == 0 else f"η(t - {rule.eta_lag})"
        parts.append(_text(_LEFT + (LAST + 1) * _CELL + 60, top + 24, index))
    return "\n".join([*parts, "</svg>", ""])


def main():
    """Write the figure."""
    PATH.write_text(draw(), encoding="utf-8")
    print(f"{PATH.name}: {len(CONVENTIONS)} conventions")


if __name__ == "__main__":
    main()
