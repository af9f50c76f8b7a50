-- Roles, skills and a prediction for every pair of them; the company that was really scored keeps its own rows.
SET LOCAL session_replication_role = replica;  -- every foreign key would be checked at the commit, 16 million times

INSERT INTO public.future_skills_jobrole (name, department)
SELECT 'Generated role ' || number, 'Department ' || number %% 12
FROM generate_series(1, %(roles)s - (SELECT count(*) FROM public.future_skills_jobrole)) AS number;

INSERT INTO public.future_skills_skill (name, category)
SELECT 'Generated skill ' || number, 'Category ' || number %% 30
FROM generate_series(1, %(skills)s - (SELECT count(*) FROM public.future_skills_skill)) AS number;

INSERT INTO public.future_skills_futureskillprediction
    (horizon_years, score, level, rationale, created_at, job_role_id, skill_id, explanation)
SELECT 5, score, level, level || ' need (score ' || round(score) || ' of 100), raised by current use in the role. (Future Skills model)',
       now(), role_id, skill_id,
       jsonb_build_object('text', level || ' need', 'top_factors', '[]'::jsonb, 'method', 'none', 'prediction_level', level,
                          'confidence', 71.5, 'source', 'future_skills', 'batch', %(batch_id)s, 'version', %(version)s,
                          'score', score, 'language', 'en', 'decision', NULL, 'low_confidence', false)
FROM (
    SELECT role.id AS role_id, skill.id AS skill_id, place.score::float AS score,
           CASE WHEN place.score >= 60 THEN 'HIGH' WHEN place.score >= 30 THEN 'MEDIUM' ELSE 'LOW' END AS level
    FROM public.future_skills_jobrole AS role CROSS JOIN public.future_skills_skill AS skill
    CROSS JOIN LATERAL (SELECT round((100 * power(abs(hashint8(role.id * 100003 + skill.id)) / 2147483648.0, 6))::numeric, 2) AS score)
        AS place
) AS pair
ON CONFLICT DO NOTHING;
