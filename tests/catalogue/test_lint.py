"""The lint: each rule refuses a broken copy of a good check, and names the file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assessments.catalogue.lint import lint
from assessments.catalogue.loader import DEFAULT, load_catalogue
from assessments.catalogue.yaml_file import CatalogueError

CHECK, CASES = "LOG-AUD-06.yaml", "LOG-AUD-06.cases.yaml"

# rule -> (file, text, what stands there instead, what the lint says, where)
BROKEN = {
    "not_yaml": (CHECK, "id: ", "id: [", "expected", ":2:"),
    "a_list": (CHECK, "id: LOG-AUD-06", "- id: LOG-AUD-06", "expected", ":2:"),
    "key_twice": (CHECK, "layer: kernel", "layer: kernel\narea: general", "given twice", ":6:1:"),
    "other_id": (CHECK, "id: LOG-AUD-06", "id: LOG-AUD-07", "not the name of the file", ":1:1:"),
    "malformed_id": (CHECK, "id: LOG-AUD-06", "id: audit", "has not the form", ":1:1:"),
    "unknown_field": (CHECK, "tier: T3", "tier: T3\nseverity: 4", "'severity'", ":9:1:"),
    "missing_title": (CHECK, "title: Audit rules are locked\n", "", "'title' is missing", ""),
    "area": (CHECK, "area: logging", "area: logs", "'logs' is none of", ":3:1:"),
    "subarea": (CHECK, "subarea: who-when-where", "subarea: who", "'who' is none of", ":4:1:"),
    "layer": (CHECK, "layer: kernel", "layer: cloud", "'cloud' is none of", ":5:1:"),
    "mechanism": (CHECK, "mechanism: audit", "mechanism: cpus", "'cpus' is none of", ":6:1:"),
    "target": (CHECK, "target: host", "target: daemon", "'daemon' is none of", ":7:1:"),
    "tier": (CHECK, "tier: T3", "tier: T9", "'T9' is none of", ":8:1:"),
    "likelihood": (CHECK, "likelihood: 4", "likelihood: 6", "from 1 to 5", ":9:1:"),
    "boolean_number": (CHECK, "likelihood: 4", "likelihood: true", "from 1 to 5", ":9:1:"),
    "need": (CHECK, "cap-audit-control", "magic", "'magic' is none of", ""),
    "missing_fact": (CHECK, "  - logging.audit.enabled\n", "  - logging.shipping\n", "'facts'", ""),
    "unknown_path": (
        CHECK,
        "pass: logging.audit.enabled",
        "pass: logging.audit.on",
        "'on'",
        ":13:",
    ),
    "unknown_binding": (CHECK, "pass: logging.", "pass: container.", "'container'", ":13:"),
    "syntax": (CHECK, "enabled == 2", "enabled == ", "column", ":13:"),
    "type": (CHECK, "enabled == 2", 'enabled == "2"', "do not go together", ":13:"),
    "not_canonical": (CHECK, "enabled == 2", "enabled==2", "canonical form", ":13:"),
    "unknown_param": (CHECK, "enabled == 2", "enabled == policy.mode", "'mode'", ":13:"),
    "param_not_listed": (CHECK, "enabled == 2", "enabled == policy.zombie_max", "'params'", ""),
    "wrong_adjuster": (CHECK, "size(logging.shipping)", "size(logging.ship)", "'ship'", ":16:"),
    "idle_adjuster": (CHECK, "    impact: 1\n", "", "moves likelihood or impact", ":16:"),
    "no_general": (CHECK, "  general: ", "  docker: ", "'general' is missing", ""),
    "unknown_remedy": (CHECK, "  systemd: ", "  windows: ", "'windows'", ""),
    "reference": (CHECK, "AU-9(4)", "AU9", "'AU9' is no nist_800_53", ""),
    "reference_source": (CHECK, "  pci:", "  gossip:", "'gossip'", ""),
    "leftover": (CHECK, "Lock the rules", "TODO lock the rules", "leftover", ""),
    "double_blank": (CHECK, "Audit rules", "Audit  rules", "double or outer blanks", ":2:1:"),
    "trailing_blank": (CHECK, "tier: T3", "tier: T3 ", "ends with a blank", ""),
    "title_with_full_stop": (CHECK, "are locked", "are locked.", "full stop", ":2:1:"),
    "why_no_sentence": (CHECK, "after the fact.", "after the fact", "full stop", ""),
    "cases_of_other": (CASES, "check: LOG-AUD-06", "check: LOG-AUD-07", "'LOG-AUD-06'", ":1:1:"),
    "no_pass_case": (CASES, "expect: pass", "expect: not_applicable", "'pass'", ":2:1:"),
    "no_fail_case": (CASES, "expect: fail", "expect: pass", "'fail'", ":2:1:"),
    "no_unknown_case": (CASES, "expect: unknown", "expect: pass", "'unknown'", ":2:1:"),
    "no_case_out_of_scope": (CASES, "expect: not_", "expect: pass #", "'not_applicable'", ":2:1:"),
    "name_twice": (CASES, "name: rules_changeable", "name: rules_locked", "given twice", ":8:"),
    "name_with_blank": (CASES, "name: rules_locked", "name: Rules locked", "snake_case", ":3:"),
    "wrong_status": (CASES, "expect: pass", "expect: ok", "'expect' is one of", ":4:"),
    "unknown_without_path": (
        CASES,
        "    without: logging.audit.enabled\n",
        "",
        "names the path",
        ":13:",
    ),
    "without_other_path": (CASES, "without: logging.audit", "without: kernel", "not read", ""),
    "unknown_fact": (CASES, "{enabled: 2}", "{locked: true}", "unknown field 'locked'", ":7:"),
    "fact_of_other_type": (CASES, "{enabled: 2}", "{enabled: two}", "integer is expected", ":7:"),
    "other_binding": (CASES, "      logging:", "      container:", "no binding", ":6:"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    shutil.copy(DEFAULT / "policy.yaml", tmp_path)
    topic = tmp_path / "checks" / "audit"
    topic.mkdir(parents=True)
    for name in (CHECK, CASES):
        shutil.copy(DEFAULT / "checks" / "audit" / name, topic)
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / "checks" / "audit" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_copy_is_good_before_it_is_broken(folder: Path) -> None:
    assert lint(folder) == []
    assert list(load_catalogue(folder).checks) == ["LOG-AUD-06"]


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_file_is_refused_with_its_place(folder: Path, rule: str) -> None:
    name, old, new, message, place = BROKEN[rule]
    edit(folder, name, old, new)
    problems = lint(folder)
    assert any(
        message in problem and f"{name}{place}" in problem and str(folder) in problem
        for problem in problems
    ), problems


LOADED = [
    rule
    for rule, row in BROKEN.items()
    if row[0] == CHECK
    and rule
    not in {
        "reference",
        "leftover",
        "double_blank",
        "trailing_blank",
        "title_with_full_stop",
        "why_no_sentence",
    }
]


@pytest.mark.parametrize("rule", LOADED)
def test_the_loader_refuses_the_whole_pack(folder: Path, rule: str) -> None:
    name, old, new, _, _ = BROKEN[rule]
    edit(folder, name, old, new)
    good = DEFAULT / "checks" / "audit" / "LOG-AUD-01.yaml"
    shutil.copy(good, folder / "checks" / "audit")
    with pytest.raises(CatalogueError, match=CHECK):
        load_catalogue(folder)


def test_an_id_can_be_taken_once_only(folder: Path) -> None:
    shutil.copytree(folder / "checks" / "audit", folder / "checks" / "other")
    assert any("is taken by" in problem for problem in lint(folder))
    with pytest.raises(CatalogueError, match="taken"):
        load_catalogue(folder)


def test_a_check_without_cases_is_refused(folder: Path) -> None:
    (folder / "checks" / "audit" / CASES).unlink()
    assert any(CASES in problem for problem in lint(folder))


@pytest.mark.parametrize("name", ["LOG-AUD-99.cases.yaml", "notes.txt"])
def test_a_stray_file_is_refused(folder: Path, name: str) -> None:
    (folder / "checks" / "audit" / name).write_text("check: LOG-AUD-99\n", "utf-8")
    assert any(name in problem for problem in lint(folder))


@pytest.mark.parametrize(
    "text",
    [
        "parameters: []\n",
        "parameters: {zombie_max: 5}\n",
        "parameters: {zombie_max: {default: 5}}\n",
    ],
)
def test_malformed_site_parameters_are_refused(folder: Path, text: str) -> None:
    (folder / "policy.yaml").write_text(text, "utf-8")
    assert any("policy.yaml" in problem for problem in lint(folder))
    with pytest.raises(CatalogueError, match=r"policy\.yaml"):
        load_catalogue(folder)


def test_a_catalogue_without_checks_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "checks")
    with pytest.raises(CatalogueError, match="no checks"):
        load_catalogue(folder)


def test_a_changed_parameter_changes_the_digest(folder: Path) -> None:
    before = load_catalogue(folder).digest
    path = folder / "policy.yaml"
    path.write_text(path.read_text("utf-8").replace("default: 5\n", "default: 6\n"), "utf-8")
    assert load_catalogue(folder).digest != before


def test_a_comment_does_not_change_the_digest(folder: Path) -> None:
    before = load_catalogue(folder).digest
    edit(folder, CHECK, "id: ", "# a comment\nid: ")
    assert load_catalogue(folder).digest == before
