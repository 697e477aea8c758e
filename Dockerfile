# The course in a container: docker build -t two-x-minus-one . && docker run -p 8888:8888 two-x-minus-one
# Open the address with the token that it prints. Without solutions/: a learner has no use for them.
FROM python:3.11-slim

RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home learner && install -d -o learner /home/learner/course
USER learner
WORKDIR /home/learner/course

COPY --chown=learner Makefile pyproject.toml README.md nbgrader_config.py ./
COPY --chown=learner locks/ locks/
COPY --chown=learner engine/ engine/
COPY --chown=learner graders/ graders/
COPY --chown=learner course/ course/
COPY --chown=learner exercises/ exercises/
RUN make setup

EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--no-browser --ServerApp.ip=0.0.0.0"]
