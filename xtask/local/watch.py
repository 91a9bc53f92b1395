"""What every local server does: end when told to, and never outlive the harness.

The harness holds the write end of our standard input. However it ends, also by
SIGKILL, the pipe closes and we stop. A detached stack (`stack up`) sets
MEDIVAULT_DETACHED=1 and is ended by `stack down`.
"""

import os
import signal
import sys
import threading


def stop_with_parent() -> None:
    """Stop this process as SIGTERM would when standard input reaches its end."""
    if os.environ.get("MEDIVAULT_DETACHED") == "1":
        return

    def wait_for_end() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, daemon=True, name="parent-watch").start()


def end_group() -> None:
    """Kill what is left of our process group: function processes, OCR engines."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGTERM)


def on_stop(end) -> None:
    """Run `end` at SIGTERM and SIGINT, off the thread that it may be waiting for."""

    def handle(*_):
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
