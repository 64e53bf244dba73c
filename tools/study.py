"""`mgv study`: make a preference study of a run, serve it, read its results, try it with simulated raters."""

import dataclasses
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import FiniteRange, as_json, make_folder, progress_bar, require

if TYPE_CHECKING:
    from ..eval.study.store import Store

_study = click.argument("study_name", metavar="STUDY")
_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
_force = click.option("-f", "--force", is_flag=True, help="Replace existing files.")
_MIN_TOKEN_LETTERS = 16


@click.group()
def study() -> None:
    """Ask people which of two decodings looks better.

    STUDY is an SQLite file, or the URL of a PostgreSQL database (postgresql://user@host/name; its password from
    PGPASSWORD or ~/.pgpass). All but `settings` needs the extra: pip install 'mgv[web]'.
    """


@study.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o", "--output", "study_name", required=True, metavar="STUDY", help="New SQLite file, or database URL."
)
@click.option(
    "-s",
    "--settings",
    "settings_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML as `mgv study settings` prints it.",
)
@_json
def create(run: Path, study_name: str, settings_path: Path | None, json_wanted: bool) -> None:
    """Choose clips, codecs and matched rates of RUN, a folder of `mgv rd`, and render them for the browser."""
    from ..eval.rd import open_run
    from ..eval.study import STORE_MODULES, Settings, read_settings, require_modules

    require_modules(STORE_MODULES)
    from ..eval.study.create import create_study

    settings = read_settings(settings_path) if settings_path else Settings()
    with progress_bar("create", unit="stimulus") as progress:
        matching = create_study(open_run(run), study_name, settings, progress=progress)
    spreads = [group.spread for group in matching.groups]
    facts = {
        "clips": len({group.clip for group in matching.groups}),
        "rates_bpp": matching.rates_bpp,
        "matched": [
            (g.clip, matching.rates_bpp[g.rate], [p.codec for p in g.points], g.spread)
            for g in matching.groups
        ],
        "left_out": matching.left_out,
    }
    if json_wanted:
        click.echo(as_json(facts))
        return
    rates = ", ".join(f"{rate:.4g}" for rate in matching.rates_bpp)
    click.echo(
        f"{_shown(study_name)}: {facts['clips']} clips about {rates} bpp; bytes of two sides differ by at most "
        f"{max(spreads):.1%} (tolerance {settings.selection.tolerance:.0%})"
    )
    for line in matching.left_out:
        click.echo(f"left out: {line}")


@study.command()
@_study
@click.option(
    "--address", default="127.0.0.1", show_default=True, help="To listen at; other than loopback: anyone."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
)
@click.option("--host-name", "host_names", multiple=True, help="Name under which raters reach the page.")
@click.option(
    "--behind-proxy", is_flag=True, help="A proxy on this machine ends https and tells clients' addresses."
)
@click.option(
    "--admin-token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the token of /admin; a new one is drawn and printed otherwise.",
)
def serve(
    study_name: str,
    address: str,
    port: int,
    host_names: tuple[str, ...],
    behind_proxy: bool,
    admin_token_file: Path | None,
) -> None:
    """Serve the page of STUDY to raters until interrupted. Every vote is on disk before the next pair is shown."""
    from ..eval.study import SERVER_MODULES, require_modules

    require_modules(SERVER_MODULES)
    from ..eval.study.web.serve import serve as serve_study

    token = secrets.token_urlsafe(32)
    if admin_token_file:
        token = admin_token_file.read_text("utf-8").strip()
        require(
            len(token) >= _MIN_TOKEN_LETTERS,
            f"{admin_token_file}: a token has {_MIN_TOKEN_LETTERS} letters or more",
        )
    store = _open(study_name)

    def tell(port: int) -> None:
        host = f"[{address}]" if ":" in address else address
        click.echo(f"raters: http://{host}:{port}/")
        click.echo(f"results: http://{host}:{port}/admin (the password is the admin token)")
        if not admin_token_file:
            click.echo(f"admin token: {token}")
        sys.stdout.flush()

    serve_study(
        store,
        token,
        address=address,
        port=port,
        host_names=host_names,
        behind_proxy=behind_proxy,
        on_ready=tell,
    )


@study.command()
@_study
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for all files."
)
@_force
@_json
def results(study_name: str, output: Path | None, force: bool, json_wanted: bool) -> None:
    """Screen raters and rank codecs: Elo, Bradley-Terry with ties, intervals, significance.

    With --output, also results.json, CSV, pictures (Elo against bpp) and report.html.
    """
    from ..eval.study.report import results_json, write_results
    from ..eval.study.results import compute_results

    found = compute_results(_open(study_name))
    if output is not None:
        make_folder(output)
        for path in write_results(found, output, force=force):
            click.echo(path, err=json_wanted)
    if json_wanted:
        click.echo(results_json(found), nl=False)
        return
    for line in found.statements:
        click.echo(f"note: {line}")
    counts = found.counts
    click.echo(f"{counts.raters_counted} of {counts.raters} raters and {counts.counted} answers count")
    for ranking in (found.codecs, *found.per_rate, found.overall):
        click.echo(f"\n{ranking.title}: {ranking.num_games} answers")
        for line in ranking.statements:
            click.echo(f"  note: {line}")
        for s in ranking.standings:
            score = f"{s.bradley_terry:5.0f} [{s.bradley_terry_low:.0f}, {s.bradley_terry_high:.0f}]"
            games = f"won {s.num_wins}, tied {s.num_ties}, lost {s.num_losses}"
            click.echo(f"  {s.name:24} Bradley-Terry {score}  Elo {s.elo:5.0f}  {games}")
    for rater in found.raters:
        if rater.reasons:
            click.echo(f"left out: {rater.rater}: {'; '.join(rater.reasons)}")


