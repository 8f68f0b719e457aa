"""Plain values: fields in their order, new lists and dicts each time, errors as calls have them."""

import pytest
from underpin_agent.record import Record


class Point(Record):
    x: int
    y: int = 2
    notes: list = list


def test_fields_come_by_place_by_name_and_by_default():
    one = Point(1, notes=["a"])
    assert (one.x, one.y, one.notes) == (1, 2, ["a"])


def test_a_list_is_not_shared_between_two_values():
    Point(1).notes.append("a")
    assert Point(1).notes == []


def test_equal_fields_make_equal_values():
    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert repr(Point(1)) == "Point(x=1, y=2, notes=[])"


@pytest.mark.parametrize("call", [{"y": 1}, {"x": 1, "z": 2}], ids=["missing", "unknown"])
def test_a_wrong_name_is_refused(call):
    with pytest.raises(TypeError):
        Point(**call)


@pytest.mark.parametrize("values", [(1, 2, [], 4)])
def test_too_many_values_are_refused(values):
    with pytest.raises(TypeError):
        Point(*values)
    with pytest.raises(TypeError):
        Point(1, x=1)
