import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.spark.traces import COLUMNS, UnusableTrace, read_trace

HEAD = "|".join(COLUMNS)
ROW = (
    "1|Sort|2021-07-04 10:00:00.5|2021-07-04 10:01:00|1|0|"
    "2021-07-04 10:00:01|2021-07-04 10:00:30.25|29250|8"
)
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "traces"


def write(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "trace.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def job(run: int, number: int, start: int, end: int, executors: int = 4, app: str = "Sort") -> str:
    """A job of a run of a minute; moments are seconds in it."""
    day = f"2021-07-{run:02d} 10:0"
    return (
        f"{run}|{app}|{day}0:00|{day}1:00|{run}|{number}|"
        f"{day}0:{start:02d}|{day}0:{end:02d}|{(end - start) * 1000}|{executors}"
    )


def test_a_run_has_its_times_and_components(tmp_path):
    (trace,) = read_trace(write(tmp_path, ROW))
    (run,) = trace.runs
    assert (trace.job, run.run_id, run.runtime_s, run.initial_executors) == ("Sort", "1", 59.5, 8)
    (component,) = run.components
    assert (component.key, component.job_id, component.position) == ("job 0", 0, 0)
    assert component.added_s == 29.75
    assert (component.scale_out.start, component.scale_out.end, component.scale_out.mean) == (
        8,
        8,
        8.0,
    )


def test_overlapping_jobs_are_not_counted_twice(tmp_path):
    rows = [job(1, 0, 0, 20), job(1, 1, 5, 10), job(1, 2, 15, 45)]
    (trace,) = read_trace(write(tmp_path, *rows))
    components = trace.runs[0].components
    assert [c.job_id for c in components] == [0, 1, 2]
    assert [c.added_s for c in components] == [10.0, 10.0, 25.0]


def test_the_mean_scale_out_is_weighted_with_time(tmp_path):
    (trace,) = read_trace(write(tmp_path, job(1, 0, 0, 10, 4), job(1, 1, 10, 40, 8)))
    assert trace.runs[0].mean_executors == pytest.approx(7.0)


def test_runs_are_ordered_by_time_and_may_have_any_number_of_jobs(tmp_path):
    rows = [job(3, 0, 0, 10), job(2, 0, 0, 9), job(2, 1, 9, 12)]
    (trace,) = read_trace(write(tmp_path, *rows))
    assert [(r.run_id, len(r.components)) for r in trace.runs] == [("2", 2), ("3", 1)]


def test_applications_are_recurring_jobs_of_their_own(tmp_path):
    traces = read_trace(write(tmp_path, job(1, 0, 0, 9), job(2, 0, 0, 9, app="Grep")))
    assert [(t.job, len(t.runs)) for t in traces] == [("Sort", 1), ("Grep", 1)]


def test_runs_with_failures_are_marked(tmp_path):
    rows = [job(run, 0, 0, 10) for run in (4, 7, 9)]
    (trace,) = read_trace(write(tmp_path, *rows), [range(2, 3)])
    assert trace.failed == {"7"}
    assert [r.components[0].disturbed for r in trace.runs] == [False, True, False]
    (calm,) = read_trace(write(tmp_path, *rows), None)
    assert not calm.failed


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.rsplit("|", 1)[0], "line 2: 9 values instead of 10"),
        (ROW + "|9", "line 2: 11 values"),
        (ROW[:-1] + "0", "line 2: SCALE_OUT must be a whole number from 1"),
        (ROW[:-1] + "nan", "line 2: SCALE_OUT"),
        (ROW[:-1], "line 2: SCALE_OUT"),
        (ROW[:-1] + "8.5", "line 2: SCALE_OUT"),
        (ROW.replace("|1|0|", "|1|-1|"), "line 2: JOB_ID"),
        (ROW.replace("2021-07-04 10:00:01", ""), "line 2: '' is no moment"),
        (ROW.replace("2021-07-04 10:00:01", "2021-13-04 10:00:01"), "is no moment"),
        (ROW.replace("10:00:30.25", "09:00:30"), "line 2: the job does not lie within its run"),
        (ROW.replace("10:01:00", "10:00:20"), "line 2: the job does not lie within its run"),
        (ROW.replace("|Sort|", "||"), "line 2: ID and APP_ID must not be empty"),
        (f"{ROW}\n{ROW}", "line 3: run 1 has job 0 twice"),
        (f"{ROW}\n{ROW.replace('10:01:00', '10:02:00')}", "line 3: run 1 has another start or end"),
        ("", "there are no runs"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path, row, reason):
    with pytest.raises(UnusableTrace, match=reason):
        read_trace(write(tmp_path, row))


def test_an_odd_row_costs_its_run_alone(tmp_path):
    rows = [job(n, number, 10 * number, 10 * number + 9) for n in (1, 2, 3) for number in (0, 1)]
    rows[3] = rows[3].replace("10:00:19", "10:01:00.018")
    (trace,) = read_trace(write(tmp_path, *rows), [range(2, 4)])
    assert [run.run_id for run in trace.runs] == ["1", "3"]
    assert (trace.all_runs, len(trace.left_out)) == (3, 1)
    assert trace.left_out[0].startswith("line 5: ")
    assert trace.failed == {"3"}  # the second run still counts as the second


def test_a_row_that_names_no_run_belongs_to_the_run_before(tmp_path):
    rows = (job(1, 0, 0, 9), job(2, 0, 0, 9), "|||", job(3, 0, 0, 9))
    (trace,) = read_trace(write(tmp_path, *rows))
    assert [run.run_id for run in trace.runs] == ["1", "3"]
    assert trace.left_out == ("line 4: 4 values instead of 10",)


def test_a_packed_table_is_unpacked(tmp_path):
    plain = write(tmp_path, ROW)
    packed = tmp_path / "trace.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_trace(packed) == read_trace(plain)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("RUN|JOB_ID|STARTED_AT|FINISHED_AT|FIT_TIME_S", "no column SCALE_OUT"),
        ("a|b", "first line must be ID|APP_ID"),
        (HEAD.replace("|", ","), "first line must be"),
    ],
)
def test_other_columns_are_refused(tmp_path, head, reason):
    with pytest.raises(UnusableTrace, match=reason.replace("|", r"\|")):
        read_trace(write(tmp_path, ROW, head=head))


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UnusableTrace, match="cannot be read: No such file"):
        read_trace(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(HEAD.encode() + b"\n\xff\xfe")
    with pytest.raises(UnusableTrace, match="not UTF-8"):
        read_trace(tmp_path / "bytes.csv")


@given(st.text(alphabet='0123456789|-:. "\n\rTSortZ', max_size=300))
def test_any_text_is_either_understood_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    path.write_text(f"{HEAD}\n{text}")
    with pytest.raises(UnusableTrace):
        raise UnusableTrace("nothing in it") if read_trace(path) else AssertionError


@pytest.mark.skipif(not PUBLISHED.exists(), reason="developer data (published traces) is absent")
@pytest.mark.parametrize(("name", "jobs"), [("lr", 27), ("gbt", 36)])
def test_the_published_runs_are_understood(name, jobs):
    (trace,) = read_trace(PUBLISHED / f"ellis-{name}.csv")
    assert len(trace.runs) == 65
    assert trace.failed == {str(n) for n in (*range(41, 51), *range(61, 66))}
    for run in trace.runs:
        assert abs(len(run.components) - jobs) <= 1
        assert 0 <= run.runtime_s - sum(c.added_s for c in run.components) < 5
