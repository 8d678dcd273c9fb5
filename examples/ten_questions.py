"""Ten questions that one asks of a study, each answered by a table and a sentence: a marimo notebook.

pip install 'labelcurve[notebook]'
marimo edit examples/ten_questions.py -- --results results/lungs             # in the browser
python examples/ten_questions.py --results results/lungs                     # as text
marimo export html examples/ten_questions.py -o answers.html -- --results results/lungs
"""

import marimo

app = marimo.App(width="medium", app_title="Ten questions")


@app.cell
def _():
    import marimo as mo
    import polars as pl

    import analysis

    arguments = mo.cli_args()
    results = arguments.get("results") or "results"
    metric = arguments.get("metric") or "auc"
    wanted = float(arguments.get("score") or 0.85)
    study = analysis.open(results)

    def answer(question, sentence, table):
        """A question with its answer: shown in the browser, printed where there is none."""
        if mo.app_meta().mode == "script":
            with pl.Config(tbl_rows=12, tbl_hide_dataframe_shape=True, tbl_width_chars=160, fmt_str_lengths=60):
                print("", question, sentence, *([] if table.is_empty() else [table.head(12)]), sep="\n")
        return mo.vstack([mo.md(f"## {question}\n\n{sentence}"), mo.ui.table(table, selection=None)])

    mo.md(f"# {study.name}{' (imported predictions)' if study.imported else ''}: ten questions")
    return answer, metric, pl, study, wanted


@app.cell
def _(metric, pl, study):
    from analysis.statistics.label_efficiency import first_unit
    from study.vocabulary import SMALLER_IS_BETTER

    table = first_unit(study.label_efficiency(metrics=[metric]))
    apart = first_unit(study.differences(metric))
    best_first = metric not in SMALLER_IS_BETTER
    shown = ["task", "adaptation", "initialisation", "n_labels", "n_patients", "mean", "low", "high"]
    few = table.filter(pl.col("n_labels") == pl.col("n_labels").min().over("task", "adaptation", "test_set"))
    return apart, best_first, few, shown, table


@app.cell
def _(answer, apart, best_first, few, pl, shown):
    def _sentence():
        if few.is_empty():
            return "No final run has been completed yet."
        at_fewest = few.select("task", "adaptation", "size_kind", "size_value", "test_set").unique()
        told = apart.filter("separated").join(at_fewest, on=at_fewest.columns, how="semi")
        told = told.filter((pl.col("mean") > 0) == best_first)
        if told.is_empty():
            return "With the fewest labels no difference between initialisations is shown; the order may be chance."
        lines = [f"{r['initialisation']} is better than {r['against']} on {r['task']}" for r in told.to_dicts()]
        return f"With the fewest labels, {'; '.join(lines)}."

    answer(
        "1. Which initialisation with few labels?", _sentence(),
        few.sort("task", "adaptation", "mean", descending=[False, False, best_first]).select(shown),
    )  # fmt: skip
    return


@app.cell
def _(answer, metric, study, wanted):
    from analysis.statistics.label_efficiency import first_unit as _first_unit

    needed = _first_unit(study.labels_needed(wanted, metric=metric))
    answer(
        f"2. How many labels for a score of {wanted:g} ({metric})?",
        f"Of {len(needed)} curves, {needed['best'].is_not_null().sum()} cross that score between the fewest and the "
        "most labels that were tried.",
        needed.select("task", "adaptation", "initialisation", "answer", "best", "low", "high"),
    )  # fmt: skip
    return


@app.cell
def _(answer, pl, study):
    chosen = study.chosen()
    settings = [n for n in chosen.columns if n.startswith("hp_") and chosen[n].null_count() < len(chosen)]
    middle = [pl.col(n).median().alias(n.removeprefix("hp_")) for n in settings]
    answer(
        "3. Which hyperparameters were chosen?",
        f"{len(chosen)} cells: {chosen['selection'].is_in(['search', 'cv']).sum()} by a search, the others by default "
        "settings or elsewhere. Medians over cells:",
        chosen.group_by("adaptation", "task", "initialisation")
        .agg(pl.len().alias("cells"), pl.col("score").median(), *middle)
        .sort("adaptation", "task", "initialisation"),
    )
    return


