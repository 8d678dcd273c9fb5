import polars as pl

cell = pl.col(
    "study", "task", "adaptation", "initialisation", "pretrain_seed", "size_kind", "size_value", "draw",
    "fold", "validation", "length", "label_noise", "imbalance",
)  # fmt: skip
best = (
    pl.scan_parquet("results/*/trials/**/*.parquet")
    .filter(pl.col("status") == "completed")
    .group_by(cell)
    .agg(pl.max("score").alias("best"), pl.len().alias("trials"))
    .sort(cell)
    .collect()
)
