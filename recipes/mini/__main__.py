"""Train `mini`: ``python -m recipes.mini --data FOLDER --seed 1 --out FOLDER``; the same command goes on with a run."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

from recipes.mini.data import prepare_data
from recipes.mini.finishing import PACKAGE, Finish, finish
from recipes.mini.network import Shape
from recipes.mini.tokenizer import codon_tokenizer
from recipes.mini.training import Plan, Trainer
from recipes.mini.watching import watch
from recipes.mini.windows import TRAINING_SHARES, Sampler
from virnucpro.models.dna_tokens import TOKENIZER_FILE, DnaTokenizer
from virnucpro.runs.files import whole_file


def options_of_the_recipe() -> argparse.ArgumentParser:
    """Describe the command line.

    Returns
    -------
    argparse.ArgumentParser
        Its options.
    """
    parser = argparse.ArgumentParser(prog="python -m recipes.mini", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with RECORDS.tsv and the files it names")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a run that is in it goes on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4600, help="steps on labels")
    parser.add_argument("--pretrain-steps", type=int, default=600, help="masked-language steps before them")
    parser.add_argument("--windows", type=int, default=96, help="windows of a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--feed-forward", type=int, default=256, help="width between the layers of a block")
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--protein-layers", type=int, default=3)
    parser.add_argument("--dna-layers", type=int, default=2)
    parser.add_argument("--watch-every", type=int, default=400, help="steps between looks at the validation side")
    parser.add_argument("--watch-windows", type=int, default=400, help="windows of each length in a look")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--window", type=int, default=1000, help="bases of a window where a user names none")
    parser.add_argument("--sequences", type=int, default=500, help="of each class and length, to calibrate and report")
    parser.add_argument("--draws", type=int, default=300, help="of genomes, for intervals")
    parser.add_argument("--commit", default="unknown", help="of this recipe, for the model card")
    return parser


def main(words: list[str] | None = None) -> None:
    """Run the recipe."""
    options = options_of_the_recipe().parse_args(words)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    genomes, split = prepare_data(options.data, options.out)
    training = Sampler(genomes, split, 0, TRAINING_SHARES)
    validation = Sampler(genomes, split, 1, TRAINING_SHARES)
    tokenizer = _tokenizer(options.out)
    shape = Shape(
        width=options.width,
        feed_forward=options.feed_forward,
        protein_layers=options.protein_layers,
        dna_layers=options.dna_layers,
        vocabulary=tokenizer.size,
        heads=options.heads,
    )
    plan = Plan(
        options.seed, options.pretrain_steps, options.steps, options.windows, options.learning_rate, options.warmup
    )
    trainer = Trainer(plan, shape, training, tokenizer, options.out)
    began, first = time.monotonic(), trainer.step
    for step in trainer.run(plan.total):
        if step > plan.pretrain_steps and (step % options.watch_every == 0 or step == plan.total):
            seconds = (time.monotonic() - began) / (step - first)
            found = watch(trainer.average, validation, tokenizer, options.watch_windows)
            trainer.log(validation_auroc=found, seconds_per_step=round(seconds, 3))
    torch.set_num_threads(os.cpu_count() or 1)  # what follows is the same with any number
    windows = plan.steps * plan.windows
    todo = Finish(options.window, options.sequences, options.draws, windows, _command(options), options.commit)
    finish(options.out, genomes, split, todo)
    print(f"{trainer.step} steps done; {options.out / PACKAGE} is ready, figures in its card", file=sys.stderr)


def _command(options: argparse.Namespace) -> str:
    """The command as another machine would give it: without the places of folders, and without defaults."""
    usual = options_of_the_recipe()
    told = [
        f" --{name.replace('_', '-')} {value}"
        for name, value in vars(options).items()
        if name not in ("data", "out", "commit") and (name == "seed" or value != usual.get_default(name))
    ]
    return f"python -m recipes.mini --data FOLDER --out RUN{''.join(told)}"


def _tokenizer(out: Path) -> DnaTokenizer:
    if not (out / TOKENIZER_FILE).exists():
        with whole_file(out / TOKENIZER_FILE) as file:
            file.write(codon_tokenizer().encode())
    return DnaTokenizer.read(out / TOKENIZER_FILE)


if __name__ == "__main__":
    main()
