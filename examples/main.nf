// Shards of one sample as processes of Nextflow, then the results:
//   nextflow run examples/main.nf --input reads.fastq.gz --outdir calls --shards 4
// INPUT and OUTDIR are in a folder that all nodes share.

params.input = null
params.outdir = 'calls'
params.shards = 4
params.options = ''

process SHARD {
    input:
    val number

    output:
    val number

    script:
    """
    virnucpro predict '${file(params.input)}' -o '${file(params.outdir)}' --shard ${number}/${params.shards} \
        --threads ${task.cpus} ${params.options} -q
    """
}

process RESULTS {
    input:
    val numbers

    script:
    """
    virnucpro predict '${file(params.input)}' -o '${file(params.outdir)}' ${params.options} -q
    """
}

workflow {
    Channel.of(1..params.shards) | SHARD | collect | RESULTS
}
