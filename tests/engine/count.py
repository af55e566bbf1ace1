"""Count the instructions of a training step and of a forecast, and hold them to a budget.

``python3 count.py PROGRAM`` runs the built ``instructions`` under valgrind, which counts the same
on a busy machine as on an idle one. Starting up costs the same in two runs of different length, so
their difference is the work alone. Exits 1 where a count is above the budget in
``instructions.json``; ``--update`` writes the budget anew, 5 % above what is measured.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

BUDGET = Path(__file__).with_name("instructions.json")
MARGIN = 1.05
# The engine looks at the clock to see whether it is interrupted: a few instructions by chance.
NOISE = 1e-4
# valgrind knows no AVX-512.
ISAS = ("avx2", "portable")
JOBS = {"train": "a training step", "forecast": "a forecast"}
FEWER, MORE = 2, 4


def collected(program: str, job: str, isa: str, n: int) -> int:
    """Instructions of a whole run."""
    run = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            *(program, job, isa, str(n)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        sys.exit(f"{job} with {isa} fails under valgrind:\n{run.stderr}")
    return int(found[1])


def count(program: str, job: str, isa: str) -> int:
    """Instructions of one step or forecast."""
    fewer, more = (collected(program, job, isa, n) for n in (FEWER, MORE))
    return (more - fewer) // (MORE - FEWER)


def available(program: str, isa: str) -> bool:
    """Whether the instruction set runs here, under valgrind too; any other failure is an error."""
    for tool in ([], ["valgrind", "--tool=none"]):
        run = subprocess.run(
            [*tool, program, "train", isa, "1"], capture_output=True, text=True, check=False
        )
        if run.returncode == 0:
            continue
        if isa != "portable" and "does not run here" in run.stderr:
            return False
        sys.exit(f"{program} with {isa} fails:\n{run.stderr}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the built tests/engine/instructions")
    parser.add_argument("--update", action="store_true", help="write the budget anew")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("Skipped: instructions are counted with valgrind, which is not installed.")
        return 0
    budgets = json.loads(BUDGET.read_text()) if BUDGET.exists() else {}
    budget, above = budgets.setdefault(platform.machine(), {}), 0
    for isa in ISAS:
        if not available(arguments.program, isa):
            print(f"Skipped: {isa} does not run here.")
            continue
        for job, what in JOBS.items():
            name = f"{job} {isa}"
            measured, again = (count(arguments.program, job, isa) for _ in range(2))
            if abs(measured - again) > NOISE * measured:
                print(
                    f"{what}, {isa}: {measured:,} instructions, then {again:,}: not the same work."
                )
                above += 1
            if arguments.update:
                budget[name] = round(measured * MARGIN)
            if name not in budget:
                print(f"{what}, {isa}: {measured:,} instructions; there is no budget for it.")
                above += 1
                continue
            within = measured <= budget[name]
            print(
                f"{what}, {isa}: {measured:,} instructions, "
                + ("within" if within else "above")
                + f" the budget of {budget[name]:,}"
                + ("" if within else f" by {measured / budget[name] - 1:.1%}")
            )
            above += not within
    if arguments.update:
        BUDGET.write_text(json.dumps(budgets, indent=2) + "\n")
    elif above:
        print("Where other work, or another compiler's, is meant: run again with --update.")
    return int(above > 0)


if __name__ == "__main__":
    sys.exit(main())
