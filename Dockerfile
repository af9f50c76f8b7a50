# Airflow with the pinned packages and the product. One image for every container.
ARG BASE_IMAGE=apache/airflow:slim-3.3.2-python3.11
FROM ${BASE_IMAGE}

USER airflow
COPY --chown=airflow:0 requirements.txt requirements-cluster.txt /opt/future-skills/
RUN pip install --no-cache-dir -r /opt/future-skills/requirements.txt -r /opt/future-skills/requirements-cluster.txt

# Optional estimators: EXTRAS="extras" (xgboost, lightgbm), "keras", or both. LightGBM takes OpenMP from the system.
ARG EXTRAS=
COPY --chown=airflow:0 requirements-extras.txt requirements-keras.txt /opt/future-skills/
RUN for extra in ${EXTRAS}; do pip install --no-cache-dir -r /opt/future-skills/requirements-${extra}.txt || exit 1; done
USER root
RUN if [ -n "${EXTRAS}" ]; then \
        apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*; \
    fi

# A new volume takes over the rights of its folder here: the group's, since a container's user may be any one of group 0.
RUN install -d -o airflow -g 0 -m 2770 /opt/future-skills/state
COPY docker/secret /opt/future-skills/docker/
COPY dags /opt/future-skills/dags
COPY plugins /opt/future-skills/plugins
COPY include /opt/future-skills/include
RUN chmod -R a+rX /opt/future-skills/docker /opt/future-skills/dags /opt/future-skills/plugins /opt/future-skills/include \
    && python -m compileall -q /opt/future-skills/dags /opt/future-skills/plugins /opt/future-skills/include

ENV PYTHONPATH=/opt/future-skills/include \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/home/airflow \
    USER=airflow \
    LOGNAME=airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/future-skills/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/future-skills/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__AUTH_MANAGER=airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager \
    AIRFLOW__SECRETS__BACKEND=orchestration.secrets_backend.HRConnections \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False

WORKDIR /opt/future-skills
USER airflow
# The base image's entry point waits for databases in its own way; here health checks and the one-shot init do.
ENTRYPOINT []
CMD ["airflow", "version"]
