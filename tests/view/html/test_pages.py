"""What is in a report, and that nothing of a run can act in it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.cli.report import report_command
from sparring.errors import ConfigError, RunError
from sparring.runs.groups import ROW
from sparring.runs.reader import open_run
from sparring.view.html import pages
from sparring.view.html.collect import collect
from sparring.view.html.compare import between, settings_apart
from sparring.view.html.overview import overview
from sparring.view.html.panels import PANELS, draw_panel
from sparring.view.html.tokens import TokenPieces
from tests.view.html.synthetic_runs import group, metrics, run

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> &lt; "
    "\x1b[31mred\x1b[0m \x00 \u202eevil\u2066 \ud800 \u2028 " + "9" * 30_000
)


@pytest.fixture(autouse=True)
def _few_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PANELS", (PANELS[0], PANELS[6]))  # drawing takes most of the time


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def blobs(page: Path) -> dict[str, Any]:
    """Everything the page has as data, by the id of its element."""
    found = re.findall(r'<script type="text/plain" id="([^"]+)">([^<]*)</script>', page.read_text())
    return {name: unpacked(data) for name, data in found}


def rows(main: dict[str, Any], number: int = 0) -> list[dict[str, Any]]:
    return [dict(zip(ROW, row, strict=True)) for _, here in main["groups"][number] for row in here]


def test_a_page_holds_the_groups_their_cells_and_the_curves(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["+++", "+?-"], 2, task="a"), group(["-+", "--"], 1)]] * 2)
    written = pages.write_file([made], tmp_path / "out.html")
    found = blobs(tmp_path / "out.html")
    main = found["data"]
    assert (written.groups, written.detailed) == (4, 4)
    first, second, *_ = rows(main)
    assert (first["task"], first["programs"], first["correct"], first["masked"]) == ("a", 2, 1, 1)
    assert (first["unknown"], first["accepted"]) == (1, 1)
    assert (second["correct"], second["accepted"]) == (0, None)
    assert second["tester_dropped"] == "no_label"
    detail = found["g-0-1-0"]
    assert [c["kind"] for c in detail["columns"]] == ["ground_truth"] * 2 + ["generated"]
    assert [c[0] for c in detail["rows"][1]["cells"]] == ["accepted", "infra", "wrong_answer"]
    assert detail["rows"][0]["cells"][0][2] == 0.001
    assert "<svg" in (tmp_path / "out.html").read_text()
    assert [a["first"] for a in main["runs"][0]["alarms"]] == [1]


def test_nothing_of_a_hostile_run_is_markup(tmp_path: Path) -> None:
    made = run(
        tmp_path / "<script>alert(3)<", [[group(["++", "--"], 1, task=HOSTILE, text=HOSTILE)]],
        HOSTILE,
    )  # fmt: skip
    page = tmp_path / "out.html"
    pages.write_file([made], page)
    text = page.read_text()
    assert "alert(" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    # our own script, and data: nothing else opens or closes a script
    opened = re.findall(r"<script[^>]*>", text)
    assert opened == [
        '<script type="text/plain" id="data">',
        '<script type="text/plain" id="g-0-1-0">',
        "<script>",
    ]
    assert text.count("</script>") == 3
    # and it is all there to be looked at, cut where it is too long
    shown = blobs(page)["g-0-1-0"]["statement"]
    assert shown.startswith(HOSTILE[:1000])
    assert len(shown) < pages.KEPT + 100
    assert "characters more in the run" in shown


def test_the_policy_allows_the_pages_own_script_and_no_connection(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["+"], 1)]])
    pages.write_file([made], tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}';")
    assert not re.findall(r"https?://(?!www\.w3\.org/)", text)  # but for SVG's name spaces


def test_details_are_spread_over_the_run_within_the_budget(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1, task=f"{k}") for k in range(5)]] * 20)
    whole = pages.write_file([made], tmp_path / "whole.html")
    blob = len(re.findall(r'id="g-0-1-0">([^<]*)<', (tmp_path / "whole.html").read_text())[0])
    part = pages.write_file([made], tmp_path / "part.html", budget=int(blob * 20 * 1.2))
    assert (whole.detailed, part.groups) == (100, 100)
    there = {tuple(k.split("-")) for k in blobs(tmp_path / "part.html") if k != "data"}
    assert {int(step) for _, _, step, _ in there} == set(range(1, 21))
    assert part.detailed < 30
    assert rows(blobs(tmp_path / "part.html")["data"]) == rows(
        blobs(tmp_path / "whole.html")["data"]
    )


def test_a_folder_has_a_page_for_each_step_and_every_group(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1)] * 3] * 2)
    out = tmp_path / "out"
    written = pages.write_folder([made], out)
    assert sorted(p.name for p in out.iterdir()) == [
        "index.html", "step-00001.html", "step-00002.html",
    ]  # fmt: skip
    assert (written.groups, written.detailed) == (6, 6)
    assert len(blobs(out / "step-00002.html")) == 4
    pages.write_folder([made], out)  # a report may be written again
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="not empty"):
        pages.write_folder([made], tmp_path / "mine")


def test_a_run_that_was_cut_off_opens_with_notes(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1)]] * 3)
    with (made / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "tok')
    (made / "rollouts" / "step-00002.jsonl.gz").write_bytes(b"\x1f\x8b torn")
    (made / "usage" / "step-00003.jsonl.gz").write_bytes(b"")
    damaged = gzip.compress(b'{"step": 4, "task": {"id": "x"}}\n')
    (made / "rollouts" / "step-00004.jsonl.gz").write_bytes(damaged)
    written = pages.write_file([made], tmp_path / "out.html")
    main = blobs(tmp_path / "out.html")["data"]
    assert written.groups == 2
    assert main["runs"][0]["state"].startswith("not finished: 3 of ")
    notes = "\n".join(main["runs"][0]["notes"])
    for part in ("step-00002.jsonl.gz", "CPU times of this step", "rollouts of step 4, group 0"):
        assert part in notes


def test_a_run_that_has_only_begun_opens(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [])
    for name in ("metrics.jsonl", "evaluations.jsonl", "timing.jsonl"):
        (made / name).unlink(missing_ok=True)
    assert pages.write_file([made], tmp_path / "out.html").groups == 0
    main = blobs(tmp_path / "out.html")["data"]
    assert main["runs"][0]["state"] == "no step completed yet"
    assert main["charts"] == []


def test_a_run_of_another_version_opens_as_far_as_it_can(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1)]])
    recipe = json.loads((made / "recipe.json").read_text())
    recipe["reward"] = {"tester": "of a later version"}
    recipe["model"] = "nano"
    (made / "recipe.json").write_text(json.dumps(recipe))
    with (made / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "pass@1": NaN}\n')
    pages.write_file([made], tmp_path / "out.html")
    found = blobs(tmp_path / "out.html")
    assert found["g-0-1-0"]["rows"][0]["terms"] == []
    assert found["data"]["metrics"][0]["2"]["pass@1"] is None
    with (made / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "alarms": [{"name": "x"}]}\n')
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        pages.write_file([made], tmp_path / "out.html")


def test_a_directory_without_a_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run"):
        pages.write_file([tmp_path], tmp_path / "out.html")
    made = run(tmp_path / "r", [])
    with pytest.raises(ConfigError, match="is a directory"):
        pages.write_file([made], tmp_path)
    (tmp_path / "mine.html").write_text("<p>mine")
    with pytest.raises(ConfigError, match="exists and is no report"):
        pages.write_file([made], tmp_path / "mine.html")
    with pytest.raises(ConfigError, match="at most 6"):
        pages.write_file([made] * 7, tmp_path / "out.html")


def test_runs_side_by_side_have_their_differences(tmp_path: Path) -> None:
    a = run(tmp_path / "a", [[group(["++", "--"], 1)]])
    b = run(tmp_path / "b", [[group(["++", "--"], 1)]] * 3)
    recipe = json.loads((b / "recipe.json").read_text())
    recipe["training"]["seed"] = 77
    (b / "recipe.json").write_text(json.dumps(recipe))
    one, other = collect(a), collect(b)
    assert [row[0] for row in settings_apart([one, other])] == ["training.seed"]
    found = between(one, other)  # no values by task are on disk: not paired, and no interval
    assert found["paired"] is False
    assert found["differences"]["pass@1"]["mean"] == pytest.approx(0.02)
    assert found["differences"]["pass@1"]["low"] is None


def test_a_chart_follows_the_pages_colours_and_is_the_same_each_time() -> None:
    panel = next(p for p in PANELS if p.key == "batch")
    lines = [metrics(s) for s in range(1, 30)]
    one, again = draw_panel(panel, [lines, lines[:5]]), draw_panel(panel, [lines, lines[:5]])
    assert one is not None
    assert again is not None
    assert one.svg == again.svg
    for name in ("ink-2", "line", "run-0", "run-1"):
        assert f"var(--{name})" in one.svg
    assert "<style" not in one.svg
    assert draw_panel(panel, [[], []]) is None


def test_token_pieces_join_to_the_text(tmp_path: Path) -> None:
    pieces = TokenPieces.of_run(None, "nano")
    if pieces is None:
        pytest.skip("tokenizers is not installed")
    made = run(tmp_path / "r", [])
    assert collect(made).pieces is not None
    ids = list(range(3, 60))
    cut = pieces.cut(ids)
    assert "".join(t for t, _ in cut) == pieces.text(ids)
    assert sum(n for _, n in cut) == len(ids)
    assert TokenPieces.of_run(None, str(tmp_path)) is None


def test_reading_changes_nothing_in_a_run(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1)]])
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    pages.write_file([made], tmp_path / "out.html")
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before
    assert open_run(made).steps("rollouts", ".jsonl.gz") == [1]


@pytest.mark.parametrize(
    ("started", "found", "command"),
    [
        ("/v/bin/sparring", "/v/bin/sparring", "sparring report 'runs/my run'"),
        ("/v/bin/sparring", None, "/v/bin/sparring report 'runs/my run'"),
        ("/v/site/sparring/cli/__main__.py", None, "python -m sparring.cli report 'runs/my run'"),
    ],
)
def test_the_command_that_training_ends_with_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, started: str, found: str | None, command: str
) -> None:
    monkeypatch.setattr("sys.argv", [started, "train"])
    monkeypatch.setattr("shutil.which", lambda name: found)
    assert report_command(Path("runs/my run")) == command


def test_the_command_writes_a_report_and_says_how_large(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["++", "--"], 1)]])
    result = CliRunner().invoke(app, ["report", str(made), "-o", str(tmp_path / "out.html")])
    assert result.exit_code == 0, result.output
    assert "1 group, all with their matrix" in result.output
    result = CliRunner().invoke(
        app, ["report", str(made), "--full", "-o", str(tmp_path / "folder")]
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "folder" / "index.html").exists()


def test_a_run_with_a_reward_of_ones_own_shows_no_built_in_settings(tmp_path: Path) -> None:
    made = run(tmp_path / "r", [[group(["+++", "+?-"], 2)]])
    shown = [dict(overview(collect(made))["facts"]), overview(collect(made))["reward"]]
    assert shown[0]["tester's reward"] == "cure"
    assert shown[1]["validity_bonus"] == 0.0
    recipe = json.loads((made / "recipe.json").read_text())
    recipe["reward"]["function"] = "mine.py:reward"
    (made / "recipe.json").write_text(json.dumps(recipe))
    told = overview(collect(made))
    facts = dict(told["facts"])
    assert facts["both rewards, a function"] == "mine.py:reward"
    assert "tester's reward" not in facts
    assert told["reward"]["function"] == "mine.py:reward"
    assert not {"coder", "tester", "validity_bonus", "smoothing"} & told["reward"].keys()
    assert told["reward"]["normalisation"] == "std"  # is in force all the same
