import json

from benchmarks.real_spark.failed_tasks import failed_tasks


def task_end(executor, reason="Success"):
    return {
        "Event": "SparkListenerTaskEnd",
        "Task End Reason": {"Reason": reason},
        "Task Info": {"Executor ID": executor},
    }


def removed(executor, reason):
    return {
        "Event": "SparkListenerExecutorRemoved",
        "Executor ID": executor,
        "Removed Reason": reason,
    }


def count(*events):
    return failed_tasks(json.dumps(event) for event in events)


def test_tasks_that_succeed_have_not_failed():
    assert count(task_end("0"), task_end("1")) == 0


def test_a_task_that_fails_on_a_released_executor_counts():
    gone = removed("1", "Executor decommission: spark scale down")
    assert count(task_end("1", "ExecutorLostFailure"), gone) == 1


def test_tasks_of_a_killed_executor_do_not_count():
    gone = removed("1", "Command exited with code 137")
    lost = task_end("1", "ExecutorLostFailure")
    assert count(lost, gone, lost, task_end("0", "ExceptionFailure")) == 1
