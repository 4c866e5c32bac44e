process VIRNUCPRO_PREDICT {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] && !task.ext.singularity_pull_docker_container ?
        'virnucpro.sif' :
        'virnucpro:cpu' }"

    input:
    tuple val(meta), path(sequences)
    path classifier

    output:
    tuple val(meta), path("${prefix}/calls.tsv"), emit: calls
    tuple val(meta), path("${prefix}/viral*.{fasta,fastq.gz}"), emit: viral, optional: true
    tuple val(meta), path("${prefix}/regions.tsv"), emit: regions, optional: true
    tuple val(meta), path("${prefix}/regions.bed"), emit: regions_bed, optional: true
    tuple val(meta), path("${prefix}/regions.gff3"), emit: regions_gff, optional: true
    tuple val(meta), path("${prefix}/regions.fasta"), emit: regions_fasta, optional: true
    tuple val(meta), path("${prefix}/windows.tsv.gz"), emit: windows, optional: true
    tuple val(meta), path("${prefix}/windows.bedgraph"), emit: bedgraph, optional: true
    tuple val(meta), path("${prefix}/*_mqc.json"), emit: multiqc, optional: true
    tuple val(meta), path("${prefix}/*.png"), emit: figures, optional: true
    tuple val(meta), path("${prefix}/run.json"), emit: manifest
    tuple val(meta), path("${prefix}/virnucpro.log"), emit: log
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def model = classifier ? "--classifier $classifier" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    virnucpro \\
        predict \\
        $sequences \\
        --outdir $prefix \\
        --threads $task.cpus \\
        $model \\
        $args

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        virnucpro: \$(virnucpro --version | sed 's/virnucpro //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p $prefix
    touch $prefix/calls.tsv $prefix/viral.fasta $prefix/run.json $prefix/virnucpro.log
    touch $prefix/regions.tsv $prefix/regions.bed $prefix/regions.gff3 $prefix/regions.fasta
    touch $prefix/windows.bedgraph $prefix/virnucpro_mqc.json
    echo "" | gzip > $prefix/windows.tsv.gz

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        virnucpro: \$(virnucpro --version | sed 's/virnucpro //')
    END_VERSIONS
    """
}
