SELECT count(*) FILTER (WHERE operation = 'insert') AS inserts,
       count(*) FILTER (WHERE operation = 'update') AS updates,
       count(*) FILTER (WHERE operation = 'delete') AS deletes,
       count(*) FILTER (WHERE operation <> 'delete' AND NOT coalesce(
           score BETWEEN 0 AND 100 AND score <> 'NaN' AND level IN ('LOW', 'MEDIUM', 'HIGH')
           AND rationale <> '' AND explanation IS NOT NULL, false)) AS bad
FROM {stage}
