"""The tables of a study, the same in SQLite and PostgreSQL."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 1

metadata = MetaData()

study = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("mgv_version", String(32), nullable=False),
    Column("settings_toml", Text, nullable=False),
    Column("rates_bpp", Text, nullable=False),  # JSON list
    Column("matching", Text, nullable=False),  # JSON: tolerance and what was left out
    Column("simulated", Text, nullable=False, default=""),  # JSON of the truth, if raters are simulated
)

clip = Table(
    "clip",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("width", Integer, nullable=False),  # of the source
    Column("height", Integer, nullable=False),
    Column("shown_width", Integer, nullable=False),  # of every rendered stimulus: even
    Column("shown_height", Integer, nullable=False),
    Column("num_frames", Integer, nullable=False),
    Column("frame_rate", String(32), nullable=False),  # "n/d"
    Column("sha256", String(64), nullable=False),
)

stimulus = Table(
    "stimulus",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),  # opaque: tells nothing of codec or rate
    Column("clip_id", ForeignKey("clip.id"), nullable=False),
    Column("role", String(16), nullable=False),  # rated, source, spoiled
    Column("codec", Text, nullable=False, default=""),
    Column("label", Text, nullable=False, default=""),
    Column("num_bytes", Integer),  # as coded by the codec
    Column("bpp", Float),
    Column("media_bytes", Integer, nullable=False),
    Column("render_psnr_y_db", Float, nullable=False),  # of the rendered file against the decoded frames
    Column("render_crf", Integer, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("stimulus_id", ForeignKey("stimulus.id"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

pairing = Table(
    "pairing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # rated, golden
    Column("clip_id", ForeignKey("clip.id"), nullable=False),
    Column("first_id", ForeignKey("stimulus.id"), nullable=False),  # of a golden pair: the better
    Column("second_id", ForeignKey("stimulus.id"), nullable=False),
    Column("first_rate", Integer),  # index of the nominal rate
    Column("second_rate", Integer),
    UniqueConstraint("first_id", "second_id"),
)

rater = Table(
    "rater",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),  # the opaque id
    Column("session_sha256", String(64), nullable=False, unique=True),  # of the cookie
    Column("begun", Boolean, nullable=False, default=False),  # past the instructions
    Column("screen", Text, nullable=False, default=""),  # JSON: width, height, scale, refresh rate
    sqlite_autoincrement=True,  # the number of a deleted rater is not given to another
)

question = Table(
    "question",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),  # names the one vote that can answer it
    Column("rater_id", ForeignKey("rater.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # 0, 1, ... within the rater
    Column("pairing_id", ForeignKey("pairing.id"), nullable=False),
    Column("kind", String(16), nullable=False),  # training, rated, golden, repeat
    Column("first_is_left", Boolean, nullable=False),
    Column("repeats_position", Integer),
    Column("shown_at", Float, nullable=False),  # seconds of the server's clock when last handed out
    UniqueConstraint("rater_id", "position"),
)

vote = Table(
    "vote",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # order of play
    Column("question_id", ForeignKey("question.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("side", String(8), nullable=False),  # left, right, none
    Column("seconds", Float, nullable=False),  # from handing out to answer, by the server's clock
    Column("facts", Text, nullable=False),  # JSON: what the page measured
    sqlite_autoincrement=True,
)
