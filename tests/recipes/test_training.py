"""Data, split, windows, training and calibration on small made-up genomes."""

import numpy as np
import pytest
import torch

import recipes.mini.windows
from recipes.mini.calibration import Scored, calibrate, expected_error, fit_line
from recipes.mini.data import CLASSES
from recipes.mini.provirus import find_runs, half_of
from recipes.mini.scoring import auroc, recall_at
from recipes.mini.split import SIDES, split_records
from recipes.mini.training import Plan, loss_of, train
from recipes.mini.windows import CLASS_SHARES, PROKARYOTES, TRAP_SHARE, HostScan, Sampler, evaluation_windows


@pytest.fixture(scope="session")
def split(records):
    return split_records(records, 0)


@pytest.fixture
def sampler(records, split):
    return Sampler(records, split.groups, split.sides == 0, 4000, 5)


def test_copies_are_relatives_and_lie_on_one_family_side(records, split):
    assert len(records) == 2 * 40 * len(CLASSES)
    assert np.array_equal(split.groups[::2], split.groups[1::2])
    family = np.isin(split.sides, (1, 2))
    assert np.array_equal(family[::2], family[1::2])
    assert np.array_equal(split.sides[::2][family[::2]], split.sides[1::2][family[1::2]])
    for kind in range(len(CLASSES) - 1):
        assert set(split.sides[records.classes == kind]) == set(range(len(SIDES)))
    # Eukaryotes are one group here, by their file: too few to hold a family out.
    assert not np.isin(split.sides[records.classes == len(CLASSES) - 1], (1, 2)).any()


def test_windows_of_held_out_families_share_nothing_with_training(records, split):
    train_side = np.sort(np.concatenate([records.starts[split.sides == 0]]))
    found = evaluation_windows(records, split, 1, 300, 20, np.zeros(1, np.uint64), 0)
    assert len(found.codes) > 20
    for start in found.starts:
        record = np.searchsorted(records.starts, start, "right") - 1
        assert split.sides[record] == 1
        assert records.starts[record] not in train_side
        assert start + 300 <= records.starts[record] + records.lengths[record]


def test_a_batch_holds_every_class_in_its_share(sampler):
    drawn = np.concatenate([sampler.batch(number)[2] for number in range(60)])
    open_classes = drawn[drawn.sum(1) == 1]  # the others are shuffled windows and repeats
    assert 0.01 < 1 - len(open_classes) / len(drawn) < 0.1
    np.testing.assert_allclose(open_classes.mean(0), CLASS_SHARES, atol=0.05)


def test_windows_come_from_their_record_and_side(records, split):
    sampler = Sampler(records, split.groups, split.sides == 0, 4000, 5)
    labels = {records.sequence(row)[:].tobytes(): records.allowed[row] for row in np.flatnonzero(split.sides == 0)}
    codes, lengths, allowed = sampler.batch(3)
    exact = 0
    for window, length, classes in zip(codes, lengths, allowed, strict=True):
        found = [label for text, label in labels.items() if window[:length].tobytes() in text]
        exact += any(np.array_equal(label, classes) for label in found)
    assert exact > len(codes) / 4  # half of all windows have errors


def test_a_batch_is_its_seed_and_number(records, split, sampler):
    again = Sampler(records, split.groups, split.sides == 0, 4000, 5)
    other = Sampler(records, split.groups, split.sides == 0, 4000, 6)
    assert all(np.array_equal(a, b) for a, b in zip(sampler.batch(7), again.batch(7), strict=True))
    assert not np.array_equal(sampler.batch(7)[2], other.batch(7)[2])


def test_hidden_bases_are_no_host_windows(records, split):
    nothing = np.zeros(0, np.int64)
    scan = HostScan(np.ones(len(records.codes), bool), nothing, nothing)
    sampler = Sampler(records, split.groups, split.sides == 0, 4000, 5, scan)
    allowed = np.concatenate([sampler.batch(number)[2] for number in range(20)])
    assert allowed[allowed.sum(1) == 1][:, :2].any(1).all()


