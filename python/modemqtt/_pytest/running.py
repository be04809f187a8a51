"""What happens around each test that uses anything of modemqtt."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt._pytest.failure import fail
from modemqtt._pytest.models import wanted_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from modemqtt._pytest.bench import Bench

# The logger to which modemqtt writes the traceback of a callback that raised.
_LOGGER = logging.getLogger("modemqtt")
# The fixtures of the plugin that take a module and open it.
_OPENING = ("_modem_wanted", "_modem_virtual_only", "_modem_place", "modem", "virtual_modem", "modem_model")
_HERE = Path(__file__).parent
# Sessions within this one, as pytester runs them, come after it.
_watches: list[CallbackWatch] = []


class CallbackWatch(logging.Handler):
    """Keeps the log records of callbacks that raised."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that has an exception; modemqtt logs no other with one."""
        if record.exc_info and _watches[-1] is self:
            self.records.append(record)


WATCH = pytest.StashKey[CallbackWatch]()
_BENCH: pytest.StashKey[Bench] = pytest.StashKey()


def start(config: pytest.Config) -> None:
    """Start to watch callbacks."""
    watch = config.stash[WATCH] = CallbackWatch()
    _watches.append(watch)
    _LOGGER.addHandler(watch)


def stop(config: pytest.Config) -> None:
    """Stop watching them."""
    bench = config.stash.get(_BENCH, None)
    if bench is not None:
        bench.close()
    watch = config.stash.get(WATCH, None)
    if watch in _watches:
        _watches.remove(watch)
        _LOGGER.removeHandler(watch)


def bench_of(config: pytest.Config) -> Bench:
    """Return the bench, which is made at its first use."""
    bench = config.stash.get(_BENCH, None)
    if bench is None:
        from modemqtt._pytest.bench import Bench as Made  # noqa: PLC0415 - loaded with the first use

        bench = config.stash[_BENCH] = Made(config)
    return bench


def bench_in_use(config: pytest.Config) -> Bench | None:
    """Return the bench if the program has used anything of modemqtt."""
    if _BENCH in config.stash or "Modem" in vars(sys.modules["modemqtt"]):
        return bench_of(config)
    return None


def begin(item: pytest.Item) -> None:
    """Begin a test."""
    fixtures = getattr(item, "fixturenames", ())
    shares = "_modem_place" in fixtures
    bench = bench_of(item.config) if shares else bench_in_use(item.config)
    if bench is not None:
        from modemqtt._pytest.bench import Test  # noqa: PLC0415 - loaded with the first use

        item.config.stash[WATCH].records.clear()
        test = Test(name=item.nodeid, features=_features(item), connects="modem_mqtt_factory" in fixtures)
        bench.begin(test, shares=shares, wanted=wanted_of(item), steered="strategy" in fixtures)


def _features(item: pytest.Item) -> list[str]:
    """Return the features that a test needs."""
    return [feature for marker in item.iter_markers("modem_feature") for feature in marker.args]


def around_fixture(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep what a fixture that outlives a test opens and sets."""
    bench = bench_in_use(request.config)
    # Opening a modem belongs to no test.
    if bench is None or fixturedef.argname in _OPENING:
        return (yield)
    if fixturedef.scope == "function":
        try:
            bench.goes_on_alone()
        except BaseException as error:
            # Without a result pytest would never finish this fixture, nor set it up again for a later test.
            fixturedef.cached_result = (None, fixturedef.cache_key(request), (error, error.__traceback__))  # type: ignore[arg-type]
            raise
        return (yield)
    name = f"{fixturedef.baseid} {fixturedef.argname} {getattr(request, 'param_index', 0)}"
    with bench.sharing(f"setup of {name}"):
        result = yield
    fixturedef.addfinalizer(lambda: bench.begin_shared(f"teardown of {name}"))
    return result


def around_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test whose module lacks a feature, and give the module the faults that the test asks for."""
    if (bench := bench_in_use(item.config)) is not None:
        bench.goes_on_alone()
    needed = _features(item)
    if needed and (lacking := bench_of(item.config).lacking(needed)) is not None:
        pytest.skip(f"modem_feature: {lacking}")
    faults = [fault for marker in item.iter_markers("modem_fault") for fault in marker.args]
    if not faults:
        return (yield)
    with bench_of(item.config).faults(faults):
        return (yield)


def around_teardown(item: pytest.Item, *, last: bool) -> Generator[None, None, None]:
    """End a test, and fail it for what it left behind."""
    if (bench := bench_in_use(item.config)) is not None:
        bench.ends(last=last)
    caplog = getattr(item, "funcargs", {}).get("caplog")
    # What the test itself has looked at and cleared surprises nobody.
    seen = None if caplog is None else [caplog.get_records(when) for when in ("setup", "call")]
    try:
        yield
    except BaseException:
        for problem in _left_behind(item, seen):
            item.add_report_section("teardown", "stdout: modemqtt", problem + "\n")
        raise
    if problems := _left_behind(item, seen):
        fail("\n".join(problems))


def _left_behind(item: pytest.Item, seen: list[list[logging.LogRecord]] | None) -> list[str]:
    """Return what is wrong with what a test left."""
    bench = bench_in_use(item.config)
    if bench is None:
        return []
    problems = bench.end()
    records = item.config.stash[WATCH].records
    for record in records:
        if seen is None or any(record is each for phase in seen for each in phase):
            error = record.exc_info[1] if record.exc_info else None
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            problems.append(f"{record.getMessage()}: {told}")
    records.clear()
    return problems


def around_report(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the wire to the report of a failed test, and report our skips at the line of the test."""
    bench = bench_in_use(item.config)
    if bench is not None:
        from modemqtt._pytest import report as wire_report  # noqa: PLC0415 - loaded with the first use

        wire_report.add_wire(bench, item, call)
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and str(_HERE) in report.longrepr[0]:
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    return report
