"""What is said of a port beyond its verdict: shrunk divergences, scripts, read-outs, biases."""

import copy
import subprocess
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import old_torch
import pytest
from everyday_ports import Plain
from meeting_ports import RestsWithoutPull

from asgd.fast import ASGD
from asgd.spec import POLICIES, Hyperparameters, convention
from asgd.tests.diagnosis import bias
from asgd.tests.diagnosis.bias import biases
from asgd.tests.diagnosis.impulse_response import guess, read_out
from asgd.tests.diagnosis.limits import forgotten_hyperparameters, spoiled_average
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.adapters import NumpyPort, adapt
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.loading import DEFAULT, load
from asgd.tests.ports.protocol import greet
from asgd.tests.ports.scenario import Group, Scenario, Set, Step
from asgd.tests.report.reproduce import script
from asgd.tests.scenarios.strong import STRONG
from asgd.tests.verify.detectable import detectable_in
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

DOCUMENTED = Variant.of(convention("documented"))

PORT = """
class ASGD:
    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0):
        self.param_groups = [{"params": list(params), "lr": lr}]
        self.t = 0
    def step(self):
        self.t += 1
        for p in self.param_groups[0]["params"]:
            p.data = p.data - (self.param_groups[0]["lr"] / self.t ** 0.5) * p.grad
"""


def _verify(port, dtype="float64"):
    [found] = verify(port, "port", Options(dtypes=(dtype,))).dtypes
    return found


@pytest.mark.slow
def test_divergence_is_shrunk():
    """A missing decay shows in one step of one element."""
    found = _verify(VariantPort(combine(DOCUMENTED, "decay-missing")))
    [deviation] = found.deviations
    scenario = deviation.failure.scenario
    assert scenario.steps == 1
    assert [len(p) for p in scenario.params] == [1]
    assert deviation.failure.judgement.quantity == "theta"


@pytest.mark.slow
def test_script_runs_without_us(tmp_path):
    """The script imports nothing of ours, and prints what the report says."""
    (tmp_path / "odd_port.py").write_text(PORT)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    namespace = {}
    exec(PORT, namespace)  # noqa: S102 - the port above
    port = adapt(namespace["ASGD"], "odd_port:ASGD")
    deviation = _verify(port).deviations[0]
    text = script(deviation.failure, deviation.equation, "float64", "odd_port:ASGD", port.kind)
    assert "asgd" not in text
    # The player is fixed; what is of this port is short.
    data = text.partition("\nCASE: ")[2].partition("\n\n")[0]
    assert len(data.splitlines()) < 25
    done = subprocess.run(
        [sys.executable, "-c", code + text], capture_output=True, text=True, check=True
    )
    assert repr(deviation.failure.judgement.got) in done.stdout


@pytest.mark.slow
def test_readout_shows_the_formula():
    """Eta = lr / sqrt(t) is in no catalogue: it is read out, and its formula is guessed."""
    found = _verify(VariantPort(replace(DOCUMENTED, size=lambda t, h: h.lr / max(t, 1) ** 0.5)))
    assert [d.id for d in found.deviations] == ["unknown"]
    assert found.deviations[0].equation == "step_size"
    assert found.convention is None
    assert found.readout.guess == "0.5 / t^0.5"
    assert found.readout.eta[:4] == pytest.approx([0.5, 0.5 / 2**0.5, 0.5 / 3**0.5, 0.25])
    # The average is right, and the weights say so whatever eta was.
    assert found.readout.weights.got[2:] == pytest.approx([1 / 7] * 7)


@pytest.mark.slow
def test_lucid_is_known():
    """The engine of Lucid 2.16 to 3.15.5: two faults, both named."""
    found = _verify(VariantPort(combine(DOCUMENTED, "sgd-by-lr", "average-lucid")))
    assert {d.id for d in found.deviations} == {"sgd-by-lr", "average-lucid"}


class _Clips(VariantPort):
    def step(self, grads):
        return super().step([None if g is None else np.clip(g, -1, 1) for g in grads])


@pytest.mark.slow
def test_not_linear():
    """Clipping is no linear rule: that is what is said, and nothing else."""
    found = _verify(_Clips(DOCUMENTED))
    assert [d.id for d in found.deviations] == ["not-linear"]
    assert not found.readout.linear


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        (lambda _: 0.25, "0.25, constant"),
        # To its last digits, that is as it should be.
        (lambda t: (0.5 + 1e-12 * t) / (1 + 0.125 * t) ** 0.75, ""),
        (lambda t: 0.5 * 0.9**t, "0.45 * 0.9^(t - 1)"),
        (lambda t: 1 / (2 + 3 * t), "1 / (2 + 3 t)"),
        (lambda t: 0.5 / (1 + 0.125 * (t - 1)) ** 0.6, "lr / (1 + lambd lr (t - 1))^0.6"),
        (lambda t: 0.5 / (1 + 0.125 * t) ** 0.6, "lr / (1 + lambd lr t)^0.6"),
        (lambda t: 0.3 + 0.1 / t**2, ""),
        (lambda t: -1.0 / t, ""),
    ],
)
def test_guess(formula, says):
    """A formula is guessed where one of a small family fits, and only there."""
    hyper = STRONG._replace(lambd=0.25)
    assert guess([formula(t) for t in range(1, 9)], hyper, "float64") == says