def test_some_prokaryotic_windows_come_from_traps(records, split, monkeypatch):
    monkeypatch.setattr(recipes.mini.windows, "MUTATED_SHARE", 0)
    known = split.sides == 0
    rows = np.flatnonzero(records.classes == CLASSES.index("bacteria"))[:8]
    scan = HostScan(np.zeros(len(records.codes), bool), records.starts[rows], rows)
    sampler = Sampler(records, split.groups, known, 4000, 5, scan)
    assert set(sampler.traps) == set(np.flatnonzero(known[rows]))  # none of another side
    traps = b"|".join(records.sequence(row).tobytes() for row in rows[sampler.traps])
    inside = prokaryotic = 0
    for number in range(60):
        codes, lengths, allowed = sampler.batch(number)
        for window, length, label in zip(codes, lengths, allowed, strict=True):
            if label.sum() == 1 and label[list(PROKARYOTES)].any():
                prokaryotic += 1
                inside += window[:length].tobytes() in traps
    usual = len(sampler.traps) / (known & np.isin(records.classes, PROKARYOTES)).sum()
    assert inside / prokaryotic > usual + TRAP_SHARE / 2


def test_halves_part_the_hosts_and_share_the_rest(records, split):
    halves = [half_of(records, split.groups, half) for half in (0, 1)]
    hosts = np.isin(records.classes, PROKARYOTES)
    assert (halves[0] ^ halves[1])[hosts].all()
    assert (halves[0] & halves[1])[~hosts].all()
    assert np.array_equal(halves[0][::2], halves[0][1::2])  # a genome and its near copy


def test_training_can_be_resumed_to_the_same_weights(config, sampler, cache, tmp_path):
    plan = Plan(6, 2, warmup=2)
    whole = train(config, plan, sampler, tmp_path / "whole.pt", cache, log=lambda _: None)
    train(config, plan, sampler, tmp_path / "broken.pt", cache, stop_after=3, log=lambda _: None)
    resumed = train(config, plan, sampler, tmp_path / "broken.pt", cache, log=lambda _: None)
    other = train(config, Plan(6, 2, warmup=2, seed=9), sampler, tmp_path / "other.pt", cache, log=lambda _: None)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert not torch.equal(whole.out.weight, other.out.weight)


def test_open_labels_cost_nothing_between_their_classes():
    logits = torch.tensor([[5.0, 5.0, -9, -9, -9, -9, -9]])
    both = torch.tensor([[True, True, False, False, False, False, False]])
    one = torch.tensor([[True, False, False, False, False, False, False]])
    assert loss_of(logits, both) < 1e-3
    assert loss_of(logits, one) > 0.5


def test_figures():
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auroc(np.array([1.0]), np.array([1.0])) == 0.5
    assert recall_at(np.array([0.5, 2.0]), np.arange(0, 1, 0.01), 0.01) == 0.5


def test_calibration_undoes_a_wrong_scale_and_orders_levels():
    random = np.random.default_rng(0)
    windows = []
    for length in (100, 1000):
        classes = random.integers(0, len(CLASSES), 4000)
        z = random.normal(np.where(classes < 2, 1.0, -1.0)) * 2  # true log odds, at even odds
        windows.append(Scored(length, 3 * z + 1, classes))
    found = calibrate(windows, [])
    slope, intercept = found["window"]["slope"][0], found["window"]["intercept"][0]
    assert slope == pytest.approx(1 / 3, rel=0.1)
    z = slope * windows[0].z + intercept
    assert expected_error(z, windows[0].viral, np.ones(4000)) < 0.25
    levels = found["thresholds"]
    assert levels["conservative"] > levels["default"] > levels["relaxed"]
    assert fit_line(np.array([-2.0, 2.0] * 500), np.array([False, True] * 500), np.ones(1000))[0] > 1


def test_only_long_runs_are_proviruses():
    z = np.full(40, -5.0)
    z[3:5] = 8  # a ribosomal operon
    z[20:30] = 4
    assert np.array_equal(np.flatnonzero(find_runs(z)), np.arange(20, 30))
