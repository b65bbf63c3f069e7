from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Problem, Refused, RuleBroken, refuse
from ledger.storage.db import database_url, open_engine, reading, writing
from ledger.types import UtcDateTime, from_ms, to_ms


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("var/ledger.db", "sqlite:///var/ledger.db"),
        ("/var/ledger.db", "sqlite:////var/ledger.db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgres://h/d?host=/run", "postgresql+psycopg://h/d?host=/run"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
    ],
)
def test_a_path_or_a_url_names_a_database(place: str, url: str) -> None:
    assert database_url(place) == url


def test_a_reader_cannot_write(engine: Engine) -> None:
    with reading(engine) as reader, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        reader.execute(text("INSERT INTO ledger_log VALUES (9, 'x')"))
    with writing(engine, 1) as writer:
        writer.execute(text("INSERT INTO ledger_log VALUES (9, 'x')"))


def test_a_failing_writer_leaves_nothing(engine: Engine) -> None:
    def write() -> None:
        with writing(engine, 1) as writer:
            writer.execute(text("INSERT INTO ledger_log VALUES (9, 'x')"))
            raise RuleBroken

    with pytest.raises(RuleBroken):
        write()
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM ledger_log")).scalar_one() == 0


def test_a_reader_sees_one_state(engine: Engine) -> None:
    count = text("SELECT count(*) FROM ledger_log")
    with reading(engine) as reader:
        before = reader.execute(count).scalar_one()
        with writing(engine, 1) as writer:
            writer.execute(text("INSERT INTO ledger_log VALUES (9, 'x')"))
        assert reader.execute(count).scalar_one() == before == 0


def test_sqlite_is_set_up_to_keep_what_it_acknowledged(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_survives_as_milliseconds(moment: datetime) -> None:
    try:
        cut = from_ms(to_ms(moment))
    except OverflowError:  # the zone's offset leads out of the calendar
        return
    assert timedelta(0) <= moment.astimezone(UTC) - cut < timedelta(milliseconds=1)


def test_the_time_column_takes_only_aware_times() -> None:
    column = UtcDateTime()
    dialect = create_engine("sqlite://").dialect
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    assert column.process_result_value(column.process_bind_param(moment, dialect), dialect) == moment
    assert column.process_bind_param(None, dialect) is None
    assert column.process_result_value(None, dialect) is None
    with pytest.raises(ValueError, match="naive"):
        to_ms(datetime(2026, 1, 5))  # noqa: DTZ001  the mistake under test


@pytest.mark.parametrize("kind", [Refused, Malformed, RuleBroken, NotAllowed, Conflict, NotFound])
def test_a_refusal_has_a_code_of_its_own(kind: type[Refused]) -> None:
    refusal = kind(limit=3)
    assert refusal.code == kind.default
    assert refusal.problems == (Problem(kind.default, "", {"limit": 3}),)


def test_nothing_wrong_is_no_refusal() -> None:
    refuse([])
    with pytest.raises(NotFound) as caught:
        refuse([Problem("a"), Problem("b", "/c", {"d": 1})], NotFound)
    assert str(caught.value) == "a  {}; b /c {'d': 1}"


def test_an_engine_for_postgres_reads_what_is_committed() -> None:
    assert open_engine("postgresql://localhost/nowhere").dialect.name == "postgresql"
