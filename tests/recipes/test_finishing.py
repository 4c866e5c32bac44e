"""What follows the training of `mini`: export, calibration, figures, card."""

import json
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from recipes.mini import finishing
from recipes.mini.__main__ import main
from recipes.mini.baseline import codons, five_mers
from recipes.mini.calibrating import HELD, MAX_FALSE_POSITIVES, Scored, fit_calibration, platt
from recipes.mini.card import digest_of
from recipes.mini.export import export
from recipes.mini.figures import measure_models
from recipes.mini.finishing import Finish
from recipes.mini.genomes import CLASSES
from recipes.mini.network import Mini, Shape
from recipes.mini.samples import Sample, draw_sample
from recipes.mini.scoring import ExportedModel
from recipes.mini.split import SIDES
from recipes.mini.tokenizer import codon_tokenizer
from recipes.mini.watching import logits_of
from recipes.mini.windows import Drawn
from tolerances import MINI_EXPORT
from virnucpro.models.dna_tokens import DnaTokenizer
from virnucpro.models.tokens import VOCABULARY
from virnucpro.scoring.calibration import LEVELS, Calibration

SHAPE = Shape(width=32, feed_forward=64, protein_layers=2, dna_layers=1, vocabulary=89, heads=4, hidden=16)


def letters(random, length):
    return "".join(random.choice(list("ACGT"), length)).encode()


def sample_of(random, of_class=300):
    classes = np.repeat(np.arange(len(CLASSES)), of_class)
    weights = np.where(classes < 2, 1 / 4, 1 / 10) / of_class
    return Sample([b""] * len(classes), np.arange(len(classes)) // 10, classes, weights)


def test_the_exported_model_gives_the_logits_of_the_network(tmp_path):
    random = np.random.default_rng(2)
    sequences = [letters(random, length) for length in (100, 150, 301, 500, 999, 1000)]
    text = codon_tokenizer()
    network = Mini(SHAPE, 3).eval()
    network.classifier.bn1.running_mean.normal_(generator=torch.Generator().manual_seed(1))
    export(network, text, tmp_path, 500, {})
    found = ExportedModel(tmp_path, "fp32").logits(sequences, 1000)
    assert found.lengths_bp.tolist() == [len(one) for one in sequences]
    drawn = Drawn(sequences, np.arange(6), np.ones(6, np.bool_))
    by_half = logits_of(network, drawn, DnaTokenizer(text, "own"), torch.float32)
    for logits, expected in zip(found.logits.values(), by_half, strict=True):
        assert np.ptp(expected) > 10 * MINI_EXPORT
        assert logits == pytest.approx(expected, abs=MINI_EXPORT)


def test_letters_that_no_codon_stands_for_are_average_residues(tmp_path):
    network = Mini(SHAPE, 3).eval()
    export(network, codon_tokenizer(), tmp_path, 500, {})
    model = ExportedModel(tmp_path, "fp32")
    table = model.encoders.protein.model.embedding.weight
    usual = table[[VOCABULARY.index(letter) for letter in "ACDEFGHIKLMNPQRSTVWY"]]
    learned = network.protein.embedding.weight[VOCABULARY.index("X")]
    assert torch.allclose(table[VOCABULARY.index("X")], learned, atol=MINI_EXPORT)
    for letter in "BUZO":
        assert torch.allclose(table[VOCABULARY.index(letter)], usual.mean(0), atol=MINI_EXPORT)


def test_codons_are_counted_in_the_frame_of_the_longest_stretch():
    random = np.random.default_rng(8)
    windows = [letters(random, int(length)) for length in random.integers(100, 400, 30)]
    names = ["".join(word) for word in product("ACGT", repeat=3)]
    for window, row in zip(windows, codons(windows), strict=True):
        strands = [window.decode(), str(Seq(window.decode()).reverse_complement())]
        frames = [
            [strand[i : i + 3] for i in range(phase, len(window) - 2, 3)] for strand in strands for phase in range(3)
        ]
        longest = [max(map(len, str(Seq("".join(frame)).translate()).split("*"))) for frame in frames]
        stretch = max(longest)
        if longest.count(stretch) > 1:
            continue
        frame = frames[longest.index(stretch)]
        shares = {name: share for name, share in zip(names, row[:64] ** 2 / 64, strict=True) if share}
        assert shares == pytest.approx({name: count / len(frame) for name, count in Counter(frame).items()}, abs=1e-5)
        assert row[64:] == pytest.approx([np.log2(len(window) / 500), 3 * stretch / len(window)], abs=1e-5)
    assert not codons([b"N" * 90]).any()


def test_platt_s_curve_is_the_one_that_scikit_learn_fits():
    random = np.random.default_rng(5)
    sample = sample_of(random)
    logits = random.normal(np.where(sample.viral, 2, -1), 2)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], sample.viral, sample.weights)
    assert platt(logits, sample) == pytest.approx((oracle.coef_[0, 0], oracle.intercept_[0]), abs=1e-5)


