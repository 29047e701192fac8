"""The command line: thin, one file a command, each imported only when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from cfdna_interp import __version__
from cfdna_interp.errors import InputError

# Linear algebra on one thread everywhere: sums come out in the same order whatever the number of cores.
# The workflow runs jobs side by side instead. Nothing above imports numpy: it reads this once, on import.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

# command -> one line of help, shown without importing the command
COMMANDS = {
    "run": "Run the whole workflow for a config.",
    "check": "Check config, sheet, alignment headers and disk before hours are spent.",
    "atlas": "What an atlas can tell, and cell types that it lacks.",
    "plan": "Say how many subjects a held-out cohort needs, before sequencing.",
    "models": "Probe a model before hours are spent on it.",
    "simulate": "Write a simulated cohort of BAM files whose truth is known.",
    "fetch-atlas": "Fetch a published atlas, once its licence is accepted.",
    "fragments": "Write all fragments of a sample to one file (Parquet, frag.gz or BED).",
    "score": "Score new samples with a frozen proxy: BAM files, a sheet, or a table.",
    "cohort": "Stage: check the sheet and divide it by role.",
    "extract": "Stage: read one sample's BAM into fragments, counts and features.",
    "matrix": "Stage: gather samples into one feature matrix per role.",
    "pretrain": "Stage: fit the label-free encoder on discovery fragments.",
    "embed": "Stage: encode the bags of a role, with all groups swapped in and out.",
    "train": "Stage: cross-fit the heads and freeze the held-out scores.",
    "attribute": "Stage: take groups from one chunk of samples, with every intervention and reference.",
    "refit": "Stage: one chunk of bootstrap and permuted-label refits.",
    "dominance": "Stage: shares with their nulls, and which group is dominant.",
    "probe": "Stage: what can be read off the embeddings, and what the head uses of it.",
    "dictionary": "Stage: one sparse autoencoder on embedded fragments, plain and in blocks.",
    "funnel": "Stage: sparse features whose contrast survives, and what they follow.",
    "geometry": "Stage: the curve of mean embeddings by fragment length.",
    "proxy": "Stage: fit the logistic regression and freeze it with the protocol.",
    "validate": "Stage: open the held-out labels, once.",
    "audit": "Stage: biology or handling.",
    "verdict": "Stage: which claim is earned, and what to test at the bench.",
    "report": "Stage: write the report and the manifest.",
}


FAULT = 70  # exit code of a fault of the program, EX_SOFTWARE of sysexits.h


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cfdna_interp.cli.{name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cfdna-interp")
@click.option("--debug", is_flag=True, help="Show the traceback of a fault of the program.")
def cli(debug: bool) -> None:
    """Show what an epigenetic model of cell-free DNA rests on."""
    from cfdna_interp.artifacts.system_errors import check_addresses

    check_addresses()


def main() -> None:
    """Run the command line.

    A problem with the user's data, settings or disk is one line and exit code 2; of several a line each.
    Anything else is a fault of the program: one line, a report of it in a file, and exit code 70.
    """
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        from cfdna_interp.artifacts.system_errors import refusal

        # An error of a reader may say of a file what is true of the machine: it is asked first.
        refused = refusal(error)
        if refused is not None:
            _stop(refused)
        if isinstance(error, InputError):
            _stop(*error.mistakes, *([f"... and {error.untold} more"] if error.untold else []))
        if isinstance(error, OSError):  # a file where a folder should be
            _stop(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        from cfdna_interp.cli.crash import report_crash

        if "--debug" in sys.argv:
            raise
        print(report_crash(error, sys.argv), file=sys.stderr)
        sys.exit(FAULT)


def _stop(*messages: str) -> NoReturn:
    for message in messages:
        # Libraries put line breaks into the messages that ours quote.
        line = " ".join(message.split())
        print(f"cfdna-interp: {line}".encode("utf-8", "backslashreplace").decode(), file=sys.stderr)
    sys.exit(2)
