"""`mgv encode FOLDER FOLDER`: progress, report and exit code."""

from typing import Any

import click

from .cli import EXIT_INCOMPLETE
from .common import as_json, progress_bar, shown, warn


def encode_folder(source: str, target: str, json_wanted: bool, options: dict[str, Any]) -> int:
    """Encode all videos below a folder; gives the exit code."""
    from ..codec import encode_tree

    engine = options.pop("engine") or "local"
    with progress_bar("encode", unit="file") as bar:
        report = encode_tree(
            source,
            target,
            engine=engine,
            progress=lambda done, expected, frames: bar(done, expected, f"{frames} frames"),
            **options,
        )
    encoded, kept, failed = (report.of(status) for status in ("encoded", "kept", "failed"))
    if json_wanted:
        files = [
            {"source": file.source, "target": file.target, "status": file.status, "error": file.error}
            | (vars(file.facts) if file.facts else {})
            for file in report.files
        ]
        totals = {"num_encoded": len(encoded), "num_kept": len(kept), "num_failed": len(failed)}
        facts = {"num_other": report.num_other, "num_frames": report.num_frames, "seconds": report.seconds}
        click.echo(as_json({**totals, **facts, "file_bytes": report.file_bytes, "files": files}))
    else:
        speed = f" ({report.num_frames / report.seconds:.1f} frames/s)" if encoded else ""
        click.echo(
            f"{shown(target)}: {len(encoded)} encoded, {len(kept)} kept, {len(failed)} failed; "
            f"{report.num_frames} frames in {report.seconds:.1f} s{speed}, {report.file_bytes} bytes in all"
        )
        if report.num_other:
            click.echo(f"note: {report.num_other} files are no videos by their names, and were left out")
    lossy = sum(bool(file.facts and file.facts.warnings) for file in encoded)
    if lossy:
        warn([f"something of {lossy} videos could not be kept; --json or {target}/mgv-encode.jsonl say what"])
    for file in failed:
        click.echo(f"mgv: error: {shown(file.source)}: {shown(file.error)}", err=True)
    return EXIT_INCOMPLETE if failed else 0
