// Searching and counting in text.
#include "internal.h"

#include <string.h>

// (memmem would bring 1.5 KB.)
int64_t platform_find(const uint8_t *text, size_t length, const uint8_t *part, size_t part_length) {
    if (part_length == 0) return 0;
    if (part_length > length) return -1;
    const uint8_t *last = text + (length - part_length), *at = text;
    while ((at = platform_find_byte(at, last + 1, *part))) {
        if (memcmp(at, part, part_length) == 0) return at - text;
        at++;
    }
    return -1;
}

size_t platform_pass_lines(const uint8_t *text, size_t length, uint64_t *wanted) {
    const uint8_t *position = text, *end = text + length;
    while (*wanted > 0 && position < end) {
        const uint8_t *feed = memchr(position, '\n', (size_t)(end - position));
        if (!feed) return length;
        position = feed + 1;
        --*wanted;
    }
    return (size_t)(position - text);
}

// The next byte that counts, or -1: white space does not, and all quotes, typographic ones too, are one.
static int next_plain(const uint8_t **position, const uint8_t *end) {
    while (*position < end) {
        const uint8_t *here = (*position)++;
        if (*here == ' ' || (*here >= '\t' && *here <= '\r')) continue;
        if (*here == '"' || *here == '`') return '\'';
        if (*here == 0xE2 && end - here > 2 && here[1] == 0x80 && here[2] >= 0x98 && here[2] <= 0x9F) {
            *position += 2;
            return '\'';
        }
        return *here;
    }
    return -1;
}

// How many of the bytes that count are the same from two places on; looks at no more than `budget` of them.
static uint64_t likeness(const uint8_t *text, const uint8_t *text_end, const uint8_t *part, const uint8_t *part_end, uint64_t *budget) {
    for (uint64_t count = 0;; count++) {
        int wanted = next_plain(&part, part_end);
        if (wanted < 0 || *budget == 0 || next_plain(&text, text_end) != wanted) return count;
        --*budget;
    }
}

static int32_t find_like(const uint8_t *text, size_t length, const uint8_t *part, const uint8_t *part_end, uint64_t offsets[3]) {
    uint64_t scores[3] = {0}, budget = 1 << 26, none = UINT64_MAX;
    const uint8_t *end = text + length, *first_end = part, *cursor = part;
    int first = next_plain(&cursor, part_end);
    if (first < 0) return 0;
    // Half of its first line, at least, must be there: less is chance.
    for (first_end = cursor; first_end < part_end && *first_end != '\n'; first_end++) {}
    uint64_t least = (likeness(part, first_end, part, first_end, &none) + 1) / 2;
    int32_t count = 0;
    for (const uint8_t *line = text, *next; line < end; line = next) {
        const uint8_t *feed = memchr(line, '\n', (size_t)(end - line));
        next = feed ? feed + 1 : end;
        uint64_t best = 0;
        for (const uint8_t *place = line; place < next;) {
            const uint8_t *here = place;
            if (next_plain(&place, next) != first) continue;
            uint64_t score = likeness(here, end, part, part_end, &budget);
            if (score > best) best = score;
        }
        if (best < least || best <= scores[2]) continue;
        int rank = 2;
        for (; rank > 0 && best > scores[rank - 1]; rank--) {
            scores[rank] = scores[rank - 1];
            offsets[rank] = offsets[rank - 1];
        }
        scores[rank] = best;
        offsets[rank] = (uint64_t)(line - text);
        if (count < 3) count++;
    }
    return count;
}

int32_t platform_find_near(const uint8_t *text, size_t length, const uint8_t *part, size_t part_length, uint64_t offsets[3]) {
    const uint8_t *end = part + part_length, *longest = part;
    int32_t count = find_like(text, length, part, end, offsets);
    if (count > 0) return count;
    // Its beginning is nowhere: the line that says most may be.
    size_t most = 0;
    for (const uint8_t *line = part; line < end;) {
        const uint8_t *feed = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((feed ? feed : end) - line);
        if (size > most) {
            most = size;
            longest = line;
        }
        line += size + 1;
    }
    return find_like(text, length, longest, longest + most, offsets);
}
