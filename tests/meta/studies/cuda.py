"""Right ports on a GPU of NVIDIA: none may be accused, however the compiler contracts.

    python tests/meta/studies/cuda.py DIR

It writes into DIR and runs `asgd verify` there, level quick: the C++ port with its step as a CUDA
kernel, built as nvcc does by itself (multiply-adds are contracted), without contraction, and with
--use_fast_math (subnormal float32 numbers are flushed); the JAX starter, by itself and under jit,
and the torch starter on the GPU.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

_SPEC = Path(__file__).parents[3] / "spec" / "ports"
_KERNEL = """
template <class Real> __global__ void kernel(
    size_t size, Real *theta, Real *average, const Real *grad,
    Real eta, Real mu, Real lambd, Real decay, bool maximize) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i >= size) return;
    const Real old = theta[i], before = average[i];
    Real g = maximize ? -grad[i] : grad[i];
    if (decay != 0) g += decay * old;
    if (lambd != 0) g += lambd * old;
    const Real updated = eta == 0 ? old : old - eta * g;
    average[i] = mu == 1 ? updated : before + mu * (updated - before);
    theta[i] = updated;
}
static void checked(cudaError_t error) {
    if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}
template <class Real> struct Copy {
    Real *at = nullptr;
    explicit Copy(const Array &from) {
        std::vector<Real> narrow(from.begin(), from.end());
        checked(cudaMalloc(&at, (from.size() + 1) * sizeof(Real)));
        checked(cudaMemcpy(at, narrow.data(), from.size() * sizeof(Real), cudaMemcpyHostToDevice));
    }
    void back(Array &to) const {
        std::vector<Real> narrow(to.size());
        checked(cudaMemcpy(narrow.data(), at, to.size() * sizeof(Real), cudaMemcpyDeviceToHost));
        to.assign(narrow.begin(), narrow.end());
    }
    ~Copy() { cudaFree(at); }
};
"""
_CALL = """
        if (theta.empty()) return;
        const Copy<Real> old(theta), before(average), gradient(grad);
        kernel<Real><<<(theta.size() + 255) / 256, 256>>>(
            theta.size(), old.at, before.at, gradient.at, e, m, lambd, decay, h.maximize);
        checked(cudaGetLastError());
        old.back(theta);
        before.back(average);
"""
_JITTED = """
import functools
import jax
import jax.numpy as jnp
import template_jax

@jax.jit
def arrays(theta, average, grad, eta, mu, lambd, decay, sign):
    total = sign * grad
    total = jnp.where(decay != 0, total + decay * theta, total)
    total = jnp.where(lambd != 0, total + lambd * theta, total)
    updated = jnp.where(eta != 0, theta - eta * total, theta)
    return updated, jnp.where(mu == 1, updated, average + mu * (updated - average))

class Port(template_jax.Port):
    def step(self, grads):
        for i, grad in enumerate(grads):
            if grad is None:
                continue
            theta, state, hyper = self.thetas[i], self.states[i], self.hypers[self.owner[i]]
            # For eta and mu; its arrays are not used.
            _, new = template_jax.update(theta, state, theta, hyper)
            number = functools.partial(jnp.asarray, dtype=theta.dtype)
            names = (new.eta, new.mu, hyper["lambd"], hyper["weight_decay"])
            self.thetas[i], average = arrays(
                theta, state.average, number(grad), *map(number, names),
                number(-1.0 if hyper["maximize"] else 1.0))
            self.states[i] = new._replace(average=average)
        pairs = list(zip(self.states, grads, strict=True))
        return {
            "theta": self.thetas,
            "average": [state.average for state in self.states],
            "eta": [None if grad is None else state.eta for state, grad in pairs],
            "mu": [None if grad is None else state.mu for state, grad in pairs],
        }
"""
_FLAGS = {"contracted": [], "plain": ["--fmad=false"], "fast-math": ["--use_fast_math"]}


def kernel_source() -> str:
    """The C++ port with its loop over the elements on the GPU."""
    text = (_SPEC / "asgd.cpp").read_text()
    text = text.replace("struct Parameter {", _KERNEL + "struct Parameter {", 1)
    loop = re.compile(
        r"\n        for \(std::size_t i = 0; i < theta.size\(\).*?\n        }\n", re.DOTALL
    )
    text, found = loop.subn(lambda _: _CALL, text, count=1)
    assert found == 1
    return text


def _verify(folder: Path, name: str, words: list[str]) -> None:
    command = [sys.executable, "-m", "asgd", "verify", "--json", f"{name}.json", *words]
    # By itself JAX takes three quarters of the GPU's memory as it begins.
    env = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    (folder / f"{name}.txt").write_text(done.stdout + done.stderr)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    found = [f"exit {done.returncode}", lines[-1] if lines else "no output"]
    if (folder / f"{name}.json").exists():
        dtypes = json.loads((folder / f"{name}.json").read_text())["dtypes"]
        found += [f"{dtype}: {r['verdict']} ({r['policy']})" for dtype, r in dtypes.items()]
    print(name, *found, sep=" | ", flush=True)


def main(folder: Path) -> None:
    """Build and verify all at once: each has two processes at work."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asgd.cu").write_text(kernel_source())
    jobs = []
    for name, flags in _FLAGS.items():
        build = ["nvcc", "-std=c++17", "-O2", "-arch=native", *flags, "-o", name, "asgd.cu"]
        subprocess.run(build, cwd=folder, check=True)
        jobs.append((f"cuda-{name}", ["--", f"./{name}"]))
    # --use_fast_math flushes, which is a fault unless it is granted.
    jobs.append(("cuda-fast-math-ftz", ["--policy", "native-ftz", "--", "./fast-math"]))
    for starter in ("jax", "torch"):
        name = f"template_{starter}.py"
        shutil.copy(_SPEC / name, folder)
    (folder / "jitted.py").write_text(_JITTED)
    jobs.append(("jax", ["template_jax.py:Port"]))
    jobs.append(("jax-jit", ["jitted.py:Port"]))
    jobs.append(("torch", ["template_torch.py:ASGD", "--device", "cuda"]))
    threads = [threading.Thread(target=_verify, args=(folder, *job)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
