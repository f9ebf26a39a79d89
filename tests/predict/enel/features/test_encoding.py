from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict.enel.features.encoding import encode, encode_all

PROPERTIES = st.one_of(st.text(), st.integers(), st.floats(), st.booleans())


@given(PROPERTIES)
def test_every_value_is_33_numbers_of_one_kind(value):
    vector = encode(value)
    assert vector.shape == (33,)
    assert vector[0] in {0.0, 1.0}
    assert np.isfinite(vector).all()
    if vector[0] == 0.0:
        assert np.linalg.norm(vector[1:]) == pytest.approx(1.0) or not vector.any()


@given(st.integers(0, 2**32 - 1))
def test_natural_numbers_are_their_bits(number):
    vector = encode(number)
    assert vector[0] == 1.0
    assert sum(int(bit) << place for place, bit in enumerate(vector[1:])) == number


@pytest.mark.parametrize("value", [-1, 2**32, 10**999, -(10**999), 0.5, float("nan"), "7"])
def test_what_is_no_natural_number_of_32_bits_is_hashed(value):
    vector = encode(value)
    assert vector[0] == 0.0
    assert np.linalg.norm(vector[1:]) == pytest.approx(1.0)


def test_a_whole_float_is_the_natural_number():
    np.testing.assert_array_equal(encode(4096.0), encode(4096))


def test_true_is_a_word_and_no_number():
    np.testing.assert_array_equal(encode(True), encode("true"))
    assert encode(1)[0] == 1.0


def test_a_negative_number_differs_from_the_positive_one():
    assert not np.array_equal(encode(-0.5), encode(0.5))


def test_a_number_too_large_to_print_is_hashed_too():
    assert np.linalg.norm(encode(-(10**9999))[1:]) == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["", "   ", "::--//", "_"])
def test_text_without_letters_and_digits_is_nothing(text):
    assert not encode(text).any()


@pytest.mark.parametrize(
    ("one", "other"),
    [("Map at Main.scala", "  map AT main_scala "), ("café", "CAFE\u0301"), ("a", "A")],
)
def test_cleaning_removes_case_punctuation_and_composition(one, other):
    np.testing.assert_array_equal(encode(one), encode(other))


@pytest.mark.parametrize("text", ["日本語", "\ud800 lone", "🙂", "x" * 10**6, "\0"])
def test_odd_text_never_fails(text):
    assert np.isfinite(encode(text)).all()


def test_alike_names_are_nearer_than_others():
    one, alike, other = (
        encode("reduce at Step.scala:17"),
        encode("reduce at Step.scala:19"),
        encode("load csv"),
    )
    assert one @ alike > one @ other + 0.1


def test_what_is_remembered_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        encode("remembered")[0] = 5.0


def test_nothing_is_no_rows():
    assert encode_all(()).shape == (0, 33)


@pytest.mark.processes
@pytest.mark.parametrize("seed", ["1", "2"])
def test_processes_agree_whatever_the_seed_of_their_hashes(seed):
    code = (
        "from airflow_enel.predict.enel.features.encoding import encode;"
        "print(encode('reduce at Step.scala').tobytes().hex())"
    )
    made = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": seed},
    )
    assert made.stdout.strip() == encode("reduce at Step.scala").tobytes().hex()


def test_hashes_are_as_they_were_when_models_were_stored():
    # " map " without lone blanks: 3 + 4 + 3 n-grams, counted into 32 buckets; of length 1.
    counts = dict.fromkeys((1, 14, 24, 25, 27, 30), 1) | {15: 2, 20: 2}
    expected = np.zeros(32)
    expected[list(counts)] = list(counts.values())
    np.testing.assert_allclose(encode("map")[1:], expected / np.sqrt(6 + 8))


def test_characters_that_stand_for_many_make_no_text_longer_than_the_limit() -> None:
    written_out = "صلى الله عليه وسلم" * 500
    np.testing.assert_array_equal(encode("\ufdfa" * 500), encode(written_out[:500]))
