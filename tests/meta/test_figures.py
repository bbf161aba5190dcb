"""The figures of the spec are those that their scripts draw."""

import windows

from asgd.spec import CONVENTIONS


def test_the_windows_are_drawn_from_the_equations():
    """Renew it with: python tests/meta/studies/windows.py."""
    assert windows.PATH.read_text(encoding="utf-8") == windows.draw()


def test_weights_are_those_of_the_page():
    """A mean over t - s + 1 iterates from s = t0 + mu_lag + 1 on; `literal` divides by t - t0."""
    for name, rule in CONVENTIONS.items():
        found = windows.weights(name)
        literal = rule.divisor == "t-t0"
        start = windows.T0 if literal else windows.T0 + rule.mu_lag + 1
        terms = windows.LAST - start if literal else windows.LAST - start + 1
        assert not any(found[:start])
        assert {weight * terms for weight in found[start:]} == {1}
