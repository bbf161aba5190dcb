"""The whole domain of the equations, and mpmath's verdict on a number.

mpmath works at the precision that a number needs: it is doubled until its own error, which is
bounded (`Approximation`), leaves no doubt.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st

from asgd.reference import Enclosure, formats
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import Arithmetic
from asgd.spec import POLICIES

from ..oracle.judgement import Place
from ..oracle.one_number import compare

DTYPES = tuple(formats)
_LARGEST = {"float32": 128, "float64": 1024}


def arithmetic(dtype: str) -> Arithmetic:
    """What rounding may cost a kernel."""
    return Arithmetic(formats[dtype], POLICIES["native"])


def numbers(dtype: str) -> st.SearchStrategy[float]:
    """Finite numbers of a dtype, of all exponents and both signs: subnormal ones and 0 too."""
    width: Literal[32, 64] = 32 if dtype == "float32" else 64
    plain = st.floats(allow_nan=False, allow_infinity=False, width=width)
    top = _LARGEST[dtype]
    near = st.builds(
        lambda x, e: float(np.ldexp(np.dtype(dtype).type(x), e)),
        st.floats(-1, 1, width=width),
        st.integers(-top, top - 1),
    )
    return plain | near


def rates() -> st.SearchStrategy[float]:
    """Finite hyperparameters: any float64 number that is not negative, tiny and huge ones too."""
    usual = st.floats(0, 4)
    return usual | st.floats(0, allow_infinity=False) | st.sampled_from([0.0, 5e-324, 1e-46, 1e300])


def steps() -> st.SearchStrategy[int]:
    """Counts of steps, beyond what float32 and float64 can count."""
    return st.integers(0, 100) | st.integers(0, 2**60)


def array(x: float, dtype: str) -> Any:
    """An array of one number of the dtype."""
    return np.array([x], dtype)


def assert_near(got: Any, exact: Callable[[int], Enclosure], tolerance: float) -> None:
    """Check that a number is within its tolerance of the exact one, by mpmath.

    Parameters
    ----------
    got : float
        The kernel's number.
    exact : callable
        Approximation of the exact one at a precision.
    tolerance : float
        Derived bound; an infinite one says that an intermediate result may overflow.
    """
    if math.isinf(tolerance):
        return
    judged = compare("theta", Place(1, 1, 0), exact, float(got), tolerance)
    assert isinstance(judged.exact, Approximation)
    assert judged.verdict == "pass", judged
