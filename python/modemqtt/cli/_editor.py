"""The line being typed in ``modemqtt term``: keys in, a line out. It does no I/O."""

from __future__ import annotations

from enum import Enum

_LONGEST_HISTORY = 500


class Key(Enum):
    """What a key asks for beyond editing."""

    LINE = 1
    """The line is done."""
    INTERRUPT = 2
    """Ctrl-C."""
    LEAVE = 3
    """Ctrl-T q, or Ctrl-D on an empty line."""
    HELP = 4
    TIMES = 5
    CLEAR = 6


_COMMANDS = {"q": Key.LEAVE, "?": Key.HELP, "t": Key.TIMES, "l": Key.CLEAR}
_PREFIX = "\x14"


class _State(Enum):
    """What the next character is."""

    PLAIN = 1
    PREFIX = 2
    """The one after Ctrl-T."""
    ESCAPE = 3
    """The one after ESC."""
    SEQUENCE = 4
    """One of a control sequence, ESC [."""


class Editor:
    """A line with a cursor and a history."""

    def __init__(self) -> None:
        """Begin empty."""
        self.text = ""
        self.cursor = 0
        self.line = ""
        """The last line that was done."""
        self._state = _State.PLAIN
        self._sequence = ""
        self._history: list[str] = []
        self._at = 0
        self._draft = ""

    def key(self, character: str) -> Key | None:
        """Take one character, and return what it asks for."""
        state, self._state = self._state, _State.PLAIN
        if state is _State.PREFIX:
            return _COMMANDS.get(character.lower())
        if state is _State.ESCAPE:
            if character in "[O":
                self._state, self._sequence = _State.SEQUENCE, ""
            return None
        if state is _State.SEQUENCE:
            self._sequence += character
            if character.isdigit() or character == ";":
                self._state = _State.SEQUENCE
            else:
                self._move(_SEQUENCES.get(self._sequence, ""))
            return None
        if character == _PREFIX:
            self._state = _State.PREFIX
        elif character == "\x1b":
            self._state = _State.ESCAPE
        else:
            return self._plain(character)
        return None

    def _plain(self, character: str) -> Key | None:
        if character in "\r\n":
            self._finish()
            return Key.LINE
        if character == "\x03":
            self._put("")
            return Key.INTERRUPT
        if character == "\x04" and not self.text:
            return Key.LEAVE
        if character == "\x0c":
            return Key.CLEAR
        if character in _CONTROLS:
            self._move(_CONTROLS[character])
        elif character.isprintable():
            self.text = self.text[: self.cursor] + character + self.text[self.cursor :]
            self.cursor += 1
        return None

    def forget(self) -> None:
        """Take the last line out of the history: it was data, or a secret."""
        if self._history and self._history[-1] == self.line:
            self._history.pop()
            self._at = len(self._history)

    def _finish(self) -> None:
        self.line = self.text
        if self.text and self._history[-1:] != [self.text]:
            self._history.append(self.text)
            del self._history[:-_LONGEST_HISTORY]
        self._at = len(self._history)
        self._put("")

    def _put(self, text: str) -> None:
        self.text, self.cursor = text, len(text)

    def _recall(self, step: int) -> None:
        if self._at == len(self._history):
            self._draft = self.text
        self._at = min(max(self._at + step, 0), len(self._history))
        self._put(self._draft if self._at == len(self._history) else self._history[self._at])

    def _move(self, what: str) -> None:
        text, cursor = self.text, self.cursor
        motions = {"left": max(cursor - 1, 0), "right": min(cursor + 1, len(text)), "home": 0, "end": len(text)}
        cuts = {
            "rub out": (max(cursor - 1, 0), cursor),
            "delete": (cursor, cursor + 1),
            "to start": (0, cursor),
            "to end": (cursor, len(text)),
            "word": (text[:cursor].rstrip().rfind(" ") + 1, cursor),
        }
        if what in motions:
            self.cursor = motions[what]
        elif what in cuts:
            self._cut(*cuts[what])
        elif what:
            self._recall(-1 if what == "up" else 1)

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start


# By the control character of emacs and readline.
_CONTROLS = {
    "\x01": "home",
    "\x02": "left",
    "\x04": "delete",
    "\x05": "end",
    "\x06": "right",
    "\x08": "rub out",
    "\x0b": "to end",
    "\x0e": "down",
    "\x10": "up",
    "\x15": "to start",
    "\x17": "word",
    "\x7f": "rub out",
}
# After ESC [ or ESC O.
_SEQUENCES = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "1~": "home",
    "7~": "home",
    "4~": "end",
    "8~": "end",
    "3~": "delete",
}
