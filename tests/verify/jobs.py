"""One judge for each dtype: this process judges the first one, and a process beside it each other.

A job is started clean, and asked over a private pipe that no port holds: only what judges send is
unpickled. It ends when this process does, and when it is told to stop it sends what it knows.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from ..ports.capabilities import capabilities
from ..ports.frames import exactly
from ..ports.interruption import listen
from ..ports.loading import load
from ..ports.process import Limits
from ..ports.program import ProgramPort
from ..ports.protocol import Port, PortError, describe, greet
from .pickling import pickled, unpickled
from .result import Result
from .run import Progress, chosen_dtypes, no_verdict, verify

_LENGTH = struct.Struct("<Q")
_GRACE = 10.0  # seconds in which a job that was told to stop sends what it knows
_STOP = b"s"


def default_jobs() -> int:
    """Judges that can run at once: one where tests already share the cores, else the cores."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def verify_in_jobs(
    port: Port,
    result: Result,
    limits: Limits,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Judge a port in all its dtypes, several at once where it runs in another process.

    Parameters
    ----------
    port : Port
        The port, as it was loaded here.
    result : Result
        What the run fills, also where it is interrupted.
    limits : Limits
        What the port may take.
    jobs : int, optional
        Dtypes at once; by default one for each core.
    progress : callable, optional
        Told about each part of the run.
    """
    options = result.options
    count = default_jobs() if jobs is None else jobs
    if count < 2 or not capabilities(port).isolated:
        verify(port, result.port, options, progress, result)
        return
    try:
        chosen = chosen_dtypes(greet(port), options.dtypes)
    except PortError as error:
        result.broke(error, port)
        return
    if len(chosen) < 2:
        verify(port, result.port, options, progress, result)
        return
    # There are two dtypes: the second one is the job.
    with _Job(result, chosen[1:], limits) as job:
        try:
            verify(port, result.port, replace(options, dtypes=tuple(chosen[:1])), progress, result)
            # It keeps the limit itself, unless something stopped it.
            found = job.wait(limits.left(_GRACE))
        except KeyboardInterrupt:
            result.take(job.stop())
            raise
        except PortError as error:
            result.broke(error)
        else:
            result.take(found)


class _Job:
    """A process that judges a port in some dtypes."""

    def __init__(self, result: Result, dtypes: Sequence[str], limits: Limits) -> None:
        self.result, self.dtypes, self.limits = result, dtypes, limits
        self.link, theirs = socket.socketpair()
        with theirs:
            self.popen = subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Signals of the terminal are this process's.
                start_new_session=True,
            )
        path = [entry for entry in sys.path if isinstance(entry, str)]
        options = replace(result.options, dtypes=tuple(dtypes))
        _send(self.link, (path, result.port, options, limits))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        # It ends itself once the pipe is closed, and its port with it.
        self.link.close()
        try:
            self.popen.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def wait(self, seconds: float | None) -> Result:
        """What it found, within some seconds."""
        self.link.settimeout(seconds)
        try:
            found = _receive(self.link)
        except TimeoutError:
            raise self.limits.overrun() from None
        if isinstance(found, Result):
            return found
        code = self.popen.wait()
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        which = " and ".join(self.dtypes)
        text = f"the judge of {which} was ended by {how}"
        return no_verdict(self.result.port, self.result.options, text)

    def stop(self) -> Result:
        """What it knows, now."""
        try:
            self.link.sendall(_STOP)
            return self.wait(_GRACE)
        except Exception:  # noqa: BLE001 - it was interrupted while it was read
            return no_verdict(self.result.port, self.result.options, "")


def _send(link: socket.socket, content: object) -> None:
    data = pickled(content)
    link.sendall(_LENGTH.pack(len(data)) + data)


def _receive(link: socket.socket) -> Any:
    """What was sent, or None where the other side has gone."""
    head = exactly(link, _LENGTH.size)
    data = None if head is None else exactly(link, *_LENGTH.unpack(head))
    return None if data is None else unpickled(data)


def _watch(link: socket.socket) -> None:
    """End this process with the one that started it; interrupt it where that says so."""
    while link.recv(1) == _STOP:
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(1)


def main() -> None:
    """Judge what the pipe names that the command line names, and send the result."""
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    listen()
    path, name, options, limits = _receive(link)
    sys.path[:] = path
    result = no_verdict(name, options, "")
    try:
        threading.Thread(target=_watch, args=(link,), daemon=True).start()
        port: Port = (
            ProgramPort(options.program, limits=limits)
            if options.program
            else load(name, limits=limits)
        )
        verify(port, name, options, None, result)
    except PortError as error:
        result.error = str(error)
    except KeyboardInterrupt:
        result.interrupted = True
    except Exception as error:  # noqa: BLE001 - the other judge says it
        result.error = f"asgd itself failed: {describe(error)}; --jobs 1 --debug shows where"
    _send(link, result)


if __name__ == "__main__":
    main()
