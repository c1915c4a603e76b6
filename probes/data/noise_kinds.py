"""The names of all kinds of noise, and checks of how much of each is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from probes.errors import ConfigError, unknown_name

__all__ = ["INPUT_KINDS", "MATRIX", "NOISE_KINDS", "check_noise", "check_shares", "parse_shares"]

NOISE_KINDS: dict[str, str] = {
    "uniform_all": "with this probability, a label is redrawn from all classes, its own included",
    "uniform_other": "this share of the labels, exactly, moves to another class",
    "pair": "with this probability, a label moves to the next class",
    "matrix:FILE": "with this probability, a label is redrawn from its class's row of a table (.csv, .npy, .json)",
    "instance": "the inputs that a logistic regression confuses most get the class they are confused with",
    "shuffled_pixels": "one permutation of the pixels, the same for every image drawn; of the features in a table",
    "random_pixels": "the pixels of each image drawn, permuted by a permutation of its own",
    "gaussian": "noise with the mean and variance of the data instead of the input",
}
INPUT_KINDS = ("shuffled_pixels", "random_pixels", "gaussian")
MATRIX = "matrix:"


def check_noise(kind: str, share: float) -> None:
    """Raise ConfigError unless `kind` is known and `share` lies in [0, 1]. The file of a matrix is not read."""
    if kind.rstrip(":") == "matrix" or kind == "matrix:FILE":
        raise ConfigError(f"noise kind {kind!r} needs a file: matrix:PATH, a K x K table in .csv, .npy or .json.")
    if kind not in NOISE_KINDS and not kind.startswith(MATRIX):
        raise unknown_name("noise kind", kind, NOISE_KINDS)
    if not 0 <= share <= 1:  # nan compares false
        raise ConfigError(f"noise must lie in [0, 1], got {share:g}.")


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise ConfigError unless every kind is known, every share lies in [0, 1], and they sum to at most 1."""
    for kind, share in shares.items():
        check_noise(kind, share)
    total = sum(shares.values())
    if total > 1 + 1e-9:
        named = ", ".join(f"{kind} {share:g}" for kind, share in shares.items())
        raise ConfigError(f"shares of noise must sum to at most 1, got {total:g} ({named}).")


def parse_shares(texts: Iterable[str]) -> dict[str, float]:
    """Read what `--corrupt KIND=SHARE` was given, in its order, and check it.

    Example:
        >>> parse_shares(["uniform_all=0.2", "gaussian=0.1"])
        {'uniform_all': 0.2, 'gaussian': 0.1}
    """
    shares: dict[str, float] = {}
    for text in texts:
        kind, equals, share = text.rpartition("=")
        try:
            value = float(share)
        except ValueError:
            equals = ""
        if not equals:
            raise ConfigError(f"corrupt must look like KIND=SHARE, such as uniform_all=0.2, got {text!r}.")
        if kind in shares:
            raise ConfigError(f"corrupt names {kind!r} twice; give each kind one share.")
        shares[kind] = value
    check_shares(shares)
    return shares
