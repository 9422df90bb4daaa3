// What searching does for every byte: reading directories, globs against paths, literals and automata against text.
#include "regex.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int32_t platform_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    int count = 0;
    for (int processor = 0; processor < CPU_SETSIZE; processor++) count += CPU_ISSET(processor, &set) != 0;
    return count > 0 ? count : 1;
}

int32_t platform_open_entry(const uint8_t *path, int32_t directory) {
    int descriptor;
    do descriptor = open((const char *)path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (directory ? O_DIRECTORY : 0));
    while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

// What getdents64 gives, on every architecture.
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static uint8_t kind_of(uint8_t type) {
    switch (type) {
    case DT_REG: return 0;
    case DT_DIR: return 1;
    case DT_LNK: return 2;
    case DT_FIFO: return 3;
    case DT_SOCK: return 4;
    case DT_CHR: return 5;
    case DT_BLK: return 6;
    default: return 7;
    }
}

int32_t platform_entries(int32_t descriptor, uint8_t *buffer, size_t capacity, int32_t *more) {
    uint8_t *end = buffer;
    *more = 1;
    while (capacity - (size_t)(end - buffer) > PLATFORM_ENTRY_ROOM) {
        // The kernel's records are aligned.
        uint8_t *start = buffer + (((size_t)(end - buffer) + 7) & ~(size_t)7);
        long taken = syscall(SYS_getdents64, descriptor, start, capacity - (size_t)(start - buffer));
        if (taken < 0) return -errno;
        if (taken == 0) {
            *more = 0;
            break;
        }
        // Packed in place: an entry's record is longer than its kind, its name and the NUL.
        for (long at = 0; at < taken;) {
            struct entry *entry = (struct entry *)(start + at);
            at += entry->length;
            const char *name = entry->name;
            if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
            uint8_t kind = kind_of(entry->type);
            size_t length = strlen(name) + 1;
            *end++ = kind + 1;
            memmove(end, name, length);
            end += length;
        }
    }
    return (int32_t)(end - buffer);
}

int32_t platform_sort_entries(uint8_t *entries, size_t length) {
    size_t count = 0;
    for (size_t at = 0; at < length; at += strlen((char *)entries + at) + 1) count++;
    uint8_t **names = malloc((count + 1) * sizeof *names), *copy = malloc(length + 1);
    if (!names || !copy) {
        free(names);
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, entries, length);
    size_t filled = 0;
    for (size_t at = 0; at < length; at += strlen((char *)copy + at) + 1) names[filled++] = copy + at;
    // A heap sort: first the heap is made, then the greatest is taken again and again. The kind in front of a name does not count.
    for (size_t start = count / 2, end = count; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            uint8_t *greatest = names[0];
            names[0] = names[--end];
            names[end] = greatest;
        }
        for (size_t parent = start, child; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && strcmp((char *)names[child + 1] + 1, (char *)names[child] + 1) > 0) child++;
            if (strcmp((char *)names[child] + 1, (char *)names[parent] + 1) <= 0) break;
            uint8_t *swapped = names[child];
            names[child] = names[parent];
            names[parent] = swapped;
        }
    }
    for (size_t index = 0; index < count; index++) {
        size_t size = strlen((char *)names[index]) + 1;
        memcpy(entries, names[index], size);
        entries += size;
    }
    free(names);
    free(copy);
    return 0;
}

// ---- Globs

static int in_class(const uint8_t *bitmap, uint8_t byte) { return bitmap[byte >> 3] >> (byte & 7) & 1; }

