"""A study on disk: an SQLite file or a PostgreSQL database, opened, made, and written in durable transactions."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, select
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import StaticPool

from ... import __version__
from ...codec import MissingToolError, OutputError
from . import schema
from .errors import StudyError
from .settings import Settings, settings_from_toml, settings_to_toml

MEMORY = "sqlite://"
_BUSY_SECONDS = 30
_KEY_BYTES = 16


@dataclass(frozen=True)
class StudyFacts:
    """What is fixed about a study."""

    settings: Settings
    rates_bpp: tuple[float, ...]
    matching: dict[str, Any]
    simulated: dict[str, Any]
    """Truth that simulated raters answer by; empty where people answer."""


class Store:
    """An open study. All writing goes through `writing`, whose block is durable when it ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.facts = self._read_facts()

    @property
    def settings(self) -> Settings:
        """The study's own settings."""
        return self.facts.settings

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads one state of the study."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that is on disk when the block ends, and leaves nothing if it fails.

        One at a time in a process; SQLite and row locks keep processes apart.
        """
        with self._lock, self._engine.connect() as plain:
            connection = plain.execution_options(mgv_writes=True)
            with connection.begin():
                yield connection

    def mark_simulated(self, truth: dict[str, Any]) -> None:
        """Label the study as answered by simulated raters, for good.

        Raises:
            StudyError: it has raters already.
        """
        with self.writing() as connection:
            if connection.execute(select(schema.rater.c.id).limit(1)).first():
                raise StudyError(
                    "the study has raters already; simulate on a fresh one, made by `mgv study create`"
                )
            connection.execute(schema.study.update().values(simulated=json.dumps(truth)))
        self.facts = self._read_facts()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def _read_facts(self) -> StudyFacts:
        with self.reading() as connection:
            row = connection.execute(select(schema.study)).one()
        if row.schema_version != schema.SCHEMA_VERSION:
            raise StudyError(
                f"the study has layout {row.schema_version}, this mgv reads {schema.SCHEMA_VERSION}; "
                f"it was made by mgv {row.mgv_version}"
            )
        return StudyFacts(
            settings_from_toml(row.settings_toml),
            tuple(json.loads(row.rates_bpp)),
            json.loads(row.matching),
            json.loads(row.simulated or "{}"),
        )


def open_study(target: str | Path) -> Store:
    """Open a study: the path of an SQLite file or a database URL.

    Raises:
        StudyError: there is none, or it is something else.
        MissingToolError: the driver of the database is not installed.
    """
    name = shown_name(target)
    if not is_url(target) and not Path(target).is_file():
        raise StudyError(f"{name}: there is no such study; `mgv study create` makes one")
    if not is_url(target) and not _holds_tables(Path(target)):  # opening it for writing would write to it
        raise StudyError(f"{name}: holds no study; `mgv study create` makes one")
    engine = _engine(target)
    try:
        if not inspect(engine).has_table("study"):
            raise StudyError(f"{name}: holds no study; `mgv study create` makes one")
        return Store(engine)
    except OperationalError as error:
        raise StudyError(f"{name}: can't be opened: {error.orig}") from error
    except DatabaseError as error:
        raise StudyError(f"{name}: is no study: {error.orig}") from error
    except StudyError:
        engine.dispose()
        raise


def _holds_tables(path: Path) -> bool:
    """Look into an SQLite file without changing it.

    Raises:
        StudyError: it is none.
    """
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'study'"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found: int = connection.execute(query).fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StudyError(f"{path}: is no study that can be opened: {error}") from error
    return found > 0


def copy_to_memory(path: Path) -> Store:
    """Open a copy in memory of an SQLite study, on which nothing lasts and nothing waits for a disk."""
    engine = _engine(MEMORY)
    with closing(sqlite3.connect(path)) as source, engine.connect() as connection:
        source.backup(connection.connection.dbapi_connection)  # type: ignore[arg-type]  # it is an sqlite3.Connection
    return Store(engine)


def make_tables(target: str | Path) -> Engine:
    """Make the empty tables of a new study.

    Raises:
        OutputError: there is a study already, or the place can't be written.
    """
    name = shown_name(target)
    engine = _engine(target)
    try:
        if inspect(engine).has_table("study"):
            engine.dispose()
            raise OutputError(f"{name}: holds a study already; give another place")
        schema.metadata.create_all(engine)
    except DatabaseError as error:
        raise OutputError(f"{name}: can't be written: {error.orig}") from error
    return engine


def write_facts(
    connection: Connection, settings: Settings, rates_bpp: tuple[float, ...], matching: dict[str, Any]
) -> None:
    """Write the study's one row."""
    connection.execute(
        schema.study.insert().values(
            id=1,
            schema_version=schema.SCHEMA_VERSION,
            mgv_version=__version__,
            settings_toml=settings_to_toml(settings),
            rates_bpp=json.dumps(rates_bpp),
            matching=json.dumps(matching),
            simulated="",
        )
    )


def new_id(connection: Connection, table: Table, **values: Any) -> int:
    """Insert a row and give the id that it got."""
    (number,) = connection.execute(table.insert().values(**values).returning(table.c.id)).one()
    return int(number)


def new_key() -> str:
    """Draw an opaque name, which nobody can guess."""
    return secrets.token_hex(_KEY_BYTES)


def is_url(target: str | Path) -> bool:
    """Tell a database URL from a path."""
    return isinstance(target, str) and (target == MEMORY or "://" in target)


def shown_name(target: str | Path) -> str:
    """Name a study without its password."""
    text = str(target)
    if not is_url(target):
        return text
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _engine(target: str | Path) -> Engine:
    url = str(target) if is_url(target) else f"sqlite:///{target}"
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        if url == MEMORY:
            engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        elif url.startswith("sqlite"):
            engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
        else:
            engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StudyError(f"{shown_name(target)}: is neither a path nor a database URL: {error}") from error
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"{error.name} is not installed; pip install 'psycopg[binary]' brings PostgreSQL's"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, record: object) -> None:
    """Make a commit reach the disk before it returns, and readers no obstacle to it."""
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says so
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where writing is meant: a lock taken later may find that the state has moved on."""
    writes = connection.get_execution_options().get("mgv_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
