"""The errors a user can cause through files, names or the environment."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "MissingDependencyError",
    "ProbeError",
    "ProbeWarning",
    "RunExistsError",
    "RunLockedError",
    "RunNotFoundError",
    "cannot_write",
    "unknown_name",
]


class ProbeError(Exception):
    """Something the user can mend: the message is one line that says what was wrong and what to do.

    `exit_code` is what the command line exits with: 2 when the input was wrong, 1 when work had begun.
    `by_rank_0` is True in the other ranks of a launch where rank 0 raised it too, and says it for all.
    """

    exit_code = 1
    by_rank_0 = False


class ProbeWarning(UserWarning):
    """Something the user should know, though the work goes on; one line."""


class ConfigError(ProbeError, ValueError):
    """An option has a value that cannot be used."""

    exit_code = 2


class RunNotFoundError(ProbeError):
    """There is no run at this path, or what lies there cannot be read as one."""

    exit_code = 2


class RunExistsError(ProbeError):
    """The folder asked for already holds something."""

    exit_code = 2


class RunLockedError(ProbeError):
    """Another process, or another tracker of this one, is writing the run."""


class MissingDependencyError(ProbeError):
    """An optional package is not installed; the message names the extra to install."""

    exit_code = 2


def cannot_write(path: object, error: OSError) -> ProbeError:
    """The error for a file that cannot be written: a bad path is a usage error, a full disk a failure."""
    import errno

    bad = (
        errno.ENOENT,
        errno.EEXIST,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
    )
    kind = ConfigError if error.errno in bad else ProbeError
    return kind(f"cannot write {path}: {error.strerror or error}.")


def unknown_name(kind: str, value: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that is not one of `known`, suggesting the nearest."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else f"Choose from: {', '.join(names)}."
    return ConfigError(f"unknown {kind} {value!r}. {hint}")
