# The API and the workers of TTA. `compose.yml` builds it and says how it is run: without a login (TTA_AUTH) it must not be
# published beyond the machine (see `tta serve --help`, --any-host).
FROM python:3.13-slim AS build

# The extras of the model providers that the image can talk to, such as "openai,anthropic"; none are needed for `offline`.
ARG TTA_EXTRAS=""
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY agents agents
COPY graphs graphs
COPY api api
COPY prompts prompts
# Compiled here: the container that runs it can write nothing. pip is not needed there.
RUN python -m venv /tta \
    && /tta/bin/pip install --no-cache-dir --disable-pip-version-check ".${TTA_EXTRAS:+[$TTA_EXTRAS]}" \
    && /tta/bin/pip uninstall --yes --disable-pip-version-check pip \
    && python -m compileall -q /tta/lib

FROM python:3.13-slim

RUN useradd --system --uid 10001 --create-home tta
COPY --from=build /tta /tta
ENV PATH=/tta/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/tta
EXPOSE 8000
STOPSIGNAL SIGTERM
# Whether the process answers; whether stories can be played is `/health/ready`, which whoever balances asks.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
ENTRYPOINT ["tta", "serve"]
