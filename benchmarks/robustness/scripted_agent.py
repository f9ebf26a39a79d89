"""An agent that tells the events of an application that there is not."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from airflow_enel.spark.submission.run_folder import RunFolder

HOST = "127.0.0.1"
EXECUTORS = 2


class Script:
    """The agent of an application whose components come by the clock.

    :param component_s: seconds of one component
    """

    def __init__(self, components: int, component_s: float) -> None:
        self._ahead = _events(time.time(), components, component_s)
        self._told: list[dict[str, Any]] = []
        self._epochs: set[int] = set()
        self._lock = threading.Lock()

    def play(self, folder: RunFolder, place: Path) -> None:
        """Answer until the application has ended, then leave the final state and end the driver."""
        server = ThreadingHTTPServer((HOST, 0), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = {"host": HOST, "port": server.server_port, "pid": os.getpid()}
        folder.agent_address.write_text(json.dumps(address))
        while self._ahead:
            time.sleep(0.1)
            self.page(0)
        server.shutdown()
        final = json.dumps(self.page(0))
        (place / "truth.json").write_text(final)
        folder.final_state.write_text(final)
        (place / "end").touch()

    def page(self, after: int) -> dict[str, Any]:
        """What the agent says to a request for events."""
        with self._lock:
            now_ms = time.time() * 1e3
            while self._ahead and _at(self._ahead[0]) <= now_ms:
                self._told.append(self._ahead.pop(0))
            numbered = enumerate(self._told[after:], start=after + 1)
            return {
                "protocol": 1,
                "app_id": "app-1",
                "now_ms": now_ms,
                "first": 1,
                "last": len(self._told),
                "more": False,
                "ended": not self._ahead,
                "events": [{"seq": seq, "event": event} for seq, event in numbered],
            }

    def scale(self, request: dict[str, int]) -> dict[str, Any]:
        """What the agent says to a request to scale: yes, once per epoch."""
        with self._lock:
            if request["epoch"] in self._epochs:
                return {"accepted": False, "executors": EXECUTORS, "message": "known epoch"}
            self._epochs.add(request["epoch"])
            self._told.append(
                {
                    "Event": "EnelScaleAccepted",
                    "Timestamp": round(time.time() * 1e3),
                    "Executors": request["executors"],
                    "Epoch": request["epoch"],
                    "Try Number": request["try_number"],
                }
            )
        return {"accepted": True, "executors": EXECUTORS, "message": ""}


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(script.page(int(self.path.rpartition("=")[2])))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(script.scale(json.loads(self.rfile.read(length))))

        def _answer(self, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    return Handler


def _at(event: dict[str, Any]) -> float:
    return float(event["At"])


def _events(start: float, components: int, component_s: float) -> list[dict[str, Any]]:
    begin = round(start * 1e3)
    events: list[dict[str, Any]] = [
        {"Event": "SparkListenerApplicationStart", "App Name": "job", "App ID": "app-1"}
    ]
    events += [
        {
            "Event": "SparkListenerExecutorAdded",
            "Executor ID": str(number),
            "Executor Info": {"Host": HOST, "Total Cores": 1},
        }
        for number in range(EXECUTORS)
    ]
    events = [{**event, "At": begin, "Timestamp": begin} for event in events]
    for number in range(components):
        events += _component(number, begin + round(1e3 * component_s * number), component_s)
    end = begin + round(1e3 * component_s * components) + 500
    return [*events, {"Event": "SparkListenerApplicationEnd", "Timestamp": end, "At": end}]


def _component(number: int, begin: int, component_s: float) -> list[dict[str, Any]]:
    end = begin + round(900 * component_s)
    info = {
        "Stage ID": number,
        "Stage Attempt ID": 0,
        "Stage Name": "sum at job.py:1",
        "Number of Tasks": 4,
        "Parent IDs": [],
        "Submission Time": begin,
    }
    metrics = [{"ID": 0, "Name": "internal.metrics.executorRunTime", "Value": 4000}]
    completed = {**info, "Completion Time": end, "Accumulables": metrics}
    return [
        {
            "Event": "SparkListenerJobStart",
            "Job ID": number,
            "Submission Time": begin,
            "Stage Infos": [info],
            "Stage IDs": [number],
            "Properties": {},
            "At": begin,
        },
        {"Event": "SparkListenerStageSubmitted", "Stage Info": info, "At": begin},
        {"Event": "SparkListenerStageCompleted", "Stage Info": completed, "At": end},
        {
            "Event": "SparkListenerJobEnd",
            "Job ID": number,
            "Completion Time": end,
            "Job Result": {"Result": "JobSucceeded"},
            "At": end,
        },
    ]
