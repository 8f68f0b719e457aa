"""Linking sections to their host over time."""

from collections.abc import Collection, Mapping
from datetime import datetime

from agents.models import Host, HostSection

# A digest, or the reason why the section could not be read.
Section = str | Mapping[str, str]


def link(
    host: Host,
    sections: Mapping[str, Section],
    *,
    gone: Collection[str] | None = None,
    ids: Mapping[str, int],
    now: datetime,
) -> set[str]:
    """Link sections from now on; returns the names of those that changed.

    With ``gone`` the others stay as they are; without it ``sections`` is everything there is.
    """
    rows = HostSection.objects.filter(host=host, valid_to=None)
    if gone is not None:
        rows = rows.filter(section__in=sections.keys() | set(gone))
    held = {row.section: row for row in rows}
    ended, begun = [], []
    for section, value in sections.items():
        blob_id = ids[value] if isinstance(value, str) else None
        error = {} if isinstance(value, str) else dict(value)
        row = held.pop(section, None)
        if row is not None and row.blob_id == blob_id and row.error == error:
            continue
        if row is not None:
            ended.append(row)
        begun.append(
            HostSection(host=host, section=section, blob_id=blob_id, error=error, valid_from=now)
        )
    ended += held.values()
    if ended:
        HostSection.objects.filter(pk__in=[row.pk for row in ended]).update(valid_to=now)
    HostSection.objects.bulk_create(begun, batch_size=500)
    return {row.section for row in (*ended, *begun)}


def current(host: Host) -> dict[str, Section]:
    """The digest or error of each section that holds, by name. One query."""
    rows = HostSection.objects.filter(host=host, valid_to=None)
    columns = rows.values_list("section", "blob__digest", "error")
    return {section: digest or error for section, digest, error in columns}