@study.command()
@click.argument("study_name", metavar="[STUDY]", required=False)
def settings(study_name: str | None) -> None:
    """Print the settings of STUDY, or the defaults, as TOML."""
    from ..eval.study import Settings, settings_to_toml

    click.echo(settings_to_toml(_open(study_name).settings if study_name else Settings()), nl=False)


@study.command()
@_study
@click.option("--rater", help="Only what is stored of this one, as JSON.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File; stdout by default."
)
@_force
def export(study_name: str, rater: str | None, output: Path | None, force: bool) -> None:
    """Give out every vote as CSV, or one rater's data as JSON."""
    from ..codec import atomic_output

    store = _open(study_name)
    from ..eval.study.raters import VOTE_COLUMNS, export_rater, vote_as_dict
    from ..eval.study.report import table_csv
    from ..eval.study.votes import read_votes

    if rater:
        text = as_json(export_rater(store, rater)) + "\n"
    else:
        with store.reading() as connection:
            text = table_csv([vote_as_dict(vote) for vote in read_votes(connection)], VOTE_COLUMNS)
    if output is None:
        click.echo(text, nl=False)
        return
    with atomic_output(output, force=force) as file:
        file.write(text.encode())


@study.command("delete-rater")
@_study
@click.argument("rater")
def delete_rater(study_name: str, rater: str) -> None:
    """Delete all that STUDY holds of RATER, for good."""
    store = _open(study_name)
    from ..eval.study.raters import delete_rater as delete

    click.echo(f"{rater}: deleted, with {delete(store, rater)} votes")


@study.command()
@click.argument("study_name", metavar="[STUDY]", required=False)
@click.option("--raters", type=click.IntRange(1, 10000), default=200, show_default=True)
@click.option(
    "--concurrent", type=click.IntRange(1, 100), default=20, show_default=True, help="Raters at any time."
)
@click.option(
    "--questions", type=click.IntRange(4, 1000), default=60, show_default=True, help="Of a new study."
)
@click.option(
    "--cheaters", type=FiniteRange(0, 0.9), default=0.15, show_default=True, help="Share of raters."
)
@click.option(
    "--kills", type=click.IntRange(0, 20), default=1, show_default=True, help="Times to kill -9 the server."
)
@click.option(
    "--in-process", "num_studies", type=click.IntRange(min=1), help="So many small studies, without HTTP."
)
@click.option("--seed", type=int, default=0, show_default=True)
@_json
def simulate(  # noqa: PLR0913 - the options of the command
    study_name: str | None,
    raters: int,
    concurrent: int,
    questions: int,
    cheaters: float,
    kills: int,
    num_studies: int | None,
    seed: int,
    json_wanted: bool,
) -> None:
    """Let simulated raters of known preferences take STUDY over HTTP, on loopback; count lost and doubled votes.

    STUDY is made of synthetic clips if it is not there; one that is there must be without raters, and is marked as
    simulated for good. With --in-process, no STUDY: many studies in memory tell how often intervals hold the truth.
    """
    from ..eval.study import CLIENT_MODULES, require_modules

    require(
        (study_name is None) == (num_studies is not None),
        "name a STUDY, or say how many with --in-process; not both",
    )
    require_modules(CLIENT_MODULES)
    from ..eval.study.simulation.coverage import CoverageReport, measure_coverage
    from ..eval.study.simulation.http_raters import TrafficReport, simulate_over_http
    from ..eval.study.simulation.people import Population
    from ..eval.study.simulation.setup import make_synthetic_study
    from ..eval.study.store import is_url

    population = Population(cheater_share=cheaters)
    report: CoverageReport | TrafficReport
    with progress_bar("simulate", unit="study" if num_studies else "vote") as progress:
        if study_name is None:
            report = measure_coverage(num_studies or 1, population=population, seed=seed, progress=progress)
        else:
            if not is_url(study_name) and not Path(study_name).exists():
                make_synthetic_study(study_name, per_rater=questions, seed=seed)
            report = simulate_over_http(
                study_name,
                num_raters=raters,
                concurrent=concurrent,
                num_kills=kills,
                population=population,
                seed=seed,
                progress=progress,
            )
    if json_wanted:
        click.echo(as_json(report))
        return
    for name, value in dataclasses.asdict(report).items():
        text = ", ".join(value) if isinstance(value, tuple) else f"{value:.5g}"
        click.echo(f"{name.replace('_', ' '):26} {text}")


def _open(study_name: str) -> "Store":
    from ..eval.study import STORE_MODULES, require_modules

    require_modules(STORE_MODULES)
    from ..eval.study.store import open_study

    return open_study(study_name)


def _shown(study_name: str) -> str:
    from ..eval.study.store import shown_name

    return shown_name(study_name)
