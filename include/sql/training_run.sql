INSERT INTO public.future_skills_trainingrun (
    run_date, model_version, model_path, dataset_path, test_split, n_estimators, random_state, accuracy, "precision", recall,
    f1_score, total_samples, train_samples, test_samples, training_duration_seconds, per_class_metrics, features_used, notes,
    hyperparameters, status
) VALUES (
    %(run_date)s, %(model_version)s, %(model_path)s, %(dataset_path)s, %(test_split)s, %(n_estimators)s, %(random_state)s,
    %(accuracy)s, %(precision)s, %(recall)s, %(f1_score)s, %(total_samples)s, %(train_samples)s, %(test_samples)s,
    %(training_duration_seconds)s, %(per_class_metrics)s, %(features_used)s, %(notes)s, %(hyperparameters)s, 'COMPLETED'
);
