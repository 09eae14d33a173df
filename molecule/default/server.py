# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The scenario's server: `server.py start|look|stop FOLDER`. The folder gets a file with the clinic's URL."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

from lab import clinic
from lab.accounts import private_area
from lab.server import Server

LOOK = """
    SELECT (SELECT count(*) FROM pg_index
            WHERE indisvalid AND indnatts > 1 AND indrelid::regclass::text LIKE '"%') AS composite_indexes,
           (SELECT count(*) FROM pg_index WHERE NOT indisvalid) AS invalid_indexes,
           confdeltype AS on_delete, confupdtype AS on_update, NOT attnotnull AS nullable
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE conname = 'CashDrawer_openedById_fkey'
"""


def main() -> None:
    """Do the one thing."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    # Not in the folder itself: a checkout of root's may lie where the server's user cannot go.
    home = private_area() / f"molecule-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    url_file = folder / "database_url"
    {"start": start, "look": look, "stop": stop}[what](home, url_file)


def start(home: Path, url_file: Path) -> None:
    """Start the server and load the clinic as it is before the migration."""
    server = Server.start(directory=home)
    server.drop_database("clinic")
    server.create_database("clinic")
    clinic.load(server.url("clinic"), scale=0.002)
    (url_file.parent / "programs_dir").write_text(str(server.installation.bin_dir))
    url_file.write_text(server.url("clinic"))


def look(home: Path, url_file: Path) -> None:
    """Print what the catalog says about the objects of the migration, as JSON."""
    server = Server.start(directory=home)
    connection = server.connect("clinic")
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        names = [column.name for column in cursor.description]
        print(json.dumps(dict(zip(names, cursor.fetchone()))))
    connection.close()


def stop(home: Path, url_file: Path) -> None:
    """Stop the server and remove all of it, also what a start that failed has left."""
    server = Server.find(home)
    if server is not None:
        server.remove()
    shutil.rmtree(home, ignore_errors=True)
    url_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
