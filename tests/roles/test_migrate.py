import subprocess
import sys
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"


def test_migrating_twice_does_no_harm(roost):
    assert roost("migrate").stdout == "The database is up to date.\n"


def test_without_a_database_it_says_so(command):
    gone = command("migrate", ROOST_DATABASE_URL="postgresql://127.0.0.1:1/roost")
    assert gone.returncode == 1
    assert gone.stderr.startswith("PostgreSQL cannot be reached: ")


def test_a_database_that_starts_is_waited_for(own_postgresql):
    own_postgresql.halt()
    words = [sys.executable, "-m", "roost", "migrate", "--wait", "25"]
    settings = {"PYTHONPATH": str(SERVICES), "ROOST_DATABASE_URL": own_postgresql.url()}
    with subprocess.Popen(words, env=settings, stdout=subprocess.PIPE, text=True) as waiting:
        own_postgresql.start()
        told, _ = waiting.communicate(timeout=30)
    assert told.startswith("The database is up to date, after 0001_")
