"""What a broken or hostile agent could send: a healthy stream of events, and ways to damage it.

Each damage is known to be one: it hits a field that is read, the numbers of the events, or the
JSON itself. So whoever changes the number of executors after reading it has a fault.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from tests.support.fuzzing.agent_stream import (
    BAD,
    DEEP,
    INF,
    NAN,
    READ,
    Event,
    Page,
    healthy,
    page,
    written,
)

_TWICE, _NOISE, _CUT = 0.08, 0.12, 0.1  # parts of all generated cases
_HALF, _PAIR = 0.5, 2
_NO_TEXT: Final[tuple[Any, ...]] = (None, 5, True, [], {})
_PAGE_FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "protocol": (None, 0, 2, "1", True, 1.5, NAN, [], {}),
    "app_id": (5, True, [], {}, "app-2", "", NAN),
    "now_ms": (None, 0, -1, "1", True, NAN, INF, -INF, 1e14, 1e300, [], {}, DEEP),
    "first": (None, -1, "1", True, 1.5, NAN, [], {}),
    "last": (None, -1, "1", True, 1.5, NAN, INF, [], {}, 10**6, 2**63),
    "more": (None, 0, 1, "false", [], {}, NAN),
    "ended": (None, 0, 1, "false", [], {}, NAN),
    "events": (None, 5, "x", True, {}, [None], [[]], [5], ["x"], [{}], [{"seq": 1}], DEEP),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Answers of an agent, one after the other.

    :param bodies: each is a page; only the last one is damaged
    :param harmless: True if the reading must be as good as without the damage
    :param noise: True if nobody can tell whether anything bad is in it
    """

    name: str
    bodies: tuple[bytes, ...]
    harmless: bool = False
    noise: bool = False


def curated() -> Iterator[Case]:
    """Every field that is read with every kind of bad value, and every way to break a page."""
    events = healthy()
    last_of_kind = {event["Event"]: n for n, event in enumerate(events)}
    for kind, index in last_of_kind.items():
        for bad in _NO_TEXT:
            yield _case(f"{kind}: Event = {bad!r}", _with(events, index, "Event", bad))
        for path, expected in READ.get(kind, ()):
            for bad in BAD[expected]:
                name = f"{kind}: {path} = {bad!r:.20}"
                yield _case(name, _with(events, index, path, bad))
            if not expected.startswith("optional") and expected != "size":
                yield _case(f"{kind}: no {path}", _without(events, index, path))
    for name, values in _PAGE_FIELDS.items():
        for bad in values:
            damaged = {**page(events), name: bad}
            yield Case(f"page: {name} = {bad!r:.20}", (written(damaged),))
    whole = page(events)
    for name in whole:
        rest = {key: value for key, value in whole.items() if key != name}
        yield Case(f"page: no {name}", (written(rest),))
    yield from _broken_numbers(events)
    yield from _broken_json(written(whole))


