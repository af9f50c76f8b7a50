-- Is a recommendation an echo? The HR application generates those from predictions, so they repeat what a model said. Their
-- rationale is the prediction's, with our signature or the application's own wording, or, where the prediction has no
-- rationale, the application's sentence about its score.
coalesce(
    rationale LIKE '%%' || %(signature)s
    OR rationale LIKE 'Prédiction basée sur les tendances marché (score=%%'
    OR rationale ~ '^ML prediction based on \d+-year horizon'
    OR rationale ~ '^Basée sur un score de \S+ et un niveau \S+, il est recommandé de ', false)
