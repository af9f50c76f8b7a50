-- Staged rows that the HR application could not show.
SELECT count(*) FROM {stage}
WHERE operation <> 'delete'
  AND NOT coalesce(score BETWEEN 0 AND 100 AND score <> 'NaN' AND level IN ('LOW', 'MEDIUM', 'HIGH')
                   AND rationale <> '' AND explanation IS NOT NULL, false)
