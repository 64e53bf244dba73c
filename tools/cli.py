"""The command `mgv`: its commands, loaded when used, and the exit code of every expected failure."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType

import click

from .. import __version__

COMMANDS = {
    "bench": ("bench", "Measure every clip of a folder at every quality."),
    "bench-coders": ("bench", "Compare the entropy coders on video files."),
    "bench-decode": ("bench", "Compare what can run the decoder, in speed and in loss."),
    "bench-generation": (
        "bench_generation",
        "Compare ways to generate, in speed and in what fewer passes cost.",
    ),
    "bench-segments": ("bench", "Compare lengths of segments on video files."),
    "bench-stages": ("bench", "Measure time and memory of each stage of coding."),
    "bench-still": ("bench", "Measure what content that hardly changes costs."),
    "decode": ("decode", "Turn an .mgv file back into video."),
    "demo": ("demo", "Encode and decode a real clip and show both."),
    "encode": ("encode", "Compress a video, or all in a folder, into .mgv."),
    "eval": ("eval", "Measure a generator on clips that it never saw."),
    "generate": ("generate", "Continue, fill or extend an .mgv file by new tokens."),
    "info": ("inspect", "Tell what an .mgv file holds."),
    "models": ("models", "List the tokenizers and generators that are at hand."),
    "rd": ("rd", "Measure codecs at a ladder of rates; plots, BD-rates, report."),
    "repair": ("inspect", "Copy what is whole of a damaged .mgv file."),
    "study": ("study", "Ask people which of two decodings looks better."),
    "thin": ("inspect", "Drop fine bit layers of an .mgv file without decoding it."),
    "tokens": ("tokens", "Copy tokens from .mgv to .npz, or back."),
    "train": ("train", "Prepare data and train models."),
    "verify": ("inspect", "Check every byte of an .mgv file."),
}
"""Command -> (module in this folder, a line for `mgv --help`); the click command has that name too."""

EXPECTED_ERRORS = (
    ("mgv.codec.options", "OptionError", 2),
    ("mgv.eval.study.errors", "StudyError", 2),
    ("mgv.generator.errors", "DataError", 2),
    ("mgv.tokenizer.errors", "RunConfigError", 2),
    ("mgv.codec.errors", "MediaError", 3),
    ("mgv.tokenizer.errors", "ShardError", 3),
    ("mgv.container", "FormatError", 4),
    ("mgv.tokenizer.errors", "WeightsError", 5),
    ("mgv.codec.errors", "MissingToolError", 6),
    ("mgv.codec.errors", "OutputError", 7),
)
"""(module, class, exit code) of what an input can cause; any other error is a bug and shows its trace."""

EXIT_USAGE = 2
EXIT_DAMAGED = 4
EXIT_OUTPUT = 7
EXIT_CONCEALED = 8
EXIT_INCOMPLETE = 9
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141
EXIT_TERMINATED = 143

FULL = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
"""Errors of a disk that takes no more, be it stdout or a report that is written to."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `mgv --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mgv", message="%(prog)s %(version)s")
def mgv() -> None:
    """A neural video codec: video to MAGVIT-v2 tokens in a compact `.mgv` file, and back.

    Every failure is one line on stderr. Exit codes: 2 wrong command line, 3 unreadable source, 4 damaged or
    foreign .mgv, 5 weights missing or not matching, 6 a tool is missing, 7 output exists or cannot be
    written, 8 done but damage was concealed, 9 done but for some files of a folder, which are listed;
    130 interrupted, 141 pipe closed by its reader, 143 terminated.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; failures are reported on stderr in one line."""
    with _terminable():
        try:
            code = _invoke(arguments)
            if sys.stdout is not None:
                sys.stdout.flush()
        except click.exceptions.Exit as stop:
            code = stop.exit_code
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = EXIT_USAGE
        except click.ClickException as error:
            code = _report(f"{_in_one_line(error.format_message())} (see {_help_command(error)})", EXIT_USAGE)
        except (KeyboardInterrupt, click.Abort):
            code = _report("interrupted", EXIT_INTERRUPTED)
        except BrokenPipeError:
            code = _leave_stdout(EXIT_CLOSED_PIPE)
        except Exception as error:
            expected = exit_code_of(error)
            if expected is not None:
                code = _report(_in_one_line(str(error)), expected)
            elif isinstance(error, OSError) and error.errno in FULL and error.filename is None:
                code = _leave_stdout(_report(f"writing failed: {error.strerror}", EXIT_OUTPUT))
            else:
                raise
    return code


def exit_code_of(error: BaseException) -> int | None:
    """Look an error up among `EXPECTED_ERRORS`; `None` when it is not one of them."""
    for module_name, class_name, code in EXPECTED_ERRORS:
        module = sys.modules.get(module_name)  # a class whose module was never loaded cannot have been raised
        if module is not None and isinstance(error, getattr(module, class_name)):
            return code
    return None


def _invoke(arguments: Sequence[str]) -> int:
    with mgv.make_context("mgv", list(arguments)) as context:
        result = mgv.invoke(context)
    return result if isinstance(result, int) else 0


def _report(message: str, code: int) -> int:
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in message)
    click.echo(f"mgv: error: {text}", err=True)
    return code


def _help_command(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'mgv'} --help"


def _in_one_line(message: str) -> str:
    return " ".join(message.split())


def _leave_stdout(code: int) -> int:
    """Keep the interpreter from complaining when it flushes what can't be written any more."""
    if sys.stdout is None:
        return code
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return code


class _terminable:
    """Within the block SIGTERM unwinds the stack, so that half-written files are removed."""

    def __enter__(self) -> None:
        self._before: Callable[[int, FrameType | None], object] | int | None = None
        try:
            self._before = signal.signal(signal.SIGTERM, self._stop)
        except ValueError:  # not the main thread
            self._before = None

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(EXIT_TERMINATED)


if __name__ == "__main__":
    main()
