// Blocks of the network, forward and backward. Under a maximum only the winning position has a gradient, so the
// backward pass touches one position for each block and motif. Layouts are those of virnucpro/models/mini.py.
#include <cstdint>
#include <cstring>
#include <vector>

typedef float vec __attribute__((vector_size(64), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(64), aligned(4)));
constexpr int W = 16, CODONS_IN_SEGMENT = 32, SEGMENT = 96, PAIRS = 4096;

struct Shape { int64_t windows, bases, segments, motifs, motif_codons, pair_width, word_width, words, letters; };

// Codons of one strand; 64 where a base is unknown and behind the end.
static void strand_codons(const uint8_t* codes, int64_t length, bool reverse, int64_t padded, uint8_t* codons) {
    std::vector<uint8_t> bases(length);
    for (int64_t i = 0; i < length; i++) {
        uint8_t code = codes[reverse ? length - 1 - i : i];
        bases[i] = reverse && code < 4 ? 3 - code : code;
    }
    memset(codons, 64, padded);
    for (int64_t i = 0; i + 2 < length; i++)
        if (bases[i] < 4 && bases[i + 1] < 4 && bases[i + 2] < 4)
            codons[i] = 16 * bases[i] + 4 * bases[i + 1] + bases[i + 2];
}

static int32_t pair_at(const uint8_t* c, int middle) {
    uint8_t a = c[3 * (middle - 1)], b = c[3 * middle];
    return a == 64 || b == 64 ? PAIRS : a + 64 * b;
}

static int32_t word_at(const uint8_t* c, int middle, const int64_t* letter, const Shape& s) {
    int32_t index = 0, step = 1;
    for (int j = -2; j < 2; j++) {
        uint8_t codon = c[3 * (middle + j)];
        if (codon == 64) return s.words;
        index += step * letter[codon];
        step *= s.letters;
    }
    return index;
}

static void motif_maxima(const Shape& s, const uint8_t* codons, int count, const float* table, float* out, int32_t* won) {
    constexpr int G = 4;  // vectors of one pass
    for (int64_t f = 0; f < s.motifs; f += G * W) {
        vec best[G];
        ivec where[G];
        for (int g = 0; g < G; g++) {
            best[g] = vec{} - 1e30f;
            where[g] = ivec{};
        }
        for (int i = 0; i < count; i++) {
            vec sum[G] = {};
            for (int j = 0; j < s.motif_codons; j++) {
                const float* row = table + (j * 65 + codons[3 * (i + j)]) * s.motifs + f;
                for (int g = 0; g < G; g++) sum[g] += *(const vec*)(row + g * W);
            }
            for (int g = 0; g < G; g++) {
                ivec better = sum[g] > best[g];
                best[g] = better ? sum[g] : best[g];
                where[g] = better ? ivec{} + i : where[g];
            }
        }
        for (int g = 0; g < G; g++) {
            *(vec*)(out + f + g * W) = best[g];
            *(ivec*)(won + f + g * W) = where[g];
        }
    }
}

template <typename Visit>
static void each_block(const Shape& s, const uint8_t* codes, const int64_t* lengths, Visit visit) {
    int64_t padded = s.segments * SEGMENT + 3 * s.motif_codons + SEGMENT;
    std::vector<uint8_t> codons(padded);
    for (int64_t strand = 0; strand < 2; strand++)
        for (int64_t b = 0; b < s.windows; b++) {
            strand_codons(codes + b * s.bases, lengths[b], strand == 1, padded, codons.data());
            int64_t positions = lengths[b] - 3 * s.motif_codons + 1;
            for (int64_t segment = 0; segment < s.segments; segment++)
                for (int frame = 0; frame < 3; frame++) {
                    int64_t start = segment * SEGMENT + frame, left = positions - start;
                    int count = left <= 0 ? 0 : left >= SEGMENT ? CODONS_IN_SEGMENT : (left + 2) / 3;
                    if (count > CODONS_IN_SEGMENT) count = CODONS_IN_SEGMENT;
                    visit(((strand * s.windows + b) * s.segments + segment) * 3 + frame, codons.data() + start, count);
                }
        }
}

static void add_row(float* to, const float* row, int64_t width, float scale) {
    for (int64_t w = 0; w < width; w++) to[w] += scale * row[w];
}