@app.cell
def _(answer, pl, shown, table):
    with_interval = table.filter(pl.col("low").is_not_null())
    width = with_interval.select((pl.col("high") - pl.col("low")).median()).item()
    answer(
        "4. How sure are the scores?",
        f"{len(with_interval)} of {len(table)} points have a 95 % interval"
        + (f", of a median width of {width:.3f}." if width is not None else "."),
        table.select(*shown, "target", "reason", "n_draws"),
    )
    return


@app.cell
def _(answer, metric, pl, study):
    from analysis.statistics.label_efficiency import first_unit as _first_unit

    draws = _first_unit(study.more_draws([3, 5, 10, 20], metric=metric))
    total = draws.group_by("draws").agg(
        pl.median("width"), pl.mean("from_draws"), pl.mean("from_patients"), pl.mean("from_encoders")
    )
    most = total.sort("draws").tail(1)
    answer(
        "5. What would more draws give?",
        "Nothing can be said of one draw." if most.is_empty() else
        f"With {most['draws'][0]} draws a median width of {most['width'][0]:.3f}; {most['from_patients'][0]:.0%} of "
        "the variance would then be from the test patients, which no draw lowers.",
        total.sort("draws"),
    )  # fmt: skip
    return


@app.cell
def _(answer, study):
    patients = study.patients()
    answer(
        "6. Which patients are always wrong?",
        f"{patients['always_wrong'].sum()} of {len(patients)} test patients are predicted wrongly by every final run: "
        "look at their images and labels first.",
        patients,
    )
    return


@app.cell
def _(answer, pl, study):
    bins = study.calibration()
    gap = bins.group_by("task", "adaptation", "initialisation").agg(
        gap=((pl.col("predicted") - pl.col("observed")).abs() * pl.col("images")).sum() / pl.col("images").sum()
    )
    answer(
        "7. Do the probabilities come true?",
        "The gap is the mean distance between what was predicted and what was observed, over ten bins of all sizes "
        "together.",
        gap.sort("task", "adaptation", "gap"),
    )
    return


@app.cell
def _(answer, pl, study):
    cost = study.cost()
    known = cost["device_seconds"].drop_nulls()
    answer(
        "8. What did it cost?",
        f"{known.sum() / 3600:.2f} hours of computing in all." if len(known) else "No run recorded its time.",
        cost.with_columns((pl.col("device_seconds") / 3600).round(3).alias("hours")),
    )
    return


@app.cell
def _(answer, study):
    budget, pruned = study.budget(), study.pruned()
    missed = (pruned["regret"] > 0).sum()
    answer(
        "9. What did pruning do, and was every initialisation given the same budget?",
        f"{budget['pruned'].sum()} of {budget['trials'].sum()} trials were pruned; {missed} of the {len(pruned)} that "
        "were finished for the audit would have been chosen. Budgets are "
        f"{'even' if budget['even'].all() else 'uneven: see the column'}."
        if len(budget)
        else "No trial was run.",
        budget.drop("size_kind", "epochs"),
    )
    return


@app.cell
def _(answer, metric, pl, study):
    robust = study.robustness().filter(pl.col("metric") == metric)
    answer(
        "10. How robust are the scores to corruption?",
        "The study scored no corrupted images." if robust.is_empty() else
        f"The mean change is {robust['change'].mean():+.3f} over {robust['corruption'].n_unique()} corruptions.",
        robust.select("task", "initialisation", "size_value", "unit", "corruption", "severity", "clean", "corrupted",
                      "change", "runs"),
    )  # fmt: skip
    return


if __name__ == "__main__":
    app.run()
