"""The figures: well-formed, safe, stable, and with the numbers they were given."""

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import fromstring as parsed_xml

import pytest

from assessments.figures import bars, matrix, palette, strata, svg
from assessments.figures.names import in_known_order, level_word

HOSTILE = "<b onclick='x()'>\"&amp;]]>\x00\x1b\ud800\ufffe </svg><script>alert(1)</script>"
SVG = "{http://www.w3.org/2000/svg}"


def strata_figure(name: str = "PID namespace", width: int = 960) -> str:
    rooms = (
        strata.Room(name=name, level=5, findings=38, passed=2, unknown=1, href="/findings?m=pid"),
        strata.Room(name="UTS", passed=4),
        strata.Room(name="IPC", passed=4, unknown=3),
        strata.Room(name="Clock"),
    )
    layers = [
        strata.Stratum(name="Kernel", caption="shared by every container", rooms=rooms),
        strata.Stratum(name="Platform"),
    ]
    standing = [strata.Standing(name=name, level=4, findings=7, href="/containers/1/")]
    return strata.strata(layers, standing=standing, width=width)


def matrix_figure(name: str = "") -> str:
    cells = [
        matrix.Cell(likelihood=n, impact=i, level=n, count=n * 10 + i, href=f"?l={n}&i={i}")
        for n in range(1, 6)
        for i in range(1, 6)
    ]
    return matrix.matrix(cells, name=name or "Risk matrix")


def posture_figure(name: str = "Access") -> str:
    bar = bars.PostureBar(name=name, passed=60, failed=30, unknown=10, percent=60, href="#x")
    none = bars.PostureBar(name="Logging", passed=0, failed=0, unknown=0, percent=0)
    return bars.posture_bars([bar, none])


def level_figure(name: str = "Levels") -> str:
    return bars.level_bars([bars.LevelBar(level=5, count=3), bars.LevelBar(level=1, count=0)])


FIGURES = [strata_figure, matrix_figure, posture_figure, level_figure]
each_figure = pytest.mark.parametrize("draw", FIGURES)
Draw = Callable[..., str]


def parsed(figure: str) -> Element:
    return parsed_xml(figure)


def words_in(figure: str) -> list[str]:
    return [str(node.text) for node in parsed(figure).iter(f"{SVG}text")]


def nodes(figure: str) -> list[Element]:
    return list(parsed(figure).iter())


@each_figure
@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_every_figure_is_well_formed_without_style_script_or_handler(draw: Draw, name: str) -> None:
    found = nodes(draw(name))
    assert {node.tag.removeprefix(SVG) for node in found} <= {
        "svg", "title", "desc", "g", "rect", "text", "a",
    }  # fmt: skip
    attributes = {key for node in found for key in node.attrib}
    assert not [key for key in attributes if key == "style" or key.startswith("on")]
    assert "var(" not in draw(name)


@each_figure
def test_the_same_input_gives_the_same_bytes(draw: Draw) -> None:
    assert draw() == draw()


@each_figure
def test_every_figure_has_a_name_and_its_numbers_in_words(draw: Draw) -> None:
    root = parsed(draw())
    assert root[0].tag == f"{SVG}title"
    assert root[0].text
    assert root[1].tag == f"{SVG}desc"
    assert re.search(r"\d", root[1].text or "")


@each_figure
def test_numbers_have_at_most_two_decimals(draw: Draw) -> None:
    geometry = {"x", "y", "width", "height", "rx", "font-size", "opacity"}
    values = [node.get(key, "0") for node in nodes(draw()) for key in geometry]
    assert [value for value in values if not re.fullmatch(r"-?\d+(\.\d{1,2})?", value)] == []


@each_figure
def test_everything_stays_inside_the_picture(draw: Draw) -> None:
    root = parsed(draw())
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    for box in root.iter(f"{SVG}rect"):
        right = float(box.attrib["x"]) + float(box.attrib["width"])
        bottom = float(box.attrib["y"]) + float(box.attrib["height"])
        assert right <= width
        assert bottom <= height


@each_figure
def test_every_colour_can_be_restyled_by_its_class(draw: Draw) -> None:
    css = palette.page_css()
    for node in nodes(draw()):
        if "fill" in node.attrib:
            name = node.attrib["class"].split()[-1]
            assert palette.LIGHT[name.removeprefix("fig-")] == node.attrib["fill"]
            assert f".{name}{{fill:var(--" in css


def test_a_room_shows_the_worst_level_as_colour_and_as_word() -> None:
    figure = strata_figure()
    assert "Very high · 38" in words_in(figure)
    assert 'class="fig-room fig-level-5" fill="#b3263a"' in figure


def test_unknown_is_never_drawn_as_a_pass() -> None:
    words = words_in(strata_figure())
    assert [words.count(state) for state in ("All pass", "3 unknown", "Not checked")] == [1, 1, 2]
    unknown = next(n for n in nodes(strata_figure()) if n.text == "IPC: 3 unknown")
    assert unknown.tag == f"{SVG}title"
    assert strata_figure().count("fig-ok-soft") == 1


