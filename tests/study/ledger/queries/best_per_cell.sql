SELECT study, task, adaptation, initialisation, pretrain_seed, size_kind, size_value, draw,
       fold, validation, length, label_noise, imbalance, max(score) AS best, count(*) AS trials
FROM 'results/*/trials/**/*.parquet'
WHERE status = 'completed'
GROUP BY ALL
ORDER BY ALL
