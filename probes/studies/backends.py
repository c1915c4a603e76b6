"""Where the points of a study are computed: here, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probes.errors import ConfigError, MissingDependencyError, unknown_name
from probes.studies.point import Outcome, Point, carry_out

__all__ = ["BACKENDS", "carry_out_all"]

BACKENDS = {
    "loky": "processes of this machine",
    "dask": "a dask cluster: the one at DASK_SCHEDULER_ADDRESS, or else local processes",
    "ray": "a ray cluster: the one at RAY_ADDRESS, or else local processes",
}


def carry_out_all(
    points: Sequence[Point], root: Path, *, backend: str, workers: int, on_outcome: Callable[[Outcome], None]
) -> list[Outcome]:
    """Do every point that is not done.

    Args:
        points: of a study.
        root: folder that will hold them; of a cluster, one that all its machines see.
        backend: a name of BACKENDS.
        workers: processes at a time; 1 with loky works in this process.
        on_outcome: called when a point ends, in the order in which they end.

    Raises:
        ConfigError: an unknown backend, or fewer than one worker.
        MissingDependencyError: the backend's package is not installed.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    if workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}.")
    from joblib import Parallel, delayed

    outcomes = []
    with _using(backend, workers):
        ended = Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch=2 * workers, batch_size=1)(
            delayed(carry_out)(point, root.absolute()) for point in points
        )
        for outcome in ended:
            outcomes.append(outcome)
            on_outcome(outcome)
    return outcomes


@contextmanager
def _using(backend: str, workers: int) -> Iterator[None]:
    """Within it, joblib works with this backend."""
    from joblib import parallel_config

    if backend == "loky":
        with parallel_config("loky"):
            yield
    elif backend == "dask":
        with _dask_client(workers), parallel_config("dask"):
            yield
    else:
        _register_ray(workers)
        with parallel_config("ray"):
            yield


@contextmanager
def _dask_client(workers: int) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError("backend dask needs dask: pip install 'memorization-probes[dask]'.") from error
    address = dask.config.get("scheduler-address", None)
    if address:
        with Client(address) as client:
            yield client
        return
    local = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**local) as cluster, Client(cluster) as client:
        yield client


def _register_ray(workers: int) -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise MissingDependencyError("backend ray needs ray: pip install ray.") from error
    if not ray.is_initialized():
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    register_ray()