@pytest.mark.parametrize(
    ("dtype", "says"), [("float64", "lr / (1 + lambd lr t)^0.5"), ("float32", "")]
)
def test_what_is_not_told_apart_is_not_guessed(dtype, says):
    """In float32 a slow decay of one kind is that of another."""
    hyper = STRONG._replace(lambd=1e-4)
    eta = [float(np.dtype(dtype).type(0.5 / (1 + 0.5e-4 * t) ** 0.5)) for t in range(1, 9)]
    assert guess(eta, hyper, dtype) == says


@pytest.mark.slow
def test_bias_of_a_rounded_decay():
    """Theta (1 - lambd eta) is within every bound, and biased; theta - eta lambd theta is not."""

    def update(theta, total, eta, h):
        one = theta.dtype.type(1)
        return theta * (one - theta.dtype.type(h.lambd) * eta) - eta * total

    port = VariantPort(replace(DOCUMENTED, update=update))
    found = _verify(port, "float32")
    assert found.verdict == "conforms"
    biased = [f for f in found.findings if f.id == "decay-biased"]
    assert biased
    assert all(abs(f.numbers["mean_ulp"]) > f.numbers["limit_ulp"] for f in biased)
    assert all(abs(f.numbers["ratio"] - 1) > abs(f.numbers["ratio_rounded"] - 1) for f in biased)
    assert "with correctly rounded steps" in biased[0].text
    ours = load(DEFAULT)
    subject = Subject(ours, greet(ours), "float32", convention("documented"), POLICIES["native"])
    assert biases(subject) == []


def test_a_decay_that_is_nearer_than_rounding_is_not_biased(monkeypatch):
    """Where rounded steps take nothing, or too much, a compensated port is right."""
    monkeypatch.setattr(bias, "_RATES", (1e-3, 5e-4, 2e-4))
    port = NumpyPort(partial(ASGD, compensated=True), "compensated", "0")
    subject = Subject(port, greet(port), "float32", convention("documented"), POLICIES["native"])
    assert biases(subject) == []
    hyper = Hyperparameters(
        lr=2e-4, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False
    )
    decay = bias._measure(subject, hyper)
    assert abs(decay.mean) > decay.limit
    assert decay.rounded == 0
    # 10 steps of at least 0.167 ulp, seen within half an ulp.
    assert abs(decay.ratio - 1) < 0.5 / (10 * 0.167)


class _Resumes(VariantPort):
    """A port whose state holds the averages, and not theta."""

    def save(self):
        return copy.deepcopy((self._walk, self._average))

    def load(self, state):
        self._walk, self._average = copy.deepcopy(state)


@pytest.mark.slow
def test_spoiled_average():
    """Computing average + 1 (theta - average) keeps an infinity for good; copying does not."""
    found = _verify(_Resumes(DOCUMENTED), "float32")
    assert [f.id for f in found.findings] == ["counter-unseen", "average-infinity-to-nan"]
    assert found.verdict == "conforms"
    assert _verify(load(DEFAULT), "float32").findings == ()


def test_a_step_that_is_left_out_spoils_no_average():
    """The average stays infinite, which is not nan."""
    port = import_port(RestsWithoutPull)
    rule, policy = convention("documented"), POLICIES["native"]
    assert spoiled_average(Subject(port, greet(port), "float64", rule, policy)) == []


@pytest.mark.slow
def test_a_t0_that_is_in_force_is_not_called_shifted():
    """Where lr, lambd and alpha are stored one step ahead."""
    found = _verify(VariantPort(combine(DOCUMENTED, "hyperparameters-shifted", "t0-shifted")))
    assert [d.id for d in found.deviations] == ["hyperparameters-shifted"]


class _Counts(VariantPort):
    """A port that keeps its counter in float32, and shows it in its state."""

    def open(self, dtype, groups):
        super().open(dtype, groups)
        self.count = np.float32(0)

    def step(self, grads):
        self.count = self.count + np.float32(1)
        return super().step(grads)

    def save(self):
        return {"count": float(self.count)}

    def load(self, state):
        self.count = np.float32(state["count"])


@pytest.mark.slow
def test_stopped_counter():
    """A counter in float32 stands still at 2^24; ours goes on."""
    ids = [f.id for f in _verify(_Counts(DOCUMENTED), "float64").findings]
    assert "counter-stops" in ids
    port = load(DEFAULT)
    found = _verify(port, "float64")
    assert found.findings == ()
    # An adapter copies states, as the users of state_dict must.
    missing = detectable_in(found, greet(port), auto=True).reasons
    assert missing["state-aliased"].startswith("states are copied")