extern "C" void blocks_forward(const Shape* shape, const uint8_t* codes, const int64_t* lengths, const int64_t* letter,
                               const float* motifs, const float* pairs, const float* words, float* out, int32_t* won,
                               int64_t* counts) {
    const Shape& s = *shape;
    int middle = s.motif_codons / 2;
    int64_t width = s.motifs + s.pair_width + s.word_width;
    each_block(s, codes, lengths, [&](int64_t block, const uint8_t* codons, int count) {
        float* row = out + block * width;
        memset(row, 0, width * sizeof(float));
        counts[block] = count;
        if (!count) return;
        motif_maxima(s, codons, count, motifs, row, won + block * s.motifs);
        float scale = 1.0f / count;
        for (int i = 0; i < count; i++) {
            add_row(row + s.motifs, pairs + pair_at(codons + 3 * i, middle) * s.pair_width, s.pair_width, scale);
            add_row(row + s.motifs + s.pair_width, words + word_at(codons + 3 * i, middle, letter, s) * s.word_width,
                    s.word_width, scale);
        }
    });
}

// Gradients are added; rows of words that get one are listed in `touched` after the `listed` ones that it holds (their number is returned).
extern "C" int64_t blocks_backward(const Shape* shape, const uint8_t* codes, const int64_t* lengths,
                                   const int64_t* letter, const float* grad, const int32_t* won, float* motifs,
                                   float* pairs, float* words, uint8_t* flags, int32_t* touched, int64_t listed) {
    const Shape& s = *shape;
    int middle = s.motif_codons / 2, reach = SEGMENT + 3 * s.motif_codons;
    int64_t width = s.motifs + s.pair_width + s.word_width;
    std::vector<uint8_t> kept;  // codons of every block that has positions
    std::vector<int64_t> blocks;
    each_block(s, codes, lengths, [&](int64_t block, const uint8_t* codons, int count) {
        if (!count) return;
        blocks.push_back(block);
        kept.insert(kept.end(), codons, codons + reach);
        const float* row = grad + block * width;
        float scale = 1.0f / count;
        for (int i = 0; i < count; i++) {
            int32_t pair = pair_at(codons + 3 * i, middle), word = word_at(codons + 3 * i, middle, letter, s);
            if (pair < PAIRS) add_row(pairs + pair * s.pair_width, row + s.motifs, s.pair_width, scale);
            if (word >= s.words) continue;
            add_row(words + int64_t(word) * s.word_width, row + s.motifs + s.pair_width, s.word_width, scale);
            if (!flags[word]) flags[word] = 1, touched[listed++] = word;
        }
    });
    std::vector<float> tile(s.motif_codons * 65 * W);  // gradients of 16 motifs stay in the nearest cache
    for (int64_t f = 0; f < s.motifs; f += W) {
        memset(tile.data(), 0, tile.size() * sizeof(float));
        for (size_t b = 0; b < blocks.size(); b++) {
            const float* row = grad + blocks[b] * width + f;
            const int32_t* where = won + blocks[b] * s.motifs + f;
            for (int w = 0; w < W; w++) {
                const uint8_t* codons = kept.data() + b * reach + 3 * where[w];
                for (int j = 0; j < s.motif_codons; j++) tile[(j * 65 + codons[3 * j]) * W + w] += row[w];
            }
        }
        for (int64_t r = 0; r < s.motif_codons * 65; r++)
            for (int w = 0; w < W; w++) motifs[r * s.motifs + f + w] += tile[r * W + w];
    }
    return listed;
}

// Adagrad with one step size for each row; gradients and flags of the rows are cleared.
extern "C" void update_rows(int64_t rows, int64_t width, const int32_t* touched, float* table, float* grad, float* seen,
                            uint8_t* flags, float rate) {
    for (int64_t r = 0; r < rows; r++) {
        float* g = grad + int64_t(touched[r]) * width;
        float* t = table + int64_t(touched[r]) * width;
        float square = 0;
        for (int64_t w = 0; w < width; w++) square += g[w] * g[w];
        float& total = seen[touched[r]];
        total += square / width;
        float step = rate / (__builtin_sqrtf(total) + 1e-8f);
        for (int64_t w = 0; w < width; w++) {
            t[w] -= step * g[w];
            g[w] = 0;
        }
        flags[touched[r]] = 0;
    }
}
