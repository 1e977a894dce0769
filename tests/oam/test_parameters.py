"""Contract 3.2: parameters; 11.4 (15)–(18)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oamkit.errors import RenderError
from oamkit.oam import parameters
from oamkit.oam.application import ParameterValue
from oamkit.oam.component import Parameter

IMAGE = Parameter("image", ("spec.image",), required=True)
SIZE = Parameter("size", ("spec.size", "metadata.labels.size"))


def test_11_4_15_a_required_parameter_without_value_is_refused() -> None:
    with pytest.raises(RenderError, match=r'^required parameter "image" not specified'):
        parameters.resolve([IMAGE], [])


def test_11_4_16_an_undeclared_parameter_is_refused_and_the_declared_ones_are_named() -> None:
    with pytest.raises(RenderError) as caught:
        parameters.resolve([IMAGE, SIZE], [ParameterValue("colour", "red")])
    assert caught.value.message == 'unsupported parameter "colour"'
    assert '"image", "size"' in caught.value.hint


def test_11_4_17_an_optional_parameter_without_value_gives_nothing() -> None:
    assert parameters.resolve([SIZE], []) == ()


def test_11_4_18_a_set_parameter_carries_its_field_paths() -> None:
    assert parameters.resolve([SIZE], [ParameterValue("size", 3)]) == ((SIZE, 3),)


def test_3_2_the_last_of_two_values_wins() -> None:
    values = [ParameterValue("size", 1), ParameterValue("size", 2)]
    assert parameters.resolve([SIZE], values) == ((SIZE, 2),)


def test_3_2_values_keep_their_type_and_reach_every_path() -> None:
    workload = {"spec": {"size": "was text"}}
    parameters.apply(workload, [(SIZE, 3), (IMAGE, "5")])
    assert workload == {"spec": {"size": 3, "image": "5"}, "metadata": {"labels": {"size": 3}}}


@pytest.mark.parametrize("value", ["text", 3], ids=["11_4_11", "11_4_12"])
def test_3_2_a_path_through_the_wrong_type_names_the_parameter(value: str | int) -> None:
    bad = Parameter("bad", ("metadata[0]",))
    with pytest.raises(RenderError) as caught:
        parameters.apply({"metadata": {}}, [(bad, value)])
    assert caught.value.message == 'cannot set parameter "bad": metadata is not an array'


declared = st.dictionaries(
    st.sampled_from("abcdef"), st.booleans(), max_size=5
)  # name: whether it is required


@settings(deadline=None)
@given(declared, st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 9)), max_size=6))
def test_3_2_resolving_gives_the_declared_and_given_or_says_what_is_wrong(
    required: dict[str, bool], pairs: list[tuple[str, int]]
) -> None:
    given_values = dict(pairs)
    try:
        settled = parameters.resolve(
            [Parameter(name, (), need) for name, need in required.items()],
            [ParameterValue(name, value) for name, value in pairs],
        )
    except RenderError:
        assert given_values.keys() - required.keys() or any(
            need and name not in given_values for name, need in required.items()
        )
    else:
        assert {parameter.name: value for parameter, value in settled} == given_values
        assert [parameter.name for parameter, _ in settled] == [
            name for name in required if name in given_values
        ]