def test_containers_stand_above_the_layers() -> None:
    figure = parsed(strata_figure("web"))
    tops = {str(t.text): float(t.attrib["y"]) for t in figure.iter(f"{SVG}text")}
    assert tops["High · 7"] < tops["Kernel"] < tops["Platform"]


def test_a_container_that_was_not_decided_does_not_stand_as_passing() -> None:
    standing = [
        strata.Standing(name="good", passed=3),
        strata.Standing(name="doubtful", passed=3, unknown=2),
        strata.Standing(name="new"),
    ]
    words = words_in(strata.strata([strata.Stratum(name="Kernel")], standing=standing))
    assert words[:6] == ["good", "All pass", "doubtful", "2 unknown", "new", "Not checked"]


def test_many_containers_are_counted_and_not_drawn_without_end() -> None:
    standing = [strata.Standing(name=f"c{n}") for n in range(40)]
    words = words_in(strata.strata([strata.Stratum(name="Kernel")], standing=standing))
    assert "and 24 more containers" in words
    assert "c15" in words
    assert "c16" not in words


@pytest.mark.parametrize("width", [320, 390, 770, 960, 1400])
def test_words_fit_their_room_at_any_width(width: int) -> None:
    figure = parsed(strata_figure("Extraordinarily long mechanism " * 3, width=width))
    boxes = [box.attrib for box in figure.iter(f"{SVG}rect")]
    for words in figure.iter(f"{SVG}text"):
        x, y = float(words.attrib["x"]), float(words.attrib["y"])
        right = x + svg.text_width(str(words.text), size=float(words.attrib["font-size"]))
        homes = [b for b in boxes if float(b["x"]) <= x < float(b["x"]) + float(b["width"])]
        homes = [b for b in homes if float(b["y"]) < y <= float(b["y"]) + float(b["height"])]
        assert homes
        assert right <= float(homes[0]["x"]) + float(homes[0]["width"])


def test_the_matrix_shows_the_count_and_links_of_each_cell() -> None:
    figure = parsed(matrix_figure())
    links = [link.attrib["href"] for link in figure.iter(f"{SVG}a")]
    assert len(links) == 25
    assert links[0] == "?l=5&i=1"
    numbers = [words for words in words_in(matrix_figure()) if words.isdigit()]
    assert numbers == [str(n * 10 + i) for n in (5, 4, 3, 2, 1) for i in (1, 2, 3, 4, 5)]


def test_an_empty_cell_has_no_number_and_no_link() -> None:
    figure = matrix.matrix([matrix.Cell(likelihood=5, impact=5, level=5, href="/x")])
    assert "<a " not in figure
    assert not [words for words in words_in(figure) if words.isdigit()]
    assert "No findings." in figure


def test_the_matrix_in_words_has_its_numbers() -> None:
    cell = matrix.Cell(likelihood=5, impact=4, level=4, count=1)
    assert matrix.matrix_alt([cell]) == (
        "1 finding with likelihood Very high and impact High, risk High."
    )


def test_the_parts_of_a_bar_fill_its_width() -> None:
    rectangles = [
        node.attrib
        for node in nodes(bars.posture_bars([bars.PostureBar(
            name="x", passed=1, failed=1, unknown=1, percent=33)], width=400))
        if node.tag == f"{SVG}rect"
    ][1:4]  # fmt: skip
    assert [r["class"] for r in rectangles] == ["fig-ok", "fig-level-5", "fig-line-strong"]
    assert sum(int(r["width"]) for r in rectangles) == 400


def test_a_bar_of_nothing_says_that_nothing_was_checked() -> None:
    assert "not checked" in words_in(posture_figure())


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "file:///etc", "ftp://x"]
)
def test_an_address_that_is_not_web_or_relative_is_refused(href: str) -> None:
    with pytest.raises(ValueError, match="address"):
        svg.link(href, "x")


@pytest.mark.parametrize("attribute", ["style", "onclick"])
def test_a_style_or_a_handler_cannot_be_written(attribute: str) -> None:
    with pytest.raises(ValueError, match="not for figures"):
        svg.element("rect", {attribute: "x"})


def test_long_words_are_cut_with_a_mark() -> None:
    cut = svg.clipped("W" * 40, width=100, size=12)
    assert cut.endswith("…")
    assert svg.text_width(cut, size=12) <= 100
    assert svg.clipped("short", width=100, size=12) == "short"


def test_a_level_outside_the_scale_has_no_word() -> None:
    assert [level_word(n) for n in range(6)][5] == "Very high"
    with pytest.raises(ValueError, match="outside"):
        level_word(6)


def test_known_names_come_first_and_in_their_order() -> None:
    assert in_known_order(["z", "b", "a"], ["b", "a"]) == ["b", "a", "z"]
