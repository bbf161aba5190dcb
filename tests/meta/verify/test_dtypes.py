"""A port that lacks a dtype: the verdict says for which one it holds, and why."""

import numpy as np
import pytest

from asgd.fast import ASGD
from asgd.tests.report.build import build
from asgd.tests.verify.interface import verify


class Raises(ASGD):
    """Steps of float64 parameters raise."""

    def step(self):
        if self.param_groups[0]["params"][0].data.dtype == np.float64:
            raise AttributeError("lost")
        super().step()


class Narrows(ASGD):
    """Parameters of float64 become float32."""

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.data = parameter.data.astype(np.float32)
            if parameter.grad is not None:
                parameter.grad = parameter.grad.astype(np.float32)
        super().step()


@pytest.mark.parametrize(
    ("port", "why"),
    [
        (Raises, "AttributeError: lost (test_dtypes.py, line 16)"),
        (Narrows, "a parameter of float64 is of float32 after a step"),
    ],
)
def test_a_dtype_that_fails_is_named(port, why):
    """In the headline and in a finding; asked for, there is no verdict."""
    result = verify(port, in_process=True)
    said = [finding.text for finding in result.findings if finding.id == "dtype-absent"]
    assert said == [f"float64 was not judged: {why}"]
    report = build(result)
    assert report.says in {"conforms in float32", "deviates"}
    assert list(report.dtypes) == ["float32"]
    asked = verify(port, in_process=True, dtype=("float32", "float64"))
    assert (asked.verdict, asked.error) == (
        "error",
        f"the port has no float64, only float32: {why}",
    )
