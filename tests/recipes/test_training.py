"""Data, split, windows, training and calibration on small made-up genomes."""

import numpy as np
import pytest
import torch
from Bio.Align import substitution_matrices
from Bio.Seq import Seq

import recipes.mini.windows
from recipes.mini.backend import Backend
from recipes.mini.calibration import Scored, calibrate, expected_error, fit_line
from recipes.mini.data import CLASSES
from recipes.mini.evolution import AMINO, evolve
from recipes.mini.provirus import find_runs, half_of
from recipes.mini.scoring import auroc, recall_at
from recipes.mini.split import SIDES, split_records
from recipes.mini.stages import Stages, Steps
from recipes.mini.training import Plan, loss_of, read_trained, train
from recipes.mini.windows import CLASS_SHARES, PROKARYOTES, TRAP_SHARE, HostScan, Sampler, evaluation_windows
from virnucpro.models.mini import Mini, MiniConfig


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
    windows = [window for number in range(6) for window in zip(*sampler.batch(number), strict=True)]
    exact = 0
    for window, length, classes in windows:
        found = [label for text, label in labels.items() if window[:length].tobytes() in text]
        exact += any(np.array_equal(label, classes) for label in found)
    assert exact > len(windows) / 8  # half of all windows have errors, half are replaced by a relative


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


@pytest.fixture
def backend(cache):
    return Backend(torch.device("cpu"), cache)


@pytest.mark.parametrize("taught", [False, True])
def test_training_can_be_resumed_to_the_same_weights(config, sampler, backend, tmp_path, taught):
    def run(name, seed=0, **options):
        plan = Plan(6, 2, warmup=2, seed=seed)
        return train(config, plan, sampler, tmp_path / name, backend, log=lambda _: None, **options)

    teachers = [run("teacher", seed=7)] if taught else []
    whole = run("whole", teachers=teachers)
    run("broken", teachers=teachers, stop_after=3)
    resumed = run("broken", teachers=teachers)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert not torch.equal(whole.out.weight, run("other", seed=9).out.weight)
    assert torch.equal(whole.out.weight, run("untaught").out.weight) != taught
    assert torch.equal(read_trained(tmp_path / "whole").motifs, whole.motifs)


def test_what_a_teacher_says_counts_beside_the_label(config, sampler, backend, tmp_path):
    class Stubborn(Mini):
        """Knows one class alone."""

        def pool(self, blocks, counts, dtype=torch.float32):
            return super().pool(blocks, counts, dtype) * 0

    teacher = Stubborn(config)
    with torch.no_grad():
        teacher.head.bias[:] = torch.tensor([0.0, 0, 0, 0, 50, 0, 0])
    plan = Plan(40, 0, rate=0.02, warmup=2)
    net = train(config, plan, sampler, tmp_path / "net", backend, teachers=[teacher], log=lambda _: None)
    codes, lengths, _ = sampler.batch(99)
    logits = net.head(net(torch.from_numpy(codes), torch.from_numpy(lengths)))
    assert (logits.argmax(1) == 4).float().mean() > 0.9


def test_the_trainings_of_the_recipe_follow_each_other(records, split, backend, tmp_path, monkeypatch):
    small = MiniConfig(motifs=64, motif_codons=6, pair_width=16, word_width=16, hidden=16, features=16)
    monkeypatch.setattr("recipes.mini.stages.MiniConfig", lambda: small)
    backend = Backend(backend.device, tmp_path)
    stages = Stages(records, split, tmp_path, Steps(2, 3, 8, 2, 4), 4000, 1, backend)
    scan = stages.scan()
    teachers = stages.teachers(scan)
    stages.plateau(scan)
    on_split, on_all = stages.on_split(scan, teachers), stages.on_everything(scan, teachers)
    assert not torch.equal(on_split.out.weight, on_all.out.weight)
    assert set(stages.curve(scan, teachers)) == {"less-data", "teacher-0", "curve-1", "curve-2", "curve-4"}
    plateau = torch.load(tmp_path / "plateau.pt", weights_only=True)
    assert plateau["step"] == 8
    assert stages.windows_seen("split") > plateau["seen"] > stages.windows_seen("teacher-0") > 0
    before = (tmp_path / "plateau.pt").read_bytes()
    stages.plateau(scan)  # from its file
    assert (tmp_path / "plateau.pt").read_bytes() == before
    assert torch.equal(stages.on_split(scan, teachers).out.weight, on_split.out.weight)
    longer = Stages(records, split, tmp_path, Steps(2, 3, 16, 2, 4), 4000, 1, backend)
    (tmp_path / "plateau-2.pt").unlink()
    with pytest.raises(SystemExit, match="past 2; use another --out"):
        longer.plateau(scan)


def test_a_relative_keeps_its_reading_frame():
    random = np.random.default_rng(5)
    codons = [first + second + third for first in "ACGT" for second in "ACGT" for third in "ACGT"]
    coding = [codon for codon in codons if codon not in ("TAA", "TAG", "TGA")]
    genes = ["".join(random.choice(coding, 100)) for _ in range(200)]
    codes = np.stack([["ACGT".index(base) for base in gene] for gene in genes]).astype(np.uint8)
    turned = (3 - codes[100:, ::-1]).copy()
    codes[100:] = turned
    before = codes.copy()
    evolve(random, codes, np.full(200, 300))
    changed = (codes != before).any(1)
    assert 0.35 < changed.mean() < 0.65
    for row in np.flatnonzero(changed):
        window = 3 - codes[row, ::-1] if row >= 100 else codes[row]
        assert "*" not in str(Seq("".join("ACGT"[code] for code in window)).translate())
    assert 0.05 < (codes != before)[changed].mean() < 0.3
    assert (codes != before)[changed].mean(1).max() < 0.6


def test_relatives_have_similar_amino_acids():
    letters = Seq("".join(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT")).translate()
    chances = np.diff(AMINO, axis=1, prepend=0)
    matrix = substitution_matrices.load("BLOSUM62")
    for codon, letter in enumerate(letters):
        if letter != "*":
            mean = sum(chances[codon, other] * matrix[letter][letters[other]] for other in range(64))
            assert mean > np.mean([matrix[letter][other] for other in set(letters) - {letter, "*"}])
            assert all(chances[codon, other] < 1e-6 for other in range(64) if letters[other] in (letter, "*"))


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
