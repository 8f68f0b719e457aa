"""The report's figures and titles, drawn from the parsed dataset with the figures of the pages."""

from collections.abc import Iterable
from typing import Any, Final

from assessments.figures import bars, matrix, names, strata
from assessments.reports.printable import label, line

_WIDTH: Final = 770
_REFERENCES: Final = {
    "nist_800_53": "NIST SP 800-53",
    "nist_800_190": "NIST SP 800-190",
    "cis_docker": "CIS Docker Benchmark",
    "iso_27001": "ISO/IEC 27001",
    "pci": "PCI DSS",
    "disa": "DISA STIG",
    "attack": "MITRE ATT&CK",
    "other": "See also",
}


def figures_of(dataset: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Each figure as {"svg", "alt"}; labels are made printable before they are drawn."""
    layers = [_stratum(layer) for layer in dataset["strata"]]
    cells = [
        matrix.Cell(
            likelihood=cell["likelihood"],
            impact=cell["impact"],
            level=cell["level"],
            count=cell["count"],
        )
        for cell in dataset["matrix"]
    ]
    areas = [_posture_bar(area) for area in dataset["summary"]["areas"]]
    levels = [
        bars.LevelBar(level=item["level"], count=item["count"])
        for item in dataset["summary"]["levels"]
    ]
    return {
        "strata": _figure(strata.strata(layers, width=_WIDTH), strata.strata_alt(layers)),
        "matrix": _figure(matrix.matrix(cells, width=410, row_height=38), matrix.matrix_alt(cells)),
        "posture": _figure(bars.posture_bars(areas, width=350), bars.posture_alt(areas)),
        "levels": _figure(bars.level_bars(levels, width=320), bars.level_alt(levels)),
    }


def areas_in_order(codes: Iterable[str]) -> list[str]:
    return names.in_known_order(codes, names.AREAS)


def area_title(code: str) -> str:
    return names.area_name(code)


def reference_title(source: str) -> str:
    return _REFERENCES.get(source, source)


def place_of(finding: dict[str, Any]) -> str:
    """Area, layer and mechanism of a finding, for one line."""
    area = names.area_name(finding["area"])
    layer = names.layer_name(finding["layer"])
    mechanism = names.mechanism_name(finding["mechanism"])
    return line(f"{area} · {layer} · {mechanism}")


def _figure(drawn: str, alt: str) -> dict[str, str]:
    # A PDF string may hold 32,767 bytes; the numbers are in the tables as well.
    return {"svg": drawn, "alt": alt if len(alt) < 8_000 else alt[:8_000] + "…"}


def _stratum(layer: dict[str, Any]) -> strata.Stratum:
    rooms = tuple(
        strata.Room(
            name=label(room["name"]),
            level=room["level"],
            findings=room["findings"],
            passed=room["passed"],
            unknown=room["unknown"],
        )
        for room in layer["rooms"]
    )
    name = label(layer["name"])
    return strata.Stratum(name=name, caption=label(layer["caption"]), rooms=rooms)


def _posture_bar(area: dict[str, Any]) -> bars.PostureBar:
    return bars.PostureBar(
        name=label(area["name"]),
        passed=area["passed_weight"],
        failed=area["failed_weight"],
        unknown=area["unknown_weight"],
        percent=area["percent"],
    )
