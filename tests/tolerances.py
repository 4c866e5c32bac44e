"""Every tolerance of the tests, each with its origin."""

PARITY_FP32 = 2e-5
"""max_abs between this encoder and transformers' EsmModel (sdpa) in float32, per residue and pooled. Both add up
the same products in another order: transformers' own eager and sdpa differ by up to 1.7e-6 on the 650M shape; a wrong
GELU, scale or epsilon gives 1e-4 and more."""

INVARIANCE_FP32 = 1e-5
"""max_abs between one protein's vector alone and in any company, float32: matrix products of other shapes add up in
another order; measured below 2e-6 on the shapes of these tests."""

HALF_COSINE = 0.9995
"""Least cosine per residue between half precision and float32 over 1,000 residues; bfloat16 keeps 8 bits."""

KNOWN_ANSWER = 1e-4
"""transformers' own tolerance for its published ESM-2 8M figures."""

DNA_HALF_COSINE = 0.9995
"""The same for DNABERT-S, over 702 tokens; bfloat16 keeps 8 bits of ALiBi's bias as well."""

KNOWN_DNA_ANSWER = 1e-5
"""Known answers of the published DNABERT-S, float32 on another CPU; an independent port met 7.4e-6."""

METRIC = 1e-6
"""abs between a metric here and scikit-learn's: the same sums in another order; float32 scores bound the means."""

SCORE_FP32 = 1e-6
"""max_abs between a score and torch's own in float32, whose last digits depend on how many rows share a product;
measured below 2e-7 over batches of 1 to 512 rows of 3,328 numbers. Against torch in float64 it is one rounding, 6e-8."""

POOLING = 1e-6
"""max_abs between a mean and another one of the same float32 numbers of order 1, added up in another order; a mean in
bfloat16 or float16 rounds to 8 or 11 bits, which is 1e-4 and more."""

FLASH_FP16 = 4e-3
"""max_abs between two float16 attention kernels: one unit in the last place of float16 between 2 and 4 is 2e-3, and
each may round once."""

DIFFERENT = 1e-3
"""Least max_abs between vectors of two different things: a hundred times what rounding does (INVARIANCE_FP32); another
letter or another mean moves the vectors of these tests by more than 1e-2."""

PREPACKED_BF16 = 2**-8
"""One rounding to bfloat16, which keeps 8 bits, relative to 1 + the float32 result of the same bfloat16 inputs."""

PREPACKED_COSINE = 0.9998
"""Least cosine per token between bfloat16 and float32 on the tiny shapes of these tests; measured 0.99990 and more."""

GRADIENT_FP32 = 1e-4
"""Largest difference between a gradient here and transformers' in float32, relative to the largest number of that
gradient: the same sums in another order; a missing half of a rotation changes them by 1e-1."""

MINI_EXPORT = 1e-2
"""max_abs between a logit of the trained network and of its export in half precision, both worked out in float32."""

PRINTED_REL, PRINTED_ABS = 0.02, 0.01
"""Scores that docs/python.md prints. They have four digits, and bfloat16 on CPUs with AMX moves them, but no call."""