// Two places to go back to are enough: the last `*`, and the last `**`, which could take whatever an earlier one could give up.
int32_t platform_glob_match(const uint8_t *glob, size_t length, const uint8_t *path, size_t count) {
    const uint8_t *end = glob + length, *text = path, *last = path + count;
    const uint8_t *star = NULL, *star_text = NULL, *deep = NULL, *deep_text = NULL;
    for (;;) {
        if (glob == end) {
            if (text == last) return 1;
        } else if (*glob == PLATFORM_GLOB_STAR) {
            star = ++glob;
            star_text = text;
            continue;
        } else if (*glob == PLATFORM_GLOB_DEEP) {
            // Nothing, or anything up to a slash.
            deep = ++glob;
            deep_text = text;
            star = NULL;
            continue;
        } else if (*glob == PLATFORM_GLOB_ALL) {
            return 1;
        } else if (text < last) {
            uint8_t byte = *text;
            if (*glob == PLATFORM_GLOB_ANY) {
                if (byte != '/') {
                    glob++;
                    text++;
                    continue;
                }
            } else if (*glob == PLATFORM_GLOB_CLASS) {
                if (in_class(glob + 1, byte)) {
                    glob += 33;
                    text++;
                    continue;
                }
            } else {
                const uint8_t *literal = *glob == PLATFORM_GLOB_LITERAL ? glob + 1 : glob;
                if (*literal == byte) {
                    glob = literal + 1;
                    text++;
                    continue;
                }
            }
        }
        if (star && star_text < last && *star_text != '/') {
            glob = star;
            text = ++star_text;
            continue;
        }
        if (!deep) return 0;
        const uint8_t *slash = memchr(deep_text, '/', (size_t)(last - deep_text));
        if (!slash) return 0;
        deep_text = slash + 1;
        glob = deep;
        text = deep_text;
        star = NULL;
    }
}

int32_t platform_rules_match(
    const uint8_t *rules, size_t length, const uint8_t *path, size_t count, size_t name, int32_t is_directory) {
    int32_t verdict = 0;
    for (const uint8_t *at = rules, *end = rules + length; at < end;) {
        uint8_t flags = at[0];
        size_t size = (size_t)at[1] << 8 | at[2];
        at += 3;
        size_t from = flags & PLATFORM_RULE_NAME ? name : 0;
        if ((!(flags & PLATFORM_RULE_DIRECTORY) || is_directory) && platform_glob_match(at, size, path + from, count - from))
            verdict = flags & PLATFORM_RULE_INCLUDES ? 2 : 1;
        at += size;
    }
    return verdict;
}

// ---- Text

// Sixteen bytes at once where the processor can in its base instructions; the same loop over bytes finishes, and does everything elsewhere.
#if defined(__SSE2__)
#include <emmintrin.h>
#define HAS_BLOCKS 1
typedef __m128i block;
static inline block fill_block(uint8_t byte) { return _mm_set1_epi8((char)byte); }
static inline block load_block(const uint8_t *at, block mask) { return _mm_or_si128(_mm_loadu_si128((const void *)at), mask); }
static inline block equal(block a, block b) { return _mm_cmpeq_epi8(a, b); }
static inline block both(block a, block b) { return _mm_and_si128(a, b); }
static inline block minus(block a, block b) { return _mm_sub_epi8(a, b); }
static inline uint64_t bits_of(block a) { return (uint32_t)_mm_movemask_epi8(a); }
static inline uint32_t sum_of(block a) {
    block sums = _mm_sad_epu8(a, _mm_setzero_si128());
    return (uint32_t)_mm_cvtsi128_si32(sums) + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(sums, 8));
}
enum { bits_per_byte = 1 };
#elif defined(__aarch64__)
#include <arm_neon.h>
#define HAS_BLOCKS 1
typedef uint8x16_t block;
static inline block fill_block(uint8_t byte) { return vdupq_n_u8(byte); }
static inline block load_block(const uint8_t *at, block mask) { return vorrq_u8(vld1q_u8(at), mask); }
static inline block equal(block a, block b) { return vceqq_u8(a, b); }
static inline block both(block a, block b) { return vandq_u8(a, b); }
static inline block minus(block a, block b) { return vsubq_u8(a, b); }
static inline uint64_t bits_of(block a) { return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(a), 4)), 0); }
static inline uint32_t sum_of(block a) { return vaddlvq_u8(a); }
enum { bits_per_byte = 4 };
#endif

