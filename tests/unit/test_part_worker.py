"""A worker that would give other numbers is refused before it computes; what it logs reaches the driver."""

import logging
import os
from dataclasses import replace
from functools import partial

import pytest

from counted_job import Counted, Told, begun, counted_run, rebuilt
from virnucpro import WorkerError
from virnucpro.runs.part_worker import PartWorker, WorkOrder, versions
from virnucpro.runs.parts import PartStore
from virnucpro.runs.plan import Part
from virnucpro.runs.run import PartInput


@pytest.fixture
def order(tmp_path):
    run = counted_run(tmp_path)
    run.scratch.mkdir(parents=True)
    return WorkOrder(run.rebuild, "cpu", run.job.resolve(), run.settings, run.scratch, os.getcwd())


@pytest.fixture
def given(tmp_path):
    (source,) = counted_run(tmp_path).inputs
    records = list(source)[:1]
    return PartInput(Part(1, 0, 1, 0, 1, 6, "0" * 64), records)


@pytest.mark.parametrize("name", ["virnucpro", "torch", "numpy", "python"])
def test_another_version_is_refused(order, name):
    with pytest.raises(WorkerError, match=f"{name} .* instead of 0.0; install the same versions"):
        PartWorker().prepare(replace(order, versions={**versions(), name: "0.0"}))


def test_a_worker_that_does_not_see_the_folder_is_refused(order, tmp_path):
    with pytest.raises(WorkerError, match="--no-shared-folder"):
        PartWorker().prepare(replace(order, scratch=tmp_path / "a" / "b" / "c"))
    PartWorker().prepare(replace(order, scratch=None))


def test_other_weights_are_refused(order, tmp_path):
    other = partial(rebuilt, Told(tmp_path, digest="e"))
    with pytest.raises(WorkerError, match="has other weights of the model model m: eeeeeeeeeeee instead of ffff"):
        PartWorker().prepare(replace(order, rebuild=other))


def test_another_number_format_is_refused(order):
    with pytest.raises(WorkerError, match="would compute with k 1 instead of 2"):
        PartWorker().prepare(replace(order, settings={"k": 2}))


def test_a_part_is_saved_where_there_is_a_store_or_sent_back(order, given, tmp_path):
    worker = PartWorker()
    worker.prepare(order)
    store = PartStore(tmp_path / "parts", "key", tmp_path)
    assert worker.compute(given, store).computed is None
    sent = worker.compute(given, None).computed
    assert store.load(1).arrays["text"].tobytes() == sent.arrays["text"].tobytes() == b"LINE 0\n"


def test_messages_travel_with_the_reply(order, given, monkeypatch):
    def loud(self, given, advance):
        logging.getLogger("virnucpro.embed").warning("a batch was halved")
        return Counted.__base__.compute(self, given, advance)

    monkeypatch.setattr(Counted, "compute", loud)
    worker = PartWorker()
    worker.prepare(order)
    assert worker.compute(given, None).messages == ((logging.WARNING, "a batch was halved"),)


def test_a_job_of_every_verb_is_rebuilt_from_its_settings(models, tmp_path):
    """Pickled, it is small: no weights travel."""
    import pickle

    from conftest import write_fasta
    from virnucpro.verbs.embed import _rebuilt as embed_job
    from virnucpro.verbs.embed_settings import EmbedSettings
    from virnucpro.verbs.features import FeatureSettings
    from virnucpro.verbs.features import _rebuilt as features_job
    from virnucpro.verbs.predict import _rebuilt as predict_job
    from virnucpro.verbs.predict_settings import PredictSettings

    write_fasta(tmp_path / "x.fna", [("a", "ACGT" * 50)])
    for rebuild in (
        partial(embed_job, EmbedSettings(model=str(models / "protein"))),
        partial(features_job, FeatureSettings(dna_model="mini", protein_model=None)),
        partial(predict_job, PredictSettings()),
    ):
        pickled = pickle.dumps(rebuild)
        assert len(pickled) < 2000
        job, settings = pickle.loads(pickled)("cpu")
        assert settings["dtype"] in ("fp32", "bf16")
        assert job.resolve()


def test_nothing_is_begun_by_a_worker_that_is_refused(order, tmp_path):
    run = counted_run(tmp_path)
    with pytest.raises(WorkerError):
        PartWorker().prepare(replace(order, settings={"k": 2}))
    assert begun(run) == {}
