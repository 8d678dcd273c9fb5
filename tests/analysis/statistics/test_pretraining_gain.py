"""What pre-training cost and gained is told run by run, and claims about a method only from several runs."""

import json

import numpy as np
import polars as pl
import pytest

from analysis.report.figures import pretraining as figures
from analysis.report.figures.style import spec, svg
from analysis.report.results import Results
from analysis.report.sections import pretraining_runs
from analysis.statistics.pretraining_gain import Gain, collapse, gains, probed, runs, scaled
from analysis.tables import StudyTables

STEPS = (0, 10, 20)


def section(rows):
    study = StudyTables(*([pl.DataFrame()] * 5), pretraining=rows)
    return pretraining_runs.section(Results(study, "/nowhere", {}, [], {}, "auc", "scratch"))


def run(init, seed, start=0.6, end=0.7, **last):
    """Three logged rows, probed at both ends; `last` changes the last one."""
    rows = []
    for step in STEPS:
        ridge, knn = {0: start, 20: end}.get(step), {0: 0.5, 20: 0.55}.get(step)
        probes = {"covid": {"knn": knn, "ridge": ridge}, "organs": {"knn": knn, "ridge": ridge}} if ridge else None
        rows.append({
            "key": f"{init}-{seed}-{step}", "initialisation": init, "method": "spark", "pretrain_seed": seed,
            "step": step, "images": step * 32, "views": step * 64, "pixels": step * 10**8, "flops": step * 1e17,
            "device_seconds": step * 2.0, "peak_memory": 5 * 10**9, "loss_over_trivial": 0.5 if step else None,
            "spread": 0.8 if step else None, "rank": 20.0 if step else None, "probe_ridge": ridge,
            "probes": json.dumps(probes) if probes else None, "lr": 0.1 / (step + 1),
            "schedule": json.dumps({"lr": 0.1, "weight_decay": 0.05, "momentum": 0.99 + step / 1e4}),
        })  # fmt: skip
    rows[-1] |= last
    return rows


@pytest.fixture
def rows_of(make):
    return lambda *each: make.study(pretraining=[row for rows in each for row in rows]).pretraining


def only(rows):
    (found,) = runs(rows).values()
    return found


def test_a_run_is_told_in_one_line(rows_of):
    page = section(rows_of(run("spark_long", 1)))
    for told in (
        "spark_long",
        ">spark<",
        ">640<",
        "1.28 k",
        "2 G",
        "2 E",
        ">40<",
        "5 GB",
        "0.600 \N{RIGHTWARDS ARROW} 0.700",
    ):
        assert told in page, told
    assert "0.500 \N{RIGHTWARDS ARROW} 0.550 (+0.050)" in page and "(+0.100)" in page and "none seen" in page
    assert "Warning" not in page


def test_one_run_has_a_gain_and_the_words_why_it_has_no_interval(rows_of):
    page = section(rows_of(run("a", 0)))
    assert page.count("none: one run has no variance between runs") == 2 and "too few runs (1)" in page


def test_a_warning_stands_aloud_above_the_tables_with_the_run_that_it_is_of(rows_of):
    page = section(rows_of(run("a", 0), run("b", 1, warning="the embeddings hardly <differ>")))
    aloud = "Warning: b, seed 1, ended with a sign of collapse: the embeddings hardly &lt;differ&gt;."
    assert page.startswith(f'<p class="warn">{aloud}</p><div') and page.count('class="warn"') == 1


def test_runs_without_a_probe_are_named(rows_of):
    bare = [row | {"probes": None} for row in run("bare", 0)]
    page = section(rows_of(bare, run("a", 0)))
    assert "No run of bare was probed both before" in page and page.count("not probed at both ends") == 2
    assert "No run of bare was probed" in section(rows_of(bare))


def test_a_ledger_of_before_is_told_by_its_methods(rows_of):
    old = [row | dict.fromkeys(("initialisation", "pixels", "flops", "probes", "schedule")) for row in run("x", 0)]
    rows = rows_of(old)
    assert list(runs(rows)) == [("spark", 0)] and collapse(only(rows)) == "not recorded"
    assert "spark" in section(rows) and figures.pretraining(rows) is not None


def test_collapse_is_said_in_the_runs_own_words_and_silence_is_not_health(rows_of):
    assert collapse(only(rows_of(run("a", 0)))) == "none seen"
    assert collapse(only(rows_of(run("a", 0, warning="it shrank")))) == "Warning: it shrank"
    mended = run("a", 0)
    mended[1]["warning"] = "it shrank"
    assert collapse(only(rows_of(mended))) == "none at the end, but until 320 images: it shrank"
    unknown = run("a", 0, loss_over_trivial=None, spread=None, rank=None)
    assert collapse(only(rows_of(unknown))) == "not recorded"


