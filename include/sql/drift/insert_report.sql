-- Counted is the first report of its dataset and horizon. The caller holds the lock of reports, so that two first ones cannot be.
INSERT INTO future_skills_ops.drift_report
    (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns, drifted, unknown, counted, html_uri, json_uri)
SELECT %(dataset_id)s, %(batch_id)s, %(reference_batch_id)s, %(version)s, %(horizon_years)s, %(columns)s, %(drifted)s,
       %(unknown)s,
       NOT EXISTS (SELECT FROM future_skills_ops.drift_report AS other
                   WHERE other.counted AND (other.dataset_id, other.horizon_years) = (%(dataset_id)s, %(horizon_years)s)),
       %(html_uri)s, %(json_uri)s
RETURNING report_id
