// Shared by the files of the regular expressions only.
#ifndef REGEX_H
#define REGEX_H

#include "internal.h"

// Around functions that run once for a request: their size matters and their speed does not.
#if defined(__clang__)
#define SMALL_BEGIN _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define SMALL_END _Pragma("clang attribute pop")
#else
#define SMALL_BEGIN
#define SMALL_END
#endif

enum { most_instructions = 30000, longest_literal = 64 };

// A condition on what is on both sides of a place.
enum place { line_start, line_end, border, no_border, word_start, word_end, no_word_before, no_word_after };

enum operation { op_bytes, op_split, op_place, op_match };
struct instruction {
    uint8_t operation;
    uint8_t low, high;  // the bytes between which the next one must be; of a place, the low one is which
    uint16_t next, other;
};

// Never changes once it is made, so threads share it.
struct platform_regex {
    struct instruction *code;
    uint32_t count;
    uint16_t start;
    int uses_line_start, uses_words;
    uint8_t classes[256];  // bytes that no instruction tells apart have the same number
    uint32_t class_count;
    // What is in every match: its length is 0 where there is none. A line that has it matches without another look where `whole`.
    uint8_t literal[longest_literal];
    uint32_t literal_length;
    int literal_ignores_case, literal_is_whole;
};

static inline int is_letter(uint8_t byte) { return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'; }
static inline int is_word(uint8_t byte) { return is_letter(byte) || (byte >= '0' && byte <= '9') || byte == '_'; }
// Whether a byte of UTF-8 is in the middle of a scalar, or its last one.
static inline int is_inner(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Sets of Unicode scalars: pairs of a first and a last one, in order and apart from each other once they are normalized.
enum { most_bounds = 1024, last_scalar = 0x10FFFF };
struct set {
    uint32_t bounds[most_bounds];
    uint32_t count;
    int is_full;  // more ranges than there is room for
};
void set_add(struct set *set, uint32_t first, uint32_t last);
void set_normalize(struct set *set);
void set_invert(struct set *set);
// Adds the other case of every letter.
void set_fold(struct set *set);

#endif