__attribute__((hot)) const uint8_t *platform_find_byte(const uint8_t *at, const uint8_t *end, uint8_t byte) {
#ifdef HAS_BLOCKS
    block wanted = fill_block(byte), none = fill_block(0);
    for (; end - at >= 16; at += 16) {
        uint64_t bits = bits_of(equal(load_block(at, none), wanted));
        if (bits) return at + __builtin_ctzll(bits) / bits_per_byte;
    }
#endif
    for (; at < end; at++)
        if (*at == byte) return at;
    return NULL;
}

const uint8_t *platform_find_last_byte(const uint8_t *at, const uint8_t *end, uint8_t byte) {
    while (end > at)
        if (*--end == byte) return end;
    return NULL;
}

uint64_t platform_count_byte(const uint8_t *at, const uint8_t *end, uint8_t byte) {
    uint64_t count = 0;
#ifdef HAS_BLOCKS
    block wanted = fill_block(byte), none = fill_block(0);
    while (end - at >= 16) {
        // A lane counts to 255 at most before it is added up.
        block counts = none;
        for (int round = 0; round < 255 && end - at >= 16; round++, at += 16) counts = minus(counts, equal(load_block(at, none), wanted));
        count += sum_of(counts);
    }
#endif
    for (; at < end; at++) count += *at == byte;
    return count;
}



static int is_there(const struct platform_literal *literal, const uint8_t *at) {
    for (size_t index = 0; index < literal->length; index++) {
        uint8_t wanted = literal->bytes[index], found = at[index];
        if (found != wanted && !(literal->ignore_case && is_letter(wanted) && (found | 0x20) == (wanted | 0x20))) return 0;
    }
    return 1;
}

const uint8_t *platform_find_literal(const struct platform_literal *literal, const uint8_t *at, const uint8_t *end) {
    size_t length = literal->length, first = literal->first, second = literal->second;
    if ((size_t)(end - at) < length) return NULL;
    const uint8_t *last = end - length;  // the last place where it can begin
    uint8_t a = literal->bytes[first], b = literal->bytes[second];
    uint8_t a_mask = literal->ignore_case && is_letter(a) ? 0x20 : 0, b_mask = literal->ignore_case && is_letter(b) ? 0x20 : 0;
    a |= a_mask;
    b |= b_mask;
#ifdef HAS_BLOCKS
    block wanted_a = fill_block(a), wanted_b = fill_block(b), or_a = fill_block(a_mask), or_b = fill_block(b_mask);
    for (; last - at >= 15; at += 16) {
        uint64_t bits = bits_of(both(equal(load_block(at + first, or_a), wanted_a), equal(load_block(at + second, or_b), wanted_b)));
        while (bits) {
            int index = __builtin_ctzll(bits) / bits_per_byte;
            if (is_there(literal, at + index)) return at + index;
            bits &= ~((((uint64_t)1 << bits_per_byte) - 1) << (index * bits_per_byte));
        }
    }
#endif
    for (; at <= last; at++)
        if ((at[first] | a_mask) == a && (at[second] | b_mask) == b && is_there(literal, at)) return at;
    return NULL;
}

// How common a byte is in source texts, roughly: the rarest two of a literal are looked for.
static int commonness(uint8_t byte) {
    static const char common[] = " etaoinsrlducpmfhg_.,()-;=*\"/01b>vyxw<:2'k{}";
    const char *place = byte ? strchr(common, is_letter(byte) ? byte | 0x20 : byte) : NULL;
    return place ? 64 - (int)(place - common) : byte == '\t' || byte == 0 ? 50 : 0;
}

void platform_prepare_literal(struct platform_literal *literal) {
    literal->first = 0;
    literal->second = literal->length - 1;
    int least = 1000, next = 1000;
    for (size_t index = 0; index < literal->length; index++) {
        int value = commonness(literal->bytes[index]);
        if (value < least) {
            next = least;
            literal->second = literal->first;
            least = value;
            literal->first = index;
        } else if (value < next) {
            next = value;
            literal->second = index;
        }
    }
    if (literal->length == 1) literal->second = 0;
}
