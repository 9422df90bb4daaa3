// Finds what is in every match of a regular expression: a line that does not have it need not be looked at.
#include "regex_tree.h"

#include <string.h>

SMALL_BEGIN

// What is known of a part: the text that it is, where it is always the same, and the longest that every match of it has.
struct found {
    uint8_t exact[longest_literal], best[longest_literal];
    uint32_t exact_length, best_length;
    int is_exact, is_pure;            // pure: no place is demanded
    int has_folded, has_plain_letter;  // letters of either case, and of one
};

static void keep(struct found *found, const uint8_t *text, uint32_t length) {
    if (length <= found->best_length) return;
    memcpy(found->best, text, length);
    found->best_length = length;
}

static uint32_t encode(uint32_t scalar, uint8_t *bytes) {
    uint32_t length = scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0xC0, 0xE0, 0xF0};
    for (uint32_t index = length; index-- > 1; scalar >>= 6) bytes[index] = (uint8_t)(0x80 | (scalar & 0x3F));
    bytes[0] = (uint8_t)(marks[length - 1] | scalar);
    return length;
}

static void look(struct parser *parser, int32_t number, struct found *found) {
    memset(found, 0, sizeof *found);
    found->is_pure = 1;
    struct node node = parser->nodes[number];
    // Only a set has bounds, and no expression need have a set.
    const uint32_t *bounds = node.kind == node_set && node.most > 0 ? parser->bounds + node.least : NULL;
    struct found inner;
    switch (node.kind) {
    case node_place: found->is_pure = 0;  // fall through
    case node_empty: found->is_exact = 1; return;
    case node_set:
        if (node.most == 2 && bounds[0] == bounds[1]) {
            found->exact_length = encode(bounds[0], found->exact);
            found->is_exact = 1;
            found->has_plain_letter = bounds[0] < 0x80 && is_letter((uint8_t)bounds[0]);
        } else if (node.most == 4 && bounds[0] == bounds[1] && bounds[2] == bounds[3] && bounds[0] + 32 == bounds[2] && bounds[2] < 0x80
                   && is_letter((uint8_t)bounds[2])) {
            found->exact[0] = (uint8_t)bounds[2];
            found->exact_length = 1;
            found->is_exact = found->has_folded = 1;
        }
        return;
    case node_sequence: {
        // From the last part to the first; the run that is known is kept at the end of the room.
        uint8_t run[longest_literal];
        uint32_t length = 0;
        found->is_exact = 1;
        for (int is_last = 0; !is_last; number = node.a, node = parser->nodes[number]) {
            is_last = node.kind != node_sequence;
            look(parser, is_last ? number : node.b, &inner);
            found->is_pure &= inner.is_pure;
            found->has_folded |= inner.has_folded;
            found->has_plain_letter |= inner.has_plain_letter;
            if (inner.is_exact && length + inner.exact_length <= longest_literal) {
                length += inner.exact_length;
                memcpy(run + longest_literal - length, inner.exact, inner.exact_length);
            } else {
                found->is_exact = 0;
                keep(found, run + longest_literal - length, length);
                keep(found, inner.is_exact ? inner.exact : inner.best, inner.is_exact ? inner.exact_length : inner.best_length);
                length = 0;
            }
            if (is_last) break;
        }
        keep(found, run + longest_literal - length, length);
        if (found->is_exact) {
            memcpy(found->exact, run + longest_literal - length, length);
            found->exact_length = length;
        }
        return;
    }
    case node_loop:
        if (node.least == 0) return;
        look(parser, node.a, &inner);
        found->has_folded = inner.has_folded;
        found->has_plain_letter = inner.has_plain_letter;
        keep(found, inner.is_exact ? inner.exact : inner.best, inner.is_exact ? inner.exact_length : inner.best_length);
        return;
    }
}

void regex_find_literal(struct parser *parser, int32_t root) {
    struct platform_regex *regex = parser->regex;
    struct found found;
    look(parser, root, &found);
    if (found.is_exact) keep(&found, found.exact, found.exact_length);
    memcpy(regex->literal, found.best, found.best_length);
    regex->literal_length = found.best_length;
    regex->literal_ignores_case = found.has_folded;
    regex->literal_is_whole = found.is_exact && found.is_pure && !(found.has_folded && found.has_plain_letter);
}

SMALL_END