class _Leaves(ASGD):
    """Loads all but the hyperparameters."""

    def load_state_dict(self, state_dict):
        mine = self.state_dict()["param_groups"]
        groups = zip(state_dict["param_groups"], mine, strict=True)
        groups = [{**own, "params": saved["params"]} for saved, own in groups]
        super().load_state_dict({**state_dict, "param_groups": groups})


@pytest.mark.parametrize(("port", "says"), [(ASGD, []), (_Leaves, ["hyperparameters-not-loaded"])])
def test_hyperparameters_that_are_not_loaded(port, says):
    """A finding: the port may leave them to whoever opens the new optimizer."""
    made = adapt(port, "leaves")
    subject = Subject(made, greet(made), "float32", convention("documented"), POLICIES["native"])
    assert [finding.id for finding in forgotten_hyperparameters(subject)] == says


class _Halved(ASGD):
    def __init__(self, params, alpha=0.5, t0=1e6, **hyper):
        super().__init__(params, alpha=alpha, t0=t0, **hyper)


@pytest.mark.parametrize(
    ("make", "says"), [(ASGD, {}), (_Halved, {"alpha": "0.5"}), (partial(ASGD, lr=0.5), {})]
)
def test_other_defaults(make, says):
    """Those of the port's own signature count, not what a caller has bound."""
    assert adapt(make, "port").capabilities.defaults == says


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (old_torch.Foreach20, {"eta-power-inside", "eta-of-first-parameter"}),
        (old_torch.Foreach22, {"eta-power-inside", "counter-of-first-parameter"}),
    ],
)
def test_old_rules_are_named(rule, says):
    """What real versions computed: four faults at once, of which three are theta's."""
    found = _verify(adapt(rule, "old"), "float64")
    assert {d.id for d in found.deviations} == says | {"eta-float32-stored", "mu-float32-stored"}


@pytest.mark.slow
def test_what_is_drawn_depends_on_the_seed_alone(tmp_path):
    """Whatever else is loaded, the same seed puts a port through the same scenarios."""
    (tmp_path / "odd_numbers.py").write_text("NUMBERS = [0.123456789, 3.3333, 77.75, 1234567]\n")
    code = (
        "from asgd.tests.laws.equations import LAWS\n"
        "from asgd.spec import POLICIES, convention\n"
        "from asgd.tests.ports.loading import DEFAULT, load\n"
        "from asgd.tests.ports.protocol import greet\n"
        "from asgd.tests.laws.outcome import Subject\nfrom asgd.tests.laws.hold import hold\n"
        "port = load(DEFAULT)\n"
        "subject = Subject(port, greet(port), 'float64', convention('documented'), "
        "POLICIES['native'])\n"
        "outcome = hold(LAWS['step'], subject, examples=60, seed=3)\n"
        "print(outcome.judged, outcome.largest)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", first + code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for first in ("", "import odd_numbers\n")
    }
    assert len(outputs) == 1


class _FirstLr(Plain):
    """The bracket of eta keeps the lr of the construction."""

    def fresh(self, p):
        return {**super().fresh(p), "lr": self.param_groups[0]["lr"]}

    def one(self, p, s, g):
        s["t"] += 1
        eta = g["lr"] / (1 + g["lambd"] * s["lr"] * s["t"]) ** g["alpha"]
        p.data = self.update(p, self.total(p, g), eta, g).astype(p.data.dtype)
        s["ax"] = self.mean(p, s, g).astype(p.data.dtype)


def test_step_sizes_are_read_after_the_change_that_matters():
    """What is right until a hyperparameter is changed is shown after it."""
    port = adapt(_FirstLr, "first lr")
    native = POLICIES["native"]
    subject = Subject(port, greet(port), "float64", convention("documented"), native)
    hyper = Hyperparameters(lr=0.5, lambd=0.5, alpha=0.75, t0=2.0, weight_decay=0, maximize=False)
    events = (Step(((1.0,),)), Set(0, {"lr": 0.125}), Step(((1.0,),)))
    failure = SimpleNamespace(scenario=Scenario((Group(hyper, ((1.0,),)),), events))
    found = read_out(subject, {"step": failure})
    assert found.hyper.endswith("; before step 3: lr=0.125")
    assert found.eta[:2] == pytest.approx(found.true_eta[:2], rel=2**-50)
    assert abs(found.eta[2] / found.true_eta[2] - 1) > 0.1


@pytest.mark.slow
def test_faults_that_are_not_needed_are_not_named():
    """A fault of precision explains rows that others change together; it is dropped again."""
    names = ("averaging-one-step-late", "t0-shifted")
    port = VariantPort(combine(Variant.of(convention("same-step")), *names))
    [found] = verify(port, "late", Options(dtypes=("float64",))).dtypes
    assert {d.id for d in found.deviations} == set(names)
