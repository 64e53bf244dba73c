"""`mgv models`: list the tokenizers and generators that are at hand."""

from typing import Any

import click

from .common import as_json


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="Report in JSON.")
def models(json_wanted: bool) -> None:
    """List the tokenizers that are at hand, with the quality levels of each, and the generators."""
    tokenizers, generators = _tokenizers(), _generators()
    if json_wanted:
        click.echo(as_json({"tokenizers": tokenizers, "generators": generators}))
        return
    for fact in tokenizers:
        strides = "x".join(map(str, fact["strides"]))
        click.echo(
            f"{fact['name']}: {fact['kind']}, {fact['bits_per_token']} bits a token, strides {strides}"
        )
        click.echo(f"  SHA-256 {fact['sha256']}")
        for number, level in enumerate(fact["qualities"]):
            bits = fact["bit_depths"][level["layers"] - 1]
            default = ", the default" if level["default"] else ""
            click.echo(f"  quality {number}: {bits} bits a token at scale {level['scale']:g}{default}")
    for fact in generators:
        window = "x".join(map(str, fact["window"]))
        click.echo(
            f"{fact['name']}: generator, {fact['kind']}, of tokens of {fact['tokenizer']}, window {window}"
        )
        click.echo(f"  SHA-256 {fact['sha256']}")
        click.echo(f"  labels {', '.join(fact['labels']) or 'none'}")


def _generators() -> list[dict[str, Any]]:
    from ..generator.card import list_generators, read_card

    facts = []
    for name, folder in list_generators().items():
        card = read_card(folder)
        facts.append(
            {
                "name": name,
                "kind": card["kind"],
                "tokenizer": card["tokenizer"],
                "tokenizer_sha256": card["tokenizer_sha256"],
                **{key: card["generator"][key] for key in ("window", "bit_depths", "labels")},
                "sha256": card["sha256"],
                "folder": str(folder),
            }
        )
    return facts


def _tokenizers() -> list[dict[str, Any]]:
    from ..codec import default_quality, read_rate_points
    from ..tokenizer import list_models, load_tokenizer

    facts: list[dict[str, Any]] = []
    for name in list_models():
        tokenizer = load_tokenizer(name)
        config = tokenizer.config
        levels = read_rate_points(tokenizer.folder, len(config.bit_depths))
        facts.append(
            {
                "name": name,
                "kind": config.kind,
                "strides": config.strides,
                "bits_per_token": config.bits_per_token,
                "bit_depths": config.bit_depths,
                "qualities": [
                    {
                        "scale": level.scale,
                        "layers": level.num_layers,
                        "default": number == default_quality(levels),
                    }
                    for number, level in enumerate(levels)
                ],
                "sha256": tokenizer.sha256,
                "folder": str(tokenizer.folder),
            }
        )
    return facts
