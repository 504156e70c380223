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


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: None)
    _SignalsAtFork(os.getpid()).register()
    ends = {ended_by(signal.SIGTERM) for _ in range(ROUNDS)}
    sys.stdout.write(f"{ends} {signal.pthread_sigmask(signal.SIG_BLOCK, ())}\n")
