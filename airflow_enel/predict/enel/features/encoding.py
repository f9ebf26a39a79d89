"""Encodes properties as vectors: binarizer and hasher of equations (1) and (2)."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from airflow_enel.predict.enel.config import PROPERTY_BITS, PROPERTY_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_enel.predict.samples import FloatArray

Property: TypeAlias = "str | int | float"
"""A descriptive property of a run, a component or a stage."""

_LONGEST_TEXT: Final = 500  # what a run context may hold; more would only cost time
_NO_WORD: Final = re.compile(r"[\W_]+")
_LARGEST_EXACT: Final = 2.0**PROPERTY_BITS


@lru_cache(maxsize=1 << 14, typed=True)
def encode(value: Property) -> FloatArray:
    """A property as a vector of length 33, the same in every process. Read-only; never fails.

    Natural numbers below 2³² are λ = 1 and their bits, the lowest first; a float that is one
    counts as one. Everything else is λ = 0 and its hashed text, of length 1 (0 for a text
    without letters and digits).
    """
    vector = np.zeros(PROPERTY_LENGTH)
    natural = _natural(value)
    if natural is None:
        vector[1:] = _hashed(_text(value))
    else:
        vector[0] = 1.0
        vector[1:] = [natural >> bit & 1 for bit in range(PROPERTY_BITS)]
    vector.flags.writeable = False
    return vector


def encode_all(values: Sequence[Property]) -> FloatArray:
    """Properties as rows, shape ``(p, 33)``."""
    if not values:
        return np.zeros((0, PROPERTY_LENGTH))
    return np.stack([encode(value) for value in values])


def _natural(value: Property) -> int | None:
    """The value as a natural number of at most 32 bits, None if it is none."""
    if isinstance(value, (str, bool)):
        return None
    if not 0 <= value < _LARGEST_EXACT or value != int(value):
        return None
    return int(value)


def _text(value: Property) -> str:
    """A property as text. Floats keep three digits: noise in the rest would change all n-grams."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    sign = "minus " if value < 0 else ""
    if isinstance(value, float):
        return f"{sign}{abs(value):.3g}"
    # Python refuses to print integers of thousands of digits.
    return f"{sign}{abs(value)}" if value.bit_length() <= _LONGEST_TEXT else f"{sign}huge"


def _clean(text: str) -> str:
    """Lower-case words with one blank in between; no surrogates, nothing too long."""
    readable = text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
    # One character can stand for eighteen, so the limit counts again.
    plain = unicodedata.normalize("NFKC", readable).casefold()[:_LONGEST_TEXT]
    return _NO_WORD.sub(" ", plain).strip()


def _hashed(text: str) -> FloatArray:
    """Counts of character n-grams of 1–3, each within a word, in 32 buckets; of length 1."""
    counts = np.zeros(PROPERTY_BITS)
    for word in _clean(text).split():
        for gram in _grams(f" {word} "):
            counts[_bucket(gram)] += 1.0
    length = math.sqrt(float(counts @ counts))
    return counts / length if length else counts


def _grams(word: str) -> Iterator[str]:
    """N-grams of a word with a blank at both ends, so that its borders count; no lone blanks."""
    yield from word.strip()
    for length in (2, 3):
        for start in range(len(word) - length + 1):
            yield word[start : start + length]


@lru_cache(maxsize=1 << 14)
def _bucket(gram: str) -> int:
    """The same in every process and Python.

    scikit-learn's hasher would do too, but costs a task 130 MB and a second for its import.
    """
    digest = hashlib.blake2b(gram.encode(), digest_size=1).digest()
    return digest[0] % PROPERTY_BITS
