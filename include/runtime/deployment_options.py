"""What docker-compose.yaml reads itself, beside the product's settings: images, addresses, limits."""

from pydantic import BaseModel, Field


class DeploymentOptions(BaseModel):
    """What docker-compose.yaml reads, beside settings from above (BASE_URL, STORE_URI, THREADS)."""

    compose_profiles: str = Field("", description="demo: a generated company and a mail sink; empty: your HR database.")
    bind_address: str = Field("127.0.0.1", description="Address on which the UI is published; behind it put a proxy with HTTPS.")
    port: int = Field(8080, description="Port of the UI; BASE_URL names it too.")
    airflow_uid: int = Field(
        50_000,
        description="User of the containers; docker/compose takes the owner of SECRETS_DIR, before there is one the caller, but "
        "never root.",
    )
    secrets_dir: str = Field("./secrets", description="Folder of the secret files; begins with / or ./")
    worker_concurrency: int = Field(2, description="Tasks of one worker at the same time.")
    worker_memory: str = Field("4g", description="Memory limit of a worker: some 1 GB for each of its tasks, and 1 GB.")
    worker_cpus: float = Field(2.0, description="Processors of a worker.")
    image: str = Field("future-skills:latest", description="Name of the image that is built; give each release its own tag.")
    base_image: str = Field(
        "apache/airflow:slim-3.3.2-python3.11",
        description="What it is built on; your registry may have another name for it.",
    )
    extras: str = Field("", description="Optional estimators built into the image: extras (xgboost, lightgbm), keras, or both.")
    postgres_image: str = Field("postgres:16-bookworm", description="The metadata database, and the demo's.")
    redis_image: str = Field("redis:7.2-bookworm", description="The broker.")