def test_a_calibration_undoes_what_was_done_to_the_scores_and_keeps_to_its_thresholds():
    random = np.random.default_rng(6)
    sample = sample_of(random, 2000)
    truth = random.normal(np.where(sample.viral, 1, -1), np.sqrt(2))  # a log odds by itself
    single = Scored(sample, np.arange(len(truth)), np.full(len(truth), 500), 3 * truth + 1)
    calibration = fit_calibration({500: single}, {500: single})
    assert calibration.window.slope[0] == pytest.approx(1 / 3, abs=0.02)
    assert calibration.window.intercept[0] == pytest.approx(-1 / 3, abs=0.05)
    for level in LEVELS:
        called = truth >= calibration.threshold(level, 500)
        shares = [called[sample.classes == kind].mean() for kind, name in sample.names.items() if name in HELD]
        assert max(shares) == pytest.approx(MAX_FALSE_POSITIVES[level], abs=0.003)
    assert Calibration.from_dict(calibration.to_dict()) == calibration


def test_windows_of_one_record_count_as_independent_where_they_are():
    random = np.random.default_rng(7)
    sample = sample_of(random, 400)
    windows = random.normal(np.where(sample.viral, 1, -1)[:, None], np.sqrt(2), (len(sample.classes), 9))
    owners, lengths = np.repeat(np.arange(len(windows)), 9), np.full(windows.size, 500)
    single = Scored(sample, np.arange(len(windows)), np.full(len(windows), 500), windows[:, 0])
    independent = Scored(sample, owners, lengths, windows.ravel())
    repeated = Scored(sample, owners, lengths, np.repeat(windows[:, 0], 9))
    assert fit_calibration({500: single}, {500: single, 4500: independent}).gamma > 0.9
    assert fit_calibration({500: single}, {500: single, 4500: repeated}).gamma == 0


def test_figures_are_those_of_scikit_learn_and_a_lead_has_an_interval():
    random = np.random.default_rng(8)
    sample = sample_of(random, 60)
    good, bad = (random.normal(np.where(sample.viral, gap, 0), 1) for gap in (2, 0.5))
    facts = measure_models(sample, {"good": good, "bad": bad}, {"good": 1 / (1 + np.exp(-good))}, 50)
    assert facts["all"]["good"]["auroc"][0] == pytest.approx(
        roc_auc_score(sample.viral, good, sample_weight=sample.weights), abs=1e-4
    )
    phage = (sample.classes == 0) | ~sample.viral
    assert facts["phage against all hosts"]["bad"]["auroc"][0] == pytest.approx(
        roc_auc_score(sample.viral[phage], bad[phage], sample_weight=sample.weights[phage]), abs=1e-4
    )
    halves = [sample.weights[phage & side].sum() for side in (sample.viral, ~sample.viral)]
    balanced = sample.weights / np.where(sample.viral, *halves)
    assert facts["phage against all hosts"]["bad"]["auprc"][0] == pytest.approx(
        average_precision_score(sample.viral[phage], bad[phage], sample_weight=balanced[phage]), abs=1e-4
    )
    value, low, high = facts["all"]["bad"]["lead"]
    assert 0 < low < value < high
    assert facts["all"]["bad"]["auroc"][1] < facts["all"]["bad"]["auroc"][0] < facts["all"]["bad"]["auroc"][2]


def test_five_mers_are_counted_with_their_reverse_complements():
    counts = five_mers([b"AAAAAAAAAA", b"TTTTTTTTTT", b"ACGTNACGTN"])
    assert (counts[0] == counts[1]).all()
    assert np.count_nonzero(counts[0, :-1]) == 1
    assert not counts[2, :-1].any()


def test_a_finished_run_is_a_folder_for_the_package_with_a_card_that_names_its_digest(
    genomes_folder, tmp_path, monkeypatch
):
    words = ["--data", str(genomes_folder), "--out", str(tmp_path / "run"), "--seed", "3"]
    tiny = [
        "--steps", "3", "--pretrain-steps", "2", "--windows", "8", "--width", "32", "--protein-layers", "1",
        "--dna-layers", "1", "--watch-windows", "6", "--warmup", "2", "--threads", "1",
        "--sequences", "6", "--draws", "5", "--commit", "abc123",
    ]  # fmt: skip
    main([*words, *tiny])
    folder = tmp_path / "run" / "mini"
    card = (folder / "MODEL_CARD.md").read_text()
    assert digest_of(folder) in card
    assert "abc123" in card
    assert str(tmp_path) not in card
    assert "`python -m recipes.mini --data FOLDER --out RUN --seed 3 --steps 3" in card
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert list(report["test"]) == ["100", "150", "300", "500", "1000", "3000"]
    assert set(report["test"]["300"]["groups"]["all"]) > {
        "mini",
        "dna half",
        "protein half",
        "untrained",
        "codons",
        "5-mers",
    }
    calibration = ExportedModel(folder).classifier.calibration
    assert Calibration.from_dict(calibration).record.lengths == (50, 100, 150, 300, 500, 1000, 3000)
    before = digest_of(folder)
    main([*words, *tiny])
    assert digest_of(folder) == before

    def with_labels_reversed(genomes, split, side, *rest):
        drawn = draw_sample(genomes, split, side, *rest)
        return replace(drawn, classes=drawn.classes[::-1]) if SIDES[side] == "test" else drawn

    monkeypatch.setattr(finishing, "draw_sample", with_labels_reversed)
    main([*words, *tiny])
    assert digest_of(folder) == before  # calibration does not see the test side
    assert json.loads((tmp_path / "run" / "report.json").read_text())["test"] != report["test"]


def test_short_sequences_are_as_many_as_asked_for_and_long_ones_fewer():
    todo = Finish(500, 500, 1, 1, "", "")
    assert [todo.of_class(length) for length in (50, 150, 1000, 3000, 10_000)] == [500, 500, 500, 333, 100]
