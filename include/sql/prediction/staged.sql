SELECT shard, operation, count(*) AS rows FROM {stage} GROUP BY shard, operation