def generated(seed: int, count: int) -> Iterator[Case]:
    """Damages at random places, one to three at a time, whole or after a good beginning."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    events = healthy()
    for number in range(count):
        cut = rng.choice([0, 0, rng.randrange(1, len(events) - 1)])
        good = (written(page(events[:cut])),) if cut else ()
        body, harmless, noise = _damaged(rng, page(events[cut:], first=cut + 1))
        yield Case(f"{seed}/{number}", (*good, body), harmless, noise)


def _damaged(rng: random.Random, whole: Page) -> tuple[bytes, bool, bool]:
    kind = rng.random()
    if kind < _TWICE:
        items = whole["events"]
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(items))
            items.insert(rng.randint(at, len(items)), items[at])
        return written(whole), True, False
    if kind < _TWICE + _NOISE:
        noisy = bytearray(written(whole))
        for _ in range(rng.randint(1, 8)):
            noisy[rng.randrange(len(noisy))] = rng.randrange(256)
        return bytes(noisy), False, True
    healthy_body = written(whole)
    whole = deepcopy(whole)
    for _ in range(rng.randint(1, 3)):
        rng.choice(_DAMAGES)(rng, whole)
    body = written(whole)
    if body == healthy_body:  # what was swapped was swapped back
        return body, True, False
    if kind > 1 - _CUT:
        body = body[: rng.randrange(len(body))]
    return body, False, False


def _damage_field(rng: random.Random, whole: Page) -> None:
    items = [i for i in _items(whole) if _readable(i.get("event"))]
    if not items:
        _damage_page(rng, whole)
        return
    item = rng.choice(items)
    path, kind = rng.choice(READ[item["event"]["Event"]])
    bad = rng.choice([*BAD[kind], *([-rng.random() * 1e12] if kind in ("time", "count") else [])])
    try:
        item["event"] = _changed(item["event"], path, bad)
    except (KeyError, TypeError, IndexError):  # an earlier damage has taken the place away
        item["event"] = {"Event": 5}


def _items(whole: Page) -> list[Any]:
    """What an earlier damage has left of the events."""
    items = whole["events"] if isinstance(whole["events"], list) else []
    return [item for item in items if isinstance(item, dict)]


def _readable(event: Any) -> bool:
    return (
        isinstance(event, dict) and isinstance(event.get("Event"), str) and event["Event"] in READ
    )


def _damage_page(rng: random.Random, whole: Page) -> None:
    name = rng.choice(list(_PAGE_FIELDS))
    if name == "events":
        whole["events"] = rng.choice([None, 5, "x", True, {}, [None], [[]], [{}]])
    else:
        whole[name] = rng.choice(_PAGE_FIELDS[name])


def _damage_number(rng: random.Random, whole: Page) -> None:
    items = _items(whole)
    if not items:
        _damage_page(rng, whole)
        return
    rng.choice(items)["seq"] = rng.choice(
        [None, "1", True, 1.5, 0, -1, -rng.randrange(10**9), NAN, [], {}, 10**9, 10**30]
    )


def _damage_order(rng: random.Random, whole: Page) -> None:
    items = whole["events"]
    if not isinstance(items, list) or len(items) < _PAIR:
        _damage_page(rng, whole)
        return
    first, second = sorted(rng.sample(range(len(items)), _PAIR))
    if rng.random() < _HALF:
        items[first], items[second] = items[second], items[first]
    else:
        del items[first:second]


_DAMAGES: Final[tuple[Callable[[random.Random, Page], None], ...]] = (
    _damage_field,
    _damage_field,
    _damage_field,
    _damage_page,
    _damage_number,
    _damage_order,
)


def _broken_numbers(events: list[Event]) -> Iterator[Case]:
    count = len(events)
    for at in range(count):
        whole = page(events)
        del whole["events"][at]
        yield Case(f"event {at + 1} is missing", (written(whole),))
        doubled = page(events)
        doubled["events"].insert(at, doubled["events"][at])
        yield Case(f"event {at + 1} comes twice", (written(doubled),), harmless=True)
        for bad in (None, 0, -1, "1", 1.5, True, NAN, 10**30):
            odd = page(events)
            odd["events"][at]["seq"] = bad
            yield Case(f"event {at + 1} has number {bad!r}", (written(odd),))
        if at:
            swapped = page(events)
            items = swapped["events"]
            items[at - 1], items[at] = items[at], items[at - 1]
            yield Case(f"events {at} and {at + 1} are swapped", (written(swapped),))
            yield Case(
                f"only {at} events arrive",
                (written(page(events[:at], last=count)),),
            )
            again = page(events)
            rest = page(events[at:], first=at + 1)
            yield Case(f"from {at + 1} again", (written(again), written(rest)), harmless=True)
            other = page(events[at:], first=at + 1, app_id="app-2")
            yield Case(f"another from {at + 1}", (written(page(events[:at])), written(other)))
    backwards = page(events)
    backwards["events"].reverse()
    yield Case("backwards", (written(backwards),))
    restarted = page([{**events[0], "App ID": "app-2"}], first=count + 1)
    yield Case("a second start", (written(page(events)), written(restarted)))
    yield Case("an older end", (written(page(events)), written(page(events[:3]))[:-1]))


def _broken_json(body: bytes) -> Iterator[Case]:
    for at in range(0, len(body), max(1, len(body) // 150)):
        yield Case(f"cut at {at}", (body[:at],))
    for junk in (b"", b"null", b"[]", b"0", b'""', b"\x00", b"\xff\xfe", b"<html>", b"{", b"true"):
        yield Case(f"only {junk!r}", (junk,))
    for depth in (500, 200_000):
        for opening in (b"[", b'{"a":'):
            yield Case(f"{depth} times {opening!r}", (opening * depth,))
            nested = opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth
            inside = body.replace(b'"Host": "host"', b'"Host": ' + nested, 1)
            yield Case(f"{depth} times {opening!r} inside", (inside,))
    yield Case("junk behind", (body + b"x",))
    yield Case("bad UTF-8", (body.replace(b'"job"', b'"j\xff\xfeb"'),))
    yield Case("half a surrogate", (body.replace(b'"job"', rb'"j\ud800b"'),))
    yield Case("a number of 5,000 digits", (body.replace(b"60000", b"6" * 5000),))
    yield Case("larger than 16 MiB", (body[:-1] + b" " * (17 * 2**20) + b"}",))


def _case(name: str, events: list[Event]) -> Case:
    return Case(name, (written(page(events)),))


def _with(events: list[Event], index: int, path: str, value: Any) -> list[Event]:
    return [_changed(e, path, value) if n == index else e for n, e in enumerate(events)]


def _without(events: list[Event], index: int, path: str) -> list[Event]:
    damaged = deepcopy(events[index])
    holder, last = _place(damaged, path)
    del holder[last]
    return [damaged if n == index else e for n, e in enumerate(events)]


def _changed(event: Event, path: str, value: Any) -> Event:
    damaged = deepcopy(event)
    holder, last = _place(damaged, path)
    holder[last] = value
    return damaged


def _place(event: Any, path: str) -> tuple[Any, Any]:
    *above, last = [int(p) if p.isdigit() else p.replace("/", ".") for p in path.split(".")]
    for step in above:
        event = event[step]
    return event, last
