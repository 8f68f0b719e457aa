"""Values the server adds to the host's own sections: ages, counts, commitments."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from agents.facts import commitments
from agents.facts.dates import days_since, days_until, moment
from agents.facts.neighbours import stations_on
from agents.facts.reading import Facts, MissingFact, read, read_rows
from agents.facts.unknowns import Scope, Unknowns, put


def complete_host(
    document: dict[str, Any],
    containers: Sequence[Facts],
    *,
    now: datetime,
    unknowns: Unknowns,
) -> None:
    """Add the server's values to network, resources, runtimes and images of the document.

    The sections must be copies: they are changed in place.
    """
    _count_stations(document, containers, unknowns)
    _add_commitments(document, containers, unknowns)
    for runtime in document.get("runtimes", ()):
        _complete_runtime(runtime, document, now, unknowns)
    for image in document.get("images", ()):
        note = _noter(unknowns, "images[].age_days", ("image", str(image.get("id", ""))))
        age = partial(_image_age, image, now)
        put(image, "age_days", age, note=note)


def _noter(
    unknowns: Unknowns, path: str, scope: Scope | None = None
) -> Callable[[MissingFact], None]:
    def note(missing: MissingFact) -> None:
        unknowns.add_missing(path, missing, scope=scope)

    return note


def _count_stations(
    document: dict[str, Any], containers: Sequence[Facts], unknowns: Unknowns
) -> None:
    try:
        rows = [dict(row) for row in read_rows(document, "network.bridges")]
    except MissingFact:
        return
    document["network"] = {**document["network"], "bridges": rows}
    note = _noter(unknowns, "network.bridges[].container_count")
    for row in rows:
        put(row, "container_count", partial(_stations, row, containers, unknowns), note=note)


def _stations(row: Facts, containers: Sequence[Facts], unknowns: Unknowns) -> int:
    unknowns.require_whole("containers")
    return stations_on(read(str, row, "name", prefix="network.bridges[]."), containers)


def _add_commitments(
    document: dict[str, Any], containers: Sequence[Facts], unknowns: Unknowns
) -> None:
    computed: dict[str, Any] = {}
    values: dict[str, Callable[[], object]] = {
        "memory_bounded": partial(commitments.memory_bounded, containers),
        "memory_ratio": partial(commitments.memory_ratio, containers, document),
        "pids_bounded": partial(commitments.pids_bounded, containers),
        "pids_ratio": partial(commitments.pids_ratio, containers, document),
    }
    for name, compute in values.items():
        of_all = partial(_of_all, compute, unknowns)
        put(computed, name, of_all, note=_noter(unknowns, f"resources.commitments.{name}"))
    if "resources" in document:
        document["resources"]["commitments"] = computed


def _of_all(compute: Callable[[], object], unknowns: Unknowns) -> object:
    """One container without a limit decides, also where others were not seen."""
    value = compute()
    if value is not False:
        unknowns.require_whole("containers")
    return value


def _complete_runtime(
    runtime: dict[str, Any], document: Facts, now: datetime, unknowns: Unknowns
) -> None:
    scope = ("runtime", str(runtime.get("key", "")))
    note = _noter(unknowns, "runtimes[].principal_count", scope)
    put(runtime, "principal_count", partial(_principals, runtime, document, unknowns), note=note)
    if isinstance(runtime.get("tls"), Mapping):
        runtime["tls"] = tls = dict(runtime["tls"])
        tls.pop("days_left", None)
        note = _noter(unknowns, "runtimes[].tls.days_left", scope)
        put(tls, "days_left", partial(_tls_days_left, tls, now), note=note)


def _principals(runtime: Facts, document: Facts, unknowns: Unknowns) -> int:
    unknowns.require_whole("accounts.runtime_principals")
    key = read(str, runtime, "key", prefix="runtimes[].")
    rows = read_rows(document, "accounts.runtime_principals")
    prefix = "accounts.runtime_principals[]."
    return sum(read(str, row, "runtime", prefix=prefix) == key for row in rows)


def _tls_days_left(tls: Facts, now: datetime) -> int:
    return days_until(moment(tls, "not_after", prefix="runtimes[].tls."), now)


def _image_age(image: Facts, now: datetime) -> int:
    return days_since(moment(image, "created", prefix="images[]."), now)
