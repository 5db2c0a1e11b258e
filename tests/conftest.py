"""What all tests share."""

from __future__ import annotations

import signal
import threading

# A shell starts background jobs with Ctrl-C ignored, which Python keeps: tests of Ctrl-C need it to arrive.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
