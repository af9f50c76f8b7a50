-- How many predictions are published, and a sum over all of their columns but those that tell one run from the next.
SELECT count(*) AS rows,
       coalesce(sum(hashtextextended(
           ((to_jsonb(prediction) - ARRAY['id', 'created_at']) #- '{explanation,batch}')::text, 0)::numeric), 0)::text AS checksum
FROM public.future_skills_futureskillprediction AS prediction
