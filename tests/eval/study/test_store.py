"""The store: durable, only studies, no passwords shown."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select

from mgv.codec import OutputError
from mgv.eval.study import StudyError, schema
from mgv.eval.study.store import Store, copy_to_memory, make_tables, open_study, shown_name


def test_commits_reach_the_disk(store: Store) -> None:
    with store.writing() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.writing() as connection:
            connection.execute(schema.rater.insert().values(key="k", session_sha256="s"))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    with store.reading() as connection:
        assert connection.execute(select(schema.rater)).all() == []


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no such study"):
        open_study(tmp_path / "no.db")
    empty, other = tmp_path / "empty.db", tmp_path / "other.db"
    empty.touch()
    sqlite3.connect(other).execute("CREATE TABLE x (y)").connection.close()
    for path in (empty, other):
        before = path.read_bytes()
        with pytest.raises(StudyError, match="holds no study"):
            open_study(path)
        assert path.read_bytes() == before
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to look like one" * 20)
    with pytest.raises(StudyError, match="is no study"):
        open_study(text)


def test_another_layout_is_refused(study_path: Path) -> None:
    with sqlite3.connect(study_path) as connection:
        connection.execute("UPDATE study SET schema_version = 99")
    connection.close()
    with pytest.raises(StudyError, match="layout 99, this mgv reads 1"):
        open_study(study_path)


def test_tables_are_made_once(study_path: Path) -> None:
    with pytest.raises(OutputError, match="holds a study already"):
        make_tables(str(study_path))


@pytest.mark.parametrize(
    ("url", "message"), [("nonsense://x", "neither a path nor a database URL"), ("://", "neither a path")]
)
def test_urls_that_name_no_database(url: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        open_study(url)


def test_passwords_are_not_shown() -> None:
    assert shown_name("postgresql://user:secret@host/name") == "postgresql://host/name"
    assert shown_name("study.db") == "study.db"


def test_a_copy_in_memory_leaves_the_file_alone(study_path: Path) -> None:
    before = study_path.read_bytes()
    copy = copy_to_memory(study_path)
    copy.mark_simulated({"seed": 1})
    assert copy.facts.simulated == {"seed": 1}
    assert study_path.read_bytes() == before
    copy.close()


def test_only_a_study_without_raters_can_be_marked_as_simulated(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(schema.rater.insert().values(key="k", session_sha256="s"))
    with pytest.raises(StudyError, match="has raters already"):
        store.mark_simulated({"seed": 1})
