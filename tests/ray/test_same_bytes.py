"""One process, shards, or any number of Ray workers: the same bytes."""

import pytest

from verb_inputs import contents, verb_of


@pytest.fixture(scope="module")
def predicted(tmp_path_factory, models):
    """`predict` of one process."""
    from virnucpro.cli.main import run

    folder = tmp_path_factory.mktemp("predicted")
    verb = verb_of("predict", folder, models)
    assert run(verb.command(folder / "whole", "-q")) == 0
    return verb, contents(folder / "whole")


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_predict(virnucpro, cluster, predicted, tmp_path, workers, shared):
    verb, whole = predicted
    more = [] if shared else ["--no-shared-folder"]
    command = verb.command(tmp_path / "out", "--ray-address", cluster.address, "--workers", workers, *more)
    code, _, err = virnucpro(*command)
    assert code == 0, err
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("name", ["features", "embed"])
def test_other_verbs_of_many_inputs(virnucpro, cluster, models, tmp_path, name):
    verb = verb_of(name, tmp_path, models)
    second = verb.input.with_name(f"y{verb.input.suffix}")
    second.write_text(verb.input.read_text()[: verb.input.read_text().index(">", 2000)])
    assert virnucpro(*verb.command(tmp_path / "whole", second, "-q"))[0] == 0
    code, _, err = virnucpro(
        *verb.command(tmp_path / "out", second, "--ray-address", cluster.address, "--workers", "2")
    )
    assert code == 0, err
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_shard_and_ray_together(virnucpro, cluster, predicted, tmp_path):
    verb, whole = predicted
    command = verb.command(tmp_path / "out", "--ray-address", cluster.address, "--workers", "2", "--shard", "2/2")
    assert virnucpro(*command)[0] == 0
    assert virnucpro(*verb.command(tmp_path / "out", "-q"))[0] == 0
    assert contents(tmp_path / "out") == whole
