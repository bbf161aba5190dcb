"""A small process between the judge and a port, which leaves nothing behind.

It runs alone, on the standard library, without ``site``: ``supervisor.py CONTROL STATUS MEMORY KEPT
PROGRAM ARGS...``. It starts PROGRAM in a session of its own with the standard streams that it was
given, and ends it, and all that it started, as soon as PROGRAM ends or CONTROL is closed: so also
where the judge was killed. On Linux it adopts what PROGRAM abandons. What happened is written to
STATUS in one line: ``exit N``, ``signal N``, ``memory N``, ``failed TEXT``, or ``told``; and behind
it how many processes could not be ended.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PATIENCE = 5.0  # seconds in which everything has to be ended
_POLL = 0.1  # seconds between two looks at the memory


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(argv: list[str], kept: int) -> tuple[int, str]:
    """Process id of the program, or why it did not start."""
    read, write = os.pipe()
    here = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            if _LINUX:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != here:
                    os._exit(1)
            if kept >= 0:
                os.set_inheritable(kept, True)
            os.execvp(argv[0], argv)  # noqa: S606 - running the program is the purpose
        except OSError as error:
            os.write(write, str(error.strerror).encode())
        finally:
            os._exit(127)
    os.close(write)
    failure = os.read(read, 1000).decode("utf-8", "replace")
    os.close(read)
    return pid, failure


def _stat(pid: str) -> list[str]:
    """Fields of a process behind its name: state, parent, group, session, and so on."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - pathlib takes long to import
        return file.read().rpartition(")")[2].split()


def _descendants() -> dict[int, int]:
    """Living processes below this one, with their resident pages."""
    parents: dict[int, tuple[int, int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - as above
            if name.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    fields = _stat(name)
                    if fields[0] != "Z":
                        parents[int(name)] = int(fields[1]), int(fields[21])
    found: dict[int, int] = {}
    below = {os.getpid()}
    while below:
        new = {pid for pid, (parent, _) in parents.items() if parent in below} - set(found)
        found.update({pid: parents[pid][1] for pid in new})
        below = new
    return found


def _end_all(leader: int) -> int:
    """End everything; how many processes are left."""
    until = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)
        left = _descendants() if _LINUX else {}
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return 0
        if time.monotonic() > until:
            return len(left) or 1
        time.sleep(0.001)


def _watch(leader: int, control: int, memory: int, woken: int) -> str:
    """Wait until the program ends, the judge has gone, or too much memory is used."""
    page = os.sysconf("SC_PAGE_SIZE")
    poll = select.poll()
    poll.register(control, select.POLLIN | select.POLLHUP)
    poll.register(woken, select.POLLIN)
    while True:
        ready = {number for number, _ in poll.poll(_POLL * 1000 if memory else None)}
        if control in ready:
            return "told"
        if woken in ready:
            os.read(woken, 512)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] == leader:
                    code = os.waitstatus_to_exitcode(ended[1])
                    return f"exit {code}" if code >= 0 else f"signal {-code}"
        if memory and _LINUX and sum(_descendants().values()) * page > memory:
            return f"memory {memory}"


def main() -> None:
    """Start the program, wait, and end everything."""
    control, status, memory, kept = map(int, sys.argv[1:5])
    argv = sys.argv[5:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for descriptor in (control, status):
        os.set_inheritable(descriptor, False)
    if _LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    leader, failure = _start(argv, kept)
    # The program's streams are the program's alone, or their end would not be seen.
    if kept >= 0:
        os.close(kept)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    said = f"failed {failure}" if failure else _watch(leader, control, memory, woken)
    left = _end_all(leader)
    with contextlib.suppress(OSError):
        os.write(status, f"{said}\n{left}\n".encode())


if __name__ == "__main__":
    main()
