"""Gives Airflow a home of this process's own, where no other is given; to be imported before anything of Airflow."""

import atexit
import os
import shutil
import tempfile

if "AIRFLOW_HOME" not in os.environ:  # its default is the user's own
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
