// SHA-256 (FIPS 180-4), with the processor's own instructions where it has them.
#include "internal.h"

#include <string.h>

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t value, int bits) { return value >> bits | value << (32 - bits); }

static void blocks_portable(uint32_t state[8], const uint8_t *bytes, size_t count) {
    for (; count > 0; count--, bytes += 64) {
        uint32_t w[64];
        for (int i = 0; i < 16; i++) {
            w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 | (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
        }
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t v[8];
        memcpy(v, state, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
            uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
            uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
            uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof *v);
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++) state[i] += v[i];
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

__attribute__((target("sha,sse4.1,ssse3"))) static void blocks_accelerated(uint32_t state[8], const uint8_t *bytes, size_t count) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; count > 0; count--, bytes += 64) {
        __m128i before_abef = abef, before_cdgh = cdgh, w[4];
        for (int group = 0; group < 16; group++) {
            __m128i words;
            if (group < 4) {
                words = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * group)), order);
            } else {
                // The four next words of the schedule, of the sixteen before them.
                __m128i first = _mm_sha256msg1_epu32(w[group & 3], w[(group + 1) & 3]);
                first = _mm_add_epi32(first, _mm_alignr_epi8(w[(group + 3) & 3], w[(group + 2) & 3], 4));
                words = _mm_sha256msg2_epu32(first, w[(group + 3) & 3]);
            }
            w[group & 3] = words;
            __m128i sum = _mm_add_epi32(words, _mm_load_si128((const __m128i *)(constants + 4 * group)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        }
        abef = _mm_add_epi32(abef, before_abef);
        cdgh = _mm_add_epi32(cdgh, before_cdgh);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static int is_accelerated(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 9) || !(c & 1u << 19)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

#elif defined(__aarch64__) && defined(__linux__)
#include <arm_neon.h>
#include <sys/auxv.h>

__attribute__((target("sha2"))) static void blocks_accelerated(uint32_t state[8], const uint8_t *bytes, size_t count) {
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
    for (; count > 0; count--, bytes += 64) {
        uint32x4_t before_abcd = abcd, before_efgh = efgh, w[4];
        for (int group = 0; group < 16; group++) {
            uint32x4_t words;
            if (group < 4) {
                words = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes + 16 * group)));
            } else {
                words = vsha256su1q_u32(
                    vsha256su0q_u32(w[group & 3], w[(group + 1) & 3]), w[(group + 2) & 3], w[(group + 3) & 3]);
            }
            w[group & 3] = words;
            uint32x4_t sum = vaddq_u32(words, vld1q_u32(constants + 4 * group)), old = abcd;
            abcd = vsha256hq_u32(abcd, efgh, sum);
            efgh = vsha256h2q_u32(efgh, old, sum);
        }
        abcd = vaddq_u32(abcd, before_abcd);
        efgh = vaddq_u32(efgh, before_efgh);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}

static int is_accelerated(void) { return (getauxval(AT_HWCAP) & 1u << 6 /* HWCAP_SHA2 */) != 0; }

#else

static void blocks_accelerated(uint32_t state[8], const uint8_t *bytes, size_t count) { blocks_portable(state, bytes, count); }
static int is_accelerated(void) { return 0; }

#endif

__attribute__((hot)) static void blocks(uint32_t state[8], const uint8_t *bytes, size_t count) {
    // Workers may race to fill this in; they all write the same value.
    static int choice;
    int chosen = __atomic_load_n(&choice, __ATOMIC_RELAXED);
    if (!chosen) {
        chosen = is_accelerated() ? 2 : 1;
        __atomic_store_n(&choice, chosen, __ATOMIC_RELAXED);
    }
    if (chosen == 2) {
        blocks_accelerated(state, bytes, count);
    } else {
        blocks_portable(state, bytes, count);
    }
}

void platform_sha256_begin(struct platform_sha256 *hash) {
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(hash->state, start, sizeof start);
    hash->length = 0;
}

void platform_sha256_add(struct platform_sha256 *hash, const void *raw, size_t count) {
    const uint8_t *bytes = raw;
    size_t filled = hash->length % 64;
    hash->length += count;
    if (filled > 0) {
        size_t part = count < 64 - filled ? count : 64 - filled;
        memcpy(hash->block + filled, bytes, part);
        bytes += part;
        count -= part;
        if (filled + part < 64) return;
        blocks(hash->state, hash->block, 1);
    }
    blocks(hash->state, bytes, count / 64);
    memcpy(hash->block, bytes + count / 64 * 64, count % 64);
}

void platform_sha256_end(struct platform_sha256 *hash, uint8_t digest[32]) {
    uint64_t bits = hash->length * 8;
    uint8_t padding[72] = {0x80};
    size_t count = (hash->length % 64 < 56 ? 56 : 120) - hash->length % 64;
    for (int i = 0; i < 8; i++) padding[count + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
    platform_sha256_add(hash, padding, count + 8);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
