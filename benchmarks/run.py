# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""`make bench`: how fast the collection is, what the application feels of it, and how much memory it takes."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
from bench import Bench
from measurements import MEASUREMENTS, SIDE_MEASUREMENTS
from results import Figure, Results, table

from lab.accounts import private_area
from lab.errors import LabError
from lab.server import Server

MAJOR = 18
FEWEST_ROUNDS = 3
SCALE_VARIABLE = "STEADY_BENCH_SCALE"
FAILURES = (LabError, OSError, psycopg2.Error, subprocess.TimeoutExpired)


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line says. A missed target is no failure; what could not be measured is one."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is removed
    try:
        return _measure(options.only or list(MEASUREMENTS), options.scale, options.rounds)
    except FAILURES as error:
        return _failed("bench", error)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    names = [*MEASUREMENTS, *SIDE_MEASUREMENTS]
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument(
        "--scale",
        type=_scale,
        default=os.environ.get(SCALE_VARIABLE) or "1",
        help=f"size of the clinic: 1, the default, is about 2 GB (or ${SCALE_VARIABLE})",
    )
    parser.add_argument(
        "--rounds", type=_rounds, default=FEWEST_ROUNDS, help="of each measurement (default and least: 3)"
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"only these: {', '.join(names)}")
    return parser


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, at most 100")
    return scale


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST_ROUNDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {FEWEST_ROUNDS}")
    return int(text)


def _measure(names: list[str], scale: float, rounds: int) -> int:
    """One server for all of it, with the settings that PostgreSQL has by itself."""
    status = 0
    figures: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=private_area()) as folder,
        Server.start(MAJOR, durable=True, settings={"log_connections": "on"}) as server,
    ):
        results = Results.begin(server, scale, rounds)
        bench = Bench(server, scale, rounds, Path(folder))
        try:
            for name in dict.fromkeys(names):
                print(f"{name} …", flush=True)
                try:
                    figures += {**MEASUREMENTS, **SIDE_MEASUREMENTS}[name](bench)
                except FAILURES as error:
                    status = _failed(name, error)
        finally:
            # What was measured before an interruption is not lost.
            if figures:
                print(f"\n{table(figures)}\n\n{results.about()}\nWritten to {results.write(figures)}", flush=True)
    return status


def _failed(name: str, error: Exception) -> int:
    print(f"{name}: {error}".rstrip(), file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
