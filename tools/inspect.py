"""`mgv info | verify | repair | thin`: look at an .mgv and mend it, without decoding it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli import EXIT_CONCEALED, EXIT_DAMAGED
from .common import PIPE, as_json, require, shown, source_or_pipe, warn

if TYPE_CHECKING:
    from ..codec import FileInfo
    from ..container import Damage, PlacedDamage

EXISTING = click.Path(path_type=Path)


@click.command()
@click.argument("file")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def info(file: str, json_wanted: bool) -> None:
    """Tell what the .mgv FILE holds; `-` is a pipe."""
    from ..codec import read_info

    facts = read_info(source_or_pipe(file))
    click.echo(as_json(info_facts(facts)) if json_wanted else describe_info(file, facts))


def info_facts(info: "FileInfo") -> dict[str, Any]:
    """Give the facts of `mgv info --json`: plain values under stable names."""
    header = info.header
    return {
        "file_bytes": info.file_bytes,
        "bpp": round(info.bpp, 6),
        "num_frames": info.num_frames,
        "num_segments": info.num_segments,
        "duration_seconds": round(float(info.duration_seconds), 6),
        "start_seconds": round(float(info.start_seconds), 6),
        "frames_per_second": round(info.frames_per_second, 6),
        "has_constant_rate": info.has_constant_rate,
        "num_followed": info.num_followed,
        "motion_bytes": info.motion_bytes,
        "layer_bytes": info.layer_bytes,
        "bytes_by_chunk": dict(sorted(info.bytes_by_chunk.items())),
        "coder_name": info.coder_name,
        "header": header,
        "metadata": info.metadata,
        "audio": [
            {
                "stream": audio.header.stream,
                "codec": audio.header.codec,
                "sample_rate": audio.header.sample_rate,
                "channel_layout": audio.header.channel_layout,
                "language": audio.header.language,
                "num_packets": audio.num_packets,
                "packet_bytes": audio.packet_bytes,
            }
            for audio in info.audio
        ],
    }


def describe_info(name: str, info: "FileInfo") -> str:
    """Write the facts for people, a line for each subject."""
    header = info.header
    rate = "constant" if info.has_constant_rate else "variable"
    coded = (
        ""
        if (header.coded_width, header.coded_height) == (header.width, header.height)
        else (f", coded at {header.coded_width}x{header.coded_height}")
    )
    turned = f", turned by {header.rotation_degrees} degrees" if header.rotation_degrees else ""
    aspect = f", sample aspect {header.sample_aspect}" if header.sample_aspect != 1 else ""
    colour = header.colour
    depths = " ".join(
        f"{depth}:{size}" for depth, size in zip(header.bit_depths, info.layer_bytes, strict=True)
    )
    lines = [
        f"{shown(name)}: {info.file_bytes} bytes, {info.bpp:.4f} bpp without audio",
        f"picture    {header.width}x{header.height}{coded}{turned}{aspect}",
        f"colour     primaries {colour.primaries}, transfer {colour.transfer}, matrix {colour.matrix}, "
        f"{'full' if colour.full_range else 'limited'} range",
        f"time       {info.num_frames} frames, {float(info.duration_seconds):.3f} s, "
        f"{info.frames_per_second:.3f} frames/s, {rate} rate",
        f"segments   {info.num_segments}, nominal length {header.segment_frames} frames",
        f"camera     followed in {info.num_followed} of {info.num_frames} frames",
        f"motion     {info.motion_bytes} bytes of vectors",
        f"tokenizer  {header.tokenizer}, SHA-256 {header.tokenizer_sha256.hex()}",
        f"layers     bit depth:bytes {depths} of {header.bits_per_token} bits, coder {info.coder_name}",
    ]
    lines += [
        f"audio      {audio.header.codec}, {audio.header.sample_rate} Hz, {audio.header.channel_layout}, "
        f"{audio.num_packets} packets, {audio.packet_bytes} bytes"
        for audio in info.audio
    ]
    for key, value in info.metadata.items():
        values = describe_generated(value) if key == "generated" else [value]
        lines += [f"{shown(key):<10} {shown(each)}" for each in values]
    lines.append(f"made by    {header.software}, format {header.version[0]}.{header.version[1]}")
    return "\n".join(lines)


def describe_generated(entries: Any) -> list[str]:
    """Write what META says of generated parts, a line for each command; what is no such entry comes as it is."""
    lines = []
    for entry in entries if isinstance(entries, list) else [entries]:
        try:
            regions = ", ".join(_describe_region(region) for region in entry["regions"])
            label = "" if entry["label"] is None else f", label {entry['label']}"
            label += "" if entry["prompt"] is None else f", prompt {entry['prompt']!r}"
            by = f"{entry['generator']} (SHA-256 {entry['generator_sha256'][:16]}), seed {entry['seed']}{label}"
            lines.append(f"{entry['task']}: {regions}; by {by}")
        except (TypeError, KeyError, IndexError):
            lines.append(str(entry))
    return lines


def _describe_region(region: dict[str, Any]) -> str:
    last = region["first_frame"] + region["num_frames"] - 1
    box = region["box"]
    where = "" if box is None else f" in {box[2]}x{box[3]} at {box[0]},{box[1]}"
    return f"frames {region['first_frame']} to {last}{where}"


@click.command()
@click.argument("file")
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def verify(file: str, json_wanted: bool) -> int:
    """Check every byte of the .mgv FILE; `-` is a pipe. Exit 4 when anything is wrong.

    Each damage is named with what it hits: segments and frames count from 0, seconds as for decode --start.
    The last check, that layers decode to what was encoded, is made by `mgv decode`.
    """
    from ..codec import open_input
    from ..container import verify as verify_file

    with open_input(source_or_pipe(file)) as source:
        report = verify_file(source)
    if json_wanted:
        facts = {name: value for name, value in vars(report).items() if name != "header"}
        facts["damages"] = [damage_facts(damage) for damage in report.damages]
        click.echo(as_json({"is_whole": report.is_whole, **facts}))
        return 0 if report.is_whole else EXIT_DAMAGED
    if report.is_whole:
        click.echo(f"{shown(file)}: whole, {report.num_segments} segments, {report.num_frames} frames")
        return 0
    for damage in report.damages:
        click.echo(f"{shown(file)}: {describe_place(damage)}: {describe_damage(damage)}")
    expected = "an unknown number" if report.num_frames_expected is None else report.num_frames_expected
    click.echo(
        f"mgv: error: {shown(file)}: damaged in {report.num_damages} places, {report.num_frames} of {expected} "
        "frames are whole; mgv decode --conceal shows them, mgv repair makes a whole file of them",
        err=True,
    )
    return EXIT_DAMAGED


@click.command()
@click.argument("source", type=EXISTING)
@click.argument("target", type=EXISTING)
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
def repair(source: Path, target: Path, force: bool) -> int:
    """Copy what is whole of the .mgv file SOURCE to TARGET, indexed anew. Exit 8 if something was lost."""
    _require_files(source, target)
    from ..codec import atomic_output, open_input
    from ..container import repair as repair_file

    with open_input(source) as file_in, atomic_output(target, force=force, source=source) as file_out:
        report = repair_file(file_in, file_out)
    warn([describe_damage(damage) for damage in report.damages])
    click.echo(
        f"{shown(target)}: {report.num_segments} segments, {report.num_frames} frames, {report.num_bytes} bytes"
    )
    return EXIT_CONCEALED if report.num_damages else 0


@click.command()
@click.argument("source", type=EXISTING)
@click.argument("target", type=EXISTING)
@click.option(
    "--layers", required=True, type=click.IntRange(min=1), help="Bit layers to keep, from the coarsest."
)
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
def thin(source: Path, target: Path, layers: int, force: bool) -> None:
    """Copy the .mgv file SOURCE to TARGET with the coarsest LAYERS only, decoding nothing."""
    _require_files(source, target)
    from ..codec import atomic_output, open_input
    from ..container import FormatError
    from ..container import thin as thin_file

    with open_input(source) as file_in, atomic_output(target, force=force, source=source) as file_out:
        try:
            report = thin_file(file_in, file_out, layers)
        except FormatError:
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    click.echo(
        f"{shown(target)}: {report.num_segments} segments, {report.num_frames} frames, {report.num_bytes} bytes"
    )


def _require_files(*paths: Path) -> None:
    require(Path(PIPE) not in paths, "this works on files, not on pipes")


def damage_facts(damage: "PlacedDamage") -> dict[str, Any]:
    """Give one damage as `mgv verify --json` does."""
    facts = dict(vars(damage))
    for name in ("start_seconds", "end_seconds"):
        if facts[name] is not None:
            facts[name] = round(float(facts[name]), 6)
    return facts


def describe_place(damage: "PlacedDamage") -> str:
    """Say which segment, frames and seconds a damage hits."""
    if damage.segment is None or damage.first_frame is None or damage.start_seconds is None:
        return "no segment is hit"
    start = f"{float(damage.start_seconds):.2f} s"
    if damage.num_frames is None:
        return f"from segment {damage.segment}, frame {damage.first_frame}, {start} on"
    end = "the end" if damage.end_seconds is None else f"{float(damage.end_seconds):.2f} s"
    last_frame = damage.first_frame + damage.num_frames - 1
    return f"segment {damage.segment}, frames {damage.first_frame} to {last_frame}, {start} to {end}"


def describe_damage(damage: "Damage") -> str:
    """Write one damage on one line."""
    return f"{damage.reason} ({damage.num_bytes} bytes lost at byte {damage.offset_bytes})"