def test_a_gain_is_over_the_same_run_before_its_first_step_and_over_tasks_probed_at_both_ends(rows_of):
    rows = run("a", 0)
    rows[-1]["probes"] = json.dumps({"covid": {"knn": 0.5, "ridge": 0.9}, "organs": {"knn": None, "ridge": None}})
    found = probed(only(rows_of(rows)))
    assert found.start == pytest.approx(0.6) and found.gain == pytest.approx(0.3)
    assert probed(only(rows_of(rows[1:]))) is None and probed(only(rows_of(rows[:2]))) is None


def test_the_interval_of_a_mean_gain_is_students_over_runs(rows_of):
    ends = [0.72, 0.70, 0.75]
    rows = rows_of(*(run("a", seed, end=end) for seed, end in enumerate(ends)), run("b", 0))
    assert gains(rows)["b"] == Gain(pytest.approx(0.1), 1)
    gain = gains(rows)["a"]
    values = np.array(ends) - 0.6
    half = 4.302652729911275 * values.std(ddof=1) / np.sqrt(3)  # t of 0.975 with two degrees of freedom
    assert (gain.runs, gain.mean) == (3, pytest.approx(values.mean()))
    assert (gain.low, gain.high) == (pytest.approx(values.mean() - half), pytest.approx(values.mean() + half))
    assert gain.verdict == "yes"
    page = section(rows)
    assert f">{gain.low:+.3f} to {gain.high:+.3f}<" in page, "what is computed is what is told"
    assert "beats the untrained encoder" in page and "new pre-training runs on this corpus" in page


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [
        (Gain(0.1, 3, 0.01, 0.19), "yes"),
        (Gain(0.1, 3, -0.01, 0.21), "not shown"),
        (Gain(-0.1, 3, -0.2, -0.01), "not shown"),
        (Gain(0.1, 3), "not shown"),
        (Gain(0.1, 2, 0.05, 0.15), "too few runs (2)"),
    ],
)
def test_a_verdict_takes_three_runs_and_an_interval_above_zero(gain, verdict):
    assert gain.verdict == verdict


def test_equal_runs_give_no_interval(rows_of):
    page = section(rows_of(*(run("a", seed) for seed in range(3))))
    assert "none: the runs do not differ" in page and "not shown" in page


def panels(rows):
    """Each panel's layers by title and axis, the data of a layer beside it."""
    drawn = spec(figures.pretraining(rows))
    found = {}
    for panel in drawn["concat"]:
        lines = panel["layer"][-1]
        lines = lines["layer"][-1] if "layer" in lines else lines
        title = lines.get("title") or panel.get("title")
        found[title, lines["encoding"]["x"]["title"]] = panel
    return found


def test_the_figure_has_a_panel_a_quantity_and_the_probe_under_two_budgets(rows_of):
    drawn = panels(rows_of(run("a", 0), run("a", 1), run("b", 0)))
    seen = "source images seen"
    assert set(drawn) == {
        ("ridge probe, AUC", seen), ("ridge probe, AUC", "device seconds"), ("loss / trivial loss", seen),
        ("embedding spread", seen), ("effective rank", seen), ("learning rate", seen), ("momentum", seen),
    }, "weight decay does not change"  # fmt: skip
    by_time = json.dumps(drawn["ridge probe, AUC", "device seconds"])
    points = [(name, seed, x) for name, seed in (("a", 0), ("a", 1), ("b", 0)) for x in (0.0, 40.0)]
    found = [(v["initialisation"], v["seed"], v["x"]) for v in _values(json.loads(by_time)) if "x" in v]
    assert sorted(found) == sorted(points)
    assert [v["level"] for v in _values(json.loads(by_time)) if "level" in v] == [pytest.approx(0.6)], "untrained"
    legend = svg(figures.pretraining(rows_of(run("a", 0), run("b", 0))))
    assert legend.count(">a</text>") == legend.count(">b</text>") == 1


def _values(part):
    own = part.get("data", {}).get("values", [])
    return own + [value for layer in part.get("layer", []) for value in _values(layer)]


def test_what_was_not_recorded_has_no_panel_and_no_rows_no_figure(rows_of, make):
    bare = [row | dict.fromkeys(("probe_ridge", "probes", "schedule")) for row in run("a", 0)]
    assert len(panels(rows_of(bare))) == 4
    assert figures.pretraining(make.study().pretraining) is None


@pytest.mark.parametrize(
    ("value", "told"), [(0, "0"), (999, "999"), (999.7, "1 k"), (1234, "1.23 k"), (2.5e18, "2.5 E"), (None, "-")]
)
def test_large_numbers_are_scaled(value, told):
    assert scaled(value) == told
