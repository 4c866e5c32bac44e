# syntax=docker/dockerfile:1
# docker build --target cpu  -t virnucpro:cpu .
# docker build --target cuda -t virnucpro:cuda .
#
# Both images hold `mini`. Weights of larger models belong on a volume at /weights, data at /data.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 \
    HF_HOME=/weights MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --uid 1000 --user-group --create-home virnucpro \
 && install -d -m 1777 /weights /data
COPY constraints.txt /tmp/constraints.txt

FROM base AS cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_VERSION=2.13.0
RUN python -m pip install --index-url "${TORCH_INDEX}" "torch==${TORCH_VERSION}"
COPY --from=build /wheels /tmp/wheels
RUN python -m pip install -c /tmp/constraints.txt /tmp/wheels/*.whl
USER 1000:1000
WORKDIR /data
VOLUME ["/weights"]
ENTRYPOINT ["virnucpro"]
CMD ["--help"]

# PyPI's torch for Linux has CUDA and its libraries; the image needs only the driver of the host.
FROM base AS cuda
# Triton, which comes with torch, compiles kernels for the GPU at hand; the image has Python's headers.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /tmp/wheels
RUN python -m pip install -c /tmp/constraints.txt /tmp/wheels/*.whl
USER 1000:1000
WORKDIR /data
VOLUME ["/weights"]
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENTRYPOINT ["virnucpro"]
CMD ["--help"]
