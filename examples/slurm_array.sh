#!/bin/bash
# Eight GPUs of a SLURM cluster: sbatch examples/slurm_array.sh reads.fastq.gz calls
# INPUT and OUTDIR are in a folder that all nodes share. Tasks run in any order; a task that failed is started again
# with: sbatch --array=3 examples/slurm_array.sh reads.fastq.gz calls
#SBATCH --job-name=virnucpro
#SBATCH --array=1-8
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
set -eu

virnucpro predict "$1" -o "$2" --shard "$SLURM_ARRAY_TASK_ID/${SHARDS:-8}" --threads "${SLURM_CPUS_PER_TASK:-1}"
