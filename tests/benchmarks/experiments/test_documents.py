from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.experiments.documents import update_document, with_tables
from benchmarks.experiments.tables import Table

TABLES = {
    "a": Table("a", "Of a:", ("policy", "late"), (("bell", "1"),)),
    "b": Table("b", "Of b:", ("policy", "late"), (("x|y", "2"),)),
}
TEXT = """Before
<!-- table a: by make experiments -->
whatever | stood here
<!-- end of table -->
between
<!-- table b -->
<!-- end of table -->
after
"""
UPDATED = """Before
<!-- table a: by make experiments -->

Of a:

| policy | late |
| --- | --: |
| bell | 1 |

<!-- end of table -->
between
<!-- table b -->

Of b:

| policy | late |
| --- | --: |
| x\\|y | 2 |

<!-- end of table -->
after
"""


def test_tables_replace_what_stands_between_their_markers() -> None:
    assert with_tables(TEXT, TABLES, "README.md") == UPDATED


def test_an_up_to_date_text_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(TEXT)
    assert update_document(path, TABLES)
    assert not update_document(path, TABLES)
    assert path.read_text() == UPDATED


def test_an_unknown_table_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"README.md: no table 'b': there are a"):
        with_tables(TEXT, {"a": TABLES["a"]}, "README.md")


def test_a_table_without_an_end_never_takes_the_text_up_to_the_next_end() -> None:
    text = TEXT.replace("<!-- end of table -->\nbetween", "between")
    with pytest.raises(ValueError, match="end of table"):
        with_tables(text, TABLES, "README.md")


def test_rows_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="'a': rows of"):
        Table("a", "", ("policy", "late"), (("bell",),))
