# The operator's image: locked dependencies with their hashes, no build tools, user 65532.
#
#   docker build -t ebbflow:0.1.0 .

FROM python:3.11-slim AS build
WORKDIR /src

# Every wheel of the lock is checked against its hash. What is installed below comes from these
# files alone, so it is what the lock says, without the tools that only development needs.
COPY requirements.lock ./
RUN pip download --no-cache-dir --disable-pip-version-check --no-deps --only-binary=:all: \
      --require-hashes --dest /wheels --requirement requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY deploy deploy
RUN pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels hatchling \
 && pip wheel --no-cache-dir --disable-pip-version-check --no-index --no-deps \
      --no-build-isolation --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/ebbflow \
 && pip --python /opt/ebbflow/bin/python install --no-cache-dir --disable-pip-version-check \
      --no-index --find-links /wheels ebbflow

FROM python:3.11-slim
LABEL org.opencontainers.image.title="ebbflow" \
      org.opencontainers.image.description="Edit in Git or in the cluster; both stay the same." \
      org.opencontainers.image.licenses="Apache-2.0"
# ssh:// repositories are reached by the ssh program, which refuses to run for a user without a name.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && echo 'ebbflow:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=build /opt/ebbflow /opt/ebbflow
# The root file system is read-only in the chart: nothing may be compiled there at run time.
ENV PATH=/opt/ebbflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
USER 65532:65532
ENTRYPOINT ["ebbflow"]
CMD ["operator"]
