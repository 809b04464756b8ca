"""A table that the database itself fills with every change of a run's state, for the invariants to be read from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from scheduler.models import LIVE, TERMINAL, State, TaskRun

RUNS = TaskRun._meta.db_table
COLUMNS = "run_id, job_id, old_state, old_attempt, new_state, new_attempt, waiting"

POSTGRES = [
    "CREATE TABLE fault_audit (n bigserial PRIMARY KEY, run_id text, job_id text, old_state text, old_attempt int,"
    " new_state text, new_attempt int, waiting bool)",
    f"""CREATE FUNCTION fault_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO fault_audit ({COLUMNS})
            VALUES (NEW.id, NEW.job_id, '', 0, NEW.state, NEW.attempt, NEW.waiting);
        ELSIF (OLD.state, OLD.attempt, OLD.waiting) IS DISTINCT FROM (NEW.state, NEW.attempt, NEW.waiting) THEN
            INSERT INTO fault_audit ({COLUMNS})
            VALUES (NEW.id, NEW.job_id, OLD.state, OLD.attempt, NEW.state, NEW.attempt, NEW.waiting);
        END IF; RETURN NULL; END $$""",
    f"CREATE TRIGGER fault_note AFTER INSERT OR UPDATE ON {RUNS} FOR EACH ROW EXECUTE FUNCTION fault_note()",
]
POSTGRES_DROP = [
    f"DROP TRIGGER IF EXISTS fault_note ON {RUNS}",
    "DROP FUNCTION IF EXISTS fault_note",
    "DROP TABLE IF EXISTS fault_audit",
]
SQLITE = [
    "CREATE TABLE fault_audit (n integer PRIMARY KEY, run_id text, job_id text, old_state text, old_attempt int,"
    " new_state text, new_attempt int, waiting bool)",
    f"CREATE TRIGGER fault_insert AFTER INSERT ON {RUNS} BEGIN INSERT INTO fault_audit ({COLUMNS})"
    " VALUES (NEW.id, NEW.job_id, '', 0, NEW.state, NEW.attempt, NEW.waiting); END",
    f"CREATE TRIGGER fault_update AFTER UPDATE ON {RUNS}"
    " WHEN OLD.state != NEW.state OR OLD.attempt != NEW.attempt OR OLD.waiting != NEW.waiting"
    f" BEGIN INSERT INTO fault_audit ({COLUMNS})"
    " VALUES (NEW.id, NEW.job_id, OLD.state, OLD.attempt, NEW.state, NEW.attempt, NEW.waiting); END",
]
SQLITE_DROP = [
    "DROP TRIGGER IF EXISTS fault_insert",
    "DROP TRIGGER IF EXISTS fault_update",
    "DROP TABLE IF EXISTS fault_audit",
]

FIRST = {State.PENDING, State.SKIPPED, State.MISSED}
NOT_STARTED_ENDS = {State.CANCELLED, State.EXPIRED, State.FAILURE}
ALLOWED = {
    State.PENDING: {State.QUEUED, State.RUNNING, *NOT_STARTED_ENDS},
    State.QUEUED: {State.RUNNING, State.PENDING, *NOT_STARTED_ENDS},
    State.RETRYING: {State.QUEUED, State.RUNNING, *NOT_STARTED_ENDS},
    State.RUNNING: {State.RETRYING, State.SUCCESS, State.FAILURE, State.TIMEOUT, State.LOST, State.CANCELLED},
}


@dataclass(frozen=True)
class Change:
    """One recorded change."""

    run_id: str
    job_id: str
    old: str
    old_attempt: int
    new: str
    new_attempt: int
    waiting: bool


def install() -> None:
    """Make the table and its triggers."""
    remove()
    with connection.cursor() as cursor:
        for statement in POSTGRES if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)


def remove() -> None:
    """Drop them."""
    with connection.cursor() as cursor:
        for statement in POSTGRES_DROP if connection.vendor == "postgresql" else SQLITE_DROP:
            cursor.execute(statement)


def changes() -> list[Change]:
    """Return what was recorded, in order."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM fault_audit ORDER BY n")
        return [
            Change(row[0].replace("-", ""), row[1], row[2], row[3], row[4], row[5], bool(row[6]))
            for row in cursor.fetchall()
        ]


def forbidden(recorded: list[Change]) -> list[Change]:
    """Return the changes that no transition of docs/lifecycle.md allows (I4)."""
    wrong = []
    for change in recorded:
        if change.old == "":
            allowed = change.new in FIRST and change.new_attempt == 1
        elif change.old == change.new:  # leaving the line, which only a pending run does
            allowed = change.old == State.PENDING and change.old_attempt == change.new_attempt
        else:
            step = 1 if change.new == State.RETRYING else 0
            allowed = change.new in ALLOWED.get(State(change.old), set())
            allowed = allowed and change.new_attempt == change.old_attempt + step
        if not allowed:
            wrong.append(change)
    return wrong


def accepted_ends(recorded: list[Change]) -> dict[str, int]:
    """Return how often each run was brought to a terminal state."""
    ends: dict[str, int] = defaultdict(int)
    for change in recorded:
        if change.new in TERMINAL:
            ends[change.run_id] += 1
    return ends


def most_live(recorded: list[Change]) -> dict[str, int]:
    """Return for each job how many of its runs held a place at the same time, at most (I5)."""
    holding: dict[str, set[str]] = defaultdict(set)
    most: dict[str, int] = defaultdict(int)
    for change in recorded:
        if change.new in LIVE and not change.waiting:
            holding[change.job_id].add(change.run_id)
        else:
            holding[change.job_id].discard(change.run_id)
        most[change.job_id] = max(most[change.job_id], len(holding[change.job_id]))
    return most
