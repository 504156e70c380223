"""Forks processes as a server does its workers, ends each at once, and writes which signals ended them."""

import os
import signal
import sys

from nacre.server import _SignalsAtFork

ROUNDS = 100


def ended_by(number: int) -> int:
    """The signal that ends a process which was forked and sent this one right away."""
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # ends it if the signal was lost
        while True:
            signal.pause()
    os.kill(child, number)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def left_blocked_in_an_orphan() -> bytes:
    """The signals that wait in a process whose parent is killed right after it was forked."""
    receiver, sender = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.register_at_fork(after_in_child=lambda: os.kill(os.getppid(), signal.SIGKILL))
        _SignalsAtFork(os.getpid()).register()
        if os.fork() == 0:
            os.write(sender, str(signal.pthread_sigmask(signal.SIG_BLOCK, ())).encode())
            os._exit(0)
        signal.pause()
    os.waitpid(parent, 0)
    return os.read(receiver, 100)


if __name__ == "__main__":
    sys.stdout.write(f"{left_blocked_in_an_orphan().decode()} ")
    signal.signal(signal.SIGTERM, lambda *_: None)
    _SignalsAtFork(os.getpid()).register()
    ends = {ended_by(signal.SIGTERM) for _ in range(ROUNDS)}
    sys.stdout.write(f"{ends} {signal.pthread_sigmask(signal.SIG_BLOCK, ())}\n")
