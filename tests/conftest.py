"""What all tests share."""

from __future__ import annotations

import json
import signal
import threading
from functools import lru_cache
from typing import Any

import vl_convert

# A shell starts background jobs with Ctrl-C ignored, which Python keeps: tests of Ctrl-C need it to arrive.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Most tests that write a page draw the same charts of the same small runs: each is drawn once in a process.
_draw = vl_convert.vegalite_to_svg


@lru_cache(maxsize=1000)
def _drawn(spec: str, options: str) -> str:
    return str(_draw(json.loads(spec), **json.loads(options)))


def _drawn_once(spec: Any, **options: Any) -> str:
    return _drawn(json.dumps(spec), json.dumps(options))


vl_convert.vegalite_to_svg = _drawn_once
