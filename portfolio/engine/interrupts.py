"""Ctrl-C at the next safe point, so that what is known of a search stays whole; a second one at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """While it is entered, Ctrl-C is remembered until :meth:`check`; the second interrupts wherever the program is.

    Python would raise ``KeyboardInterrupt`` between any two instructions, such as those that take a node from the
    heap and note that it is being worked on: a node lost there would make the bound wrong. Where somebody else
    handles the signal, or off the main thread, nothing is changed.
    """

    def __init__(self) -> None:
        self.pressed = 0
        self._before: Any = None

    @property
    def hard(self) -> bool:
        """Whether the program was interrupted just anywhere."""
        return self.pressed > 1

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` where Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        """Take over the signal where Python's own handler has it."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signal back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed += 1
        if self.hard:
            raise KeyboardInterrupt
