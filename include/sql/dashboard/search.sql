-- Job roles or skills whose name contains what was typed, those that begin with it first.
SELECT id, name, {detail} AS detail
FROM public.{table}
WHERE name ILIKE '%%' || %(pattern)s || '%%'
ORDER BY name NOT ILIKE %(pattern)s || '%%', name, id
LIMIT %(limit)s OFFSET %(offset)s
