"""SHA256SUMS: a line per file that never changes again, in the form `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from probes.runs import layout

__all__ = ["Checksums"]


_LINE = re.compile(r"^([0-9a-f]{64})  (.+)\n", re.MULTILINE)


class Checksums:
    """The checksums of a run folder, appended as files are finished and rewritten whole where files go.

    Args:
        run_folder: what the names in the file are relative to.
        rank: the writer of these; each rank of a launch has a file of its own.
    """

    def __init__(self, run_folder: Path, rank: int = 0):
        self._folder = run_folder
        self._path = run_folder / layout.of_rank(layout.CHECKSUMS, rank)
        self._digests = _read(self._path)

    def __contains__(self, path: Path) -> bool:
        return self._name(path) in self._digests

    def add(self, path: Path) -> None:
        """List a finished file; listed again, its line is replaced."""
        digest, again = _digest(path), path in self
        self._digests[self._name(path)] = digest
        if again:
            self.rewrite()
            return
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{digest}  {self._name(path)}\n")

    def complete(self, finished: Iterable[Path]) -> None:
        """List those of the finished files that a killed writer left out, or whose line it left torn."""
        self._digests |= {self._name(path): _digest(path) for path in finished if path not in self}
        if self._path.exists() or self._digests:
            self.rewrite()

    def discard(self, path: Path) -> None:
        """Forget a file that is to go; `rewrite` takes its line out."""
        self._digests.pop(self._name(path), None)

    def rewrite(self) -> None:
        """Write the file whole; without a line there is none."""
        if not self._digests:
            self._path.unlink(missing_ok=True)
            return
        with layout.atomic_write(self._path) as temporary:
            temporary.write_text("".join(f"{digest}  {name}\n" for name, digest in self._digests.items()))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def _digest(path: Path) -> str:
    running = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            running.update(block)
    return running.hexdigest()


def _read(path: Path) -> dict[str, str]:
    """Names and digests; a torn last line is left out."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return {name: digest for digest, name in _LINE.findall(text)}
