"""Which of many similar cases the quick suite runs."""

import gc

import pytest

# As in a judge: most tests judge something.
gc.set_threshold(50_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark all but a few cases of a test marked `sample` as slow, or as what its `rest` says.

    The few are spread evenly, so that each kind in an ordered list keeps one.
    """
    cases = {}
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark:
            cases.setdefault((item.path, item.originalname), (mark, []))[1].append(item)
    for mark, similar in cases.values():
        (count,) = mark.args
        kept = {len(similar) * k // count for k in range(count)}
        for i, item in enumerate(similar):
            if i not in kept:
                item.add_marker(mark.kwargs.get("rest", "slow"))
