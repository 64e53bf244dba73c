"""`mgv tokens`: copy tokens from .mgv to .npz, or back."""

from pathlib import Path

import click

from .common import require, shown, warn


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--coder",
    type=click.Choice(["raw", "zstd", "adaptive", "prior"]),
    help="Entropy coder of an .mgv TARGET; the best that the model has by default.",
)
@click.option("--model", help="Tokenizer folder to use in place of the one that SOURCE names.")
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
def tokens(source: Path, target: Path, coder: str | None, model: str | None, force: bool) -> None:
    """Write the tokens of SOURCE.mgv to TARGET.npz, or those of SOURCE.npz to TARGET.mgv.

    The .npz holds an array for each segment, its times, and the file's header; audio is left behind.
    """
    from ..codec import export_tokens, import_tokens

    suffixes = (source.suffix.lower(), target.suffix.lower())
    require(suffixes in ((".mgv", ".npz"), (".npz", ".mgv")), "expected IN.mgv OUT.npz or IN.npz OUT.mgv")
    if suffixes[0] == ".mgv":
        report = export_tokens(source, target, model=model, force=force)
    else:
        report = import_tokens(source, target, model=model, coder=coder, force=force)
    warn(report.warnings)
    click.echo(f"{shown(target)}: {report.num_segments} segments, {report.num_frames} frames")
