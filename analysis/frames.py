"""A study's results for analysts: tables as lazy Polars frames, and the answers that the analysis draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from analysis import views
from analysis.questions import predictions, searches, spending
from analysis.questions.columns import described
from analysis.questions.precision import labels_needed, more_draws
from analysis.statistics.differences import differences
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.points import METRICS, Placed, points
from analysis.tables import TABLES, StudyTables, openings
from study.ledger import find_root, scan
from study.ledger.scan import schema
from study.storage import Storage

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Study:
    """One study's results. Tables are LazyFrames of the rows that are committed by the time of a query; answers are
    computed when they are asked for, from the final runs that may be compared (see ``analysis.tables.compared``).

    A damaged file is refused by the query that reads it: ``study.errors.Damaged`` names it and what to do.

    >>> study = analysis.open(results)
    >>> study.finals.select("initialisation", "n_train", "draw").head(2).collect().rows()
    [('scratch', 18, 0), ('scratch', 18, 0)]
    """

    def __init__(self, results: str | Path) -> None:
        self._storage = Storage(find_root(results))

    def __repr__(self) -> str:
        return f"Study({self.root!r})"

    @property
    def root(self) -> str:
        """The study's folder, a path or URL.

        >>> analysis.open(results).root == str(results)
        True
        """
        return self._storage.root

    @property
    def name(self) -> str:
        """The study's name.

        >>> analysis.open(results).name
        'made'
        """
        return str(self.spec.get("name") or self.root.rpartition("/")[2])

    @property
    def spec(self) -> dict[str, Any]:
        """The resolved study file that the results were last run with, as plain values.

        >>> analysis.open(results).spec["name"]
        'made'
        """
        latest = max(name for name in self._storage.list("spec") if name.endswith(".yaml"))
        return yaml.safe_load(self._storage.read_bytes(latest)) or {}

    @property
    def imported(self) -> bool:
        """Whether the predictions were made elsewhere and imported.

        >>> analysis.open(results).imported
        False
        """
        return bool(self.spec.get("imported"))

    @property
    def finals(self) -> pl.LazyFrame:
        """A row a final run: factors, setting, cost and provenance.

        >>> analysis.open(results).finals.select(pl.len()).collect().item()
        216
        """
        return self._scan("finals")

    @property
    def trials(self) -> pl.LazyFrame:
        """A row a trial: factors, setting, status and validation score; no column is of a test set.

        >>> trials = analysis.open(results).trials
        >>> trials.group_by("status").len().sort("status").collect().rows()
        [('completed', 108), ('pruned', 108)]
        """
        return self._scan("trials")

    @property
    def scores(self) -> pl.LazyFrame:
        """A final run's scores: a row a test set, unit and metric.

        >>> study = analysis.open(results)
        >>> best = study.scores.join(study.finals, on="key").group_by("task").agg(pl.max("value"))
        >>> best.collect_schema().names()
        ['task', 'value']
        """
        return self._scan("scores")

    @property
    def predictions(self) -> pl.LazyFrame:
        """A prediction of a final run for every validation and test image; ``judged`` puts factors beside them.

        >>> analysis.open(results).predictions.select("key", "sample", "labels", "p").collect_schema()["p"]
        List(Float32)
        """
        return self._scan("predictions")

    @property
    def curves(self) -> pl.LazyFrame:
        """A metric after an epoch of a trial or a final run.

        >>> curves = analysis.open(results).curves
        >>> curves.filter(pl.col("metric") == "auc").select(pl.max("epoch")).collect().item()
        20
        """
        return self._scan("curves")

    @property
    def pretraining(self) -> pl.LazyFrame:
        """A logged step of a pre-training run: loss, probes, cost.

        >>> analysis.open(results).pretraining.select(pl.col("method").unique().sort()).collect()["method"].to_list()
        ['moco_v2', 'spark']
        """
        return self._scan("pretraining")

    @property
    def attempts(self) -> pl.LazyFrame:
        """Trials and final runs that were set aside to be run again.

        >>> analysis.open(results).attempts.collect().height
        0
        """
        return self._scan("attempts")

    @property
    def rejects(self) -> pl.LazyFrame:
        """Files that ingest could not use, and why.

        >>> analysis.open(results).rejects.collect().columns
        ['digest', 'reason', 'series', 'source']
        """
        return self._scan("rejects")

    @property
    def test_openings(self) -> pl.DataFrame:
        """How many final runs, superseded ones included, were scored on each test set.

        >>> analysis.open(results).test_openings.rows()
        [('covid', 'test', 108), ('organs', 'test', 108)]
        """
        return openings(self.finals.select("key", "task").collect(), self.scores.select("key", "test_set").collect())

    @staticmethod
    def columns(table: str) -> pl.DataFrame:
        """column, type, unit, meaning of a table or an answer: what docs/RESULTS.md says of it.

        >>> analysis.open(results).columns("scores").rows()[-1]
        ('value', 'Float64', '', "the metric's value, null where it is not defined")
        """
        return described(table)

    def label_efficiency(self, *, metrics: Sequence[str] = METRICS) -> pl.DataFrame:
        """The points of all curves: each initialisation at each size, with its interval and what that speaks of.

        >>> table = analysis.open(results).label_efficiency(metrics=["auc"])
        >>> few = table.filter(task="covid", adaptation="linear", n_labels=24)
        >>> few.sort("mean", descending=True)["initialisation"][0]
        'spark'
        """
        return label_efficiency(self._points(tuple(metrics)))

    def differences(self, metric: str = "auc") -> pl.DataFrame:
        """Paired differences of every two initialisations at every size, one by one and as a family.

        >>> table = analysis.open(results).differences()
        >>> table.filter(initialisation="spark", against="scratch")["mean"].min() > 0
        True
        """
        return differences(self._points((metric,)), metric=metric)

    def labels_needed(self, score: float, *, metric: str = "auc") -> pl.DataFrame:
        """With how many labels each initialisation reaches a score, between the fewest and the most that were tried.

        >>> table = analysis.open(results).labels_needed(0.6)
        >>> table.filter(task="covid", adaptation="linear").select("initialisation", "fewest", "most").rows()[0]
        ('moco_v2', 24.0, 192.0)
        """
        return labels_needed(self._points((metric,)), score)

    def more_draws(self, draws: Sequence[int] = (3, 5, 10, 20), *, metric: str = "auc") -> pl.DataFrame:
        """How wide each interval would be with other numbers of draws, and what else it is wide from.

        >>> table = analysis.open(results).more_draws([3, 10])
        >>> wide = dict(table.group_by("draws").agg(pl.mean("width")).iter_rows())
        >>> wide[10] < wide[3]
        True
        """
        return more_draws(self._points((metric,)), draws)

    def chosen(self) -> pl.DataFrame:
        """The setting that each cell's final runs were given, how it was found and its score in the search.

        >>> analysis.open(results).chosen().select("selection", "selected_trial", "score").unique().rows()
        [('search', 2, 0.7)]
        """
        return searches.chosen(self._finals(), self.trials)

    def budget(self) -> pl.DataFrame:
        """What the searches spent by initialisation and size, and whether all initialisations were given alike.

        >>> analysis.open(results).budget().select("least", "most", "pruned", "even").unique().rows()
        [(2, 2, 3, True)]
        """
        return searches.budget(self.trials)

    def pruned(self) -> pl.DataFrame:
        """The pruned trials that were finished for the audit, beside the best trial of their cell.

        >>> analysis.open(results).pruned().columns[-4:]
        ['pruned_at', 'audit_score', 'best', 'regret']
        """
        return searches.pruned(self.trials)

    def judged(self) -> pl.LazyFrame:
        """Each prediction of the compared final runs with the run's factors and labels, and whether it is right.

        >>> rows = analysis.open(results).judged().filter(pl.col("split") == "test")
        >>> rows.group_by("initialisation").agg(pl.mean("wrong")).sort("wrong").collect()["initialisation"].to_list()
        ['spark', 'moco_v2', 'scratch']
        """
        return predictions.judged(self._finals(), self.predictions)

    def patients(self, *where: pl.Expr) -> pl.DataFrame:
        """How often each test patient is predicted wrongly, over all compared final runs; the worst come first.

        where: conditions on the columns of ``judged``, to count some runs alone.

        >>> study = analysis.open(results)
        >>> worst = study.patients(pl.col("initialisation") == "spark", pl.col("size_value") == 1).head(1)
        >>> worst.select("images", "runs", wrong=pl.col("wrong").round(2)).rows()
        [(2, 12, 0.96)]
        """
        return predictions.patients(self.judged().filter(*where))

    def calibration(self, *where: pl.Expr, bins: int = 10) -> pl.DataFrame:
        """Whether predicted probabilities come true, in bins of equal width.

        where: conditions on the columns of ``judged``, to count some runs alone.

        >>> table = analysis.open(results).calibration(pl.col("task") == "covid", bins=4)
        >>> table["bin"].unique().sort().to_list()
        [0.0, 0.25, 0.5, 0.75]
        """
        return predictions.calibration(self.judged().filter(*where), bins=bins)

    def cost(self) -> pl.DataFrame:
        """What each initialisation took, by phase.

        >>> table = analysis.open(results).cost()
        >>> table.filter(initialisation="scratch").select("phase", "runs").rows()
        [('trials', 72), ('finals', 72)]
        """
        return spending.cost(self.pretraining, self.trials, self.finals)

    def robustness(self) -> pl.DataFrame:
        """Scores under each corruption beside those without; no row where the study applied none.

        >>> analysis.open(results).robustness().columns[-4:]
        ['clean', 'corrupted', 'change', 'runs']
        """
        return spending.robustness(self._finals(), self.scores)

    def tables(self) -> StudyTables:
        """All tables, read into memory: what the functions of ``analysis.statistics`` take.

        >>> from analysis.statistics.search_audit import pruning
        >>> pruning(analysis.open(results).tables().trials)
        ['108 of 216 trials were pruned, 0 of these finished for the audit.']
        """
        return StudyTables(**{table: self._scan(table).collect() for table in TABLES})

    def duckdb(self, *, verify: bool = True) -> DuckDBPyConnection:
        """A DuckDB connection with a view for every table, of committed rows alone. Needs ``labelcurve[duckdb]``.

        DuckDB does not look at the pages' checksums, so with ``verify`` every file is read once beforehand, and a
        damaged one is refused; without, one that DuckDB cannot decode is an error of its own. The files are those of
        now: open it anew to see what is committed later.

        >>> db = analysis.open(results).duckdb()
        >>> db.sql("SELECT DISTINCT task FROM scores JOIN finals USING (key) ORDER BY ALL").fetchall()
        [('covid',), ('organs',)]
        """
        return views.connect(self._storage, verify=verify)

    def _scan(self, table: str) -> pl.LazyFrame:
        return scan(self._storage, table)

    def _finals(self) -> pl.DataFrame:
        """Final runs with all columns: there are few."""
        return self.finals.collect()

    def _points(self, metrics: tuple[str, ...]) -> list[Placed]:
        """The points of some metrics; of the predictions, only those that can be behind one are read."""
        finals = self._finals()
        scores = self.scores.filter(pl.col("corruption").is_null(), pl.col("metric").is_in(metrics)).collect()
        clean = (pl.col("split") == "test") & pl.col("corruption").is_null()
        rows = self.predictions.filter(clean).collect()
        unread = {name: pl.DataFrame(schema=schema(name)) for name in TABLES}
        return points(
            StudyTables(**unread | {"finals": finals, "scores": scores, "predictions": rows}), metrics=metrics
        )
