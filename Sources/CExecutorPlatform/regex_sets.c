// Sets of Unicode scalars.
#include "regex.h"

#include <string.h>

SMALL_BEGIN

void set_add(struct set *set, uint32_t first, uint32_t last) {
    if (set->count + 4 > most_bounds) {
        set->is_full = 1;
        return;
    }
    set->bounds[set->count++] = first;
    set->bounds[set->count++] = last;
}

void set_normalize(struct set *set) {
    uint32_t *bounds = set->bounds;
    // Sets are written by hand: few ranges, most of them in order.
    for (uint32_t index = 2; index < set->count; index += 2) {
        uint32_t first = bounds[index], last = bounds[index + 1], at = index;
        for (; at > 0 && bounds[at - 2] > first; at -= 2) {
            bounds[at] = bounds[at - 2];
            bounds[at + 1] = bounds[at - 1];
        }
        bounds[at] = first;
        bounds[at + 1] = last;
    }
    uint32_t joined = 0;
    for (uint32_t index = 0; index < set->count; index += 2) {
        if (joined && bounds[index] <= bounds[joined - 1] + 1) {
            if (bounds[index + 1] > bounds[joined - 1]) bounds[joined - 1] = bounds[index + 1];
        } else {
            bounds[joined] = bounds[index];
            bounds[joined + 1] = bounds[index + 1];
            joined += 2;
        }
    }
    set->count = joined;
}

void set_invert(struct set *set) {
    struct set other;
    other.count = 0;
    other.is_full = set->is_full;
    uint32_t next = 0;
    for (uint32_t index = 0; index < set->count; index += 2) {
        if (set->bounds[index] > next) set_add(&other, next, set->bounds[index] - 1);
        next = set->bounds[index + 1] + 1;
    }
    if (next <= last_scalar) set_add(&other, next, last_scalar);
    memcpy(set, &other, sizeof other);
}

static void fold_range(struct set *set, uint32_t low, uint32_t high, uint32_t first, uint32_t last, int32_t distance) {
    if (low < first) low = first;
    if (high > last) high = last;
    if (low <= high) set_add(set, low + (uint32_t)distance, high + (uint32_t)distance);
}

void set_fold(struct set *set) {
    // Upper case letters, and how far away the lower case is: ASCII, Latin-1, Greek, Cyrillic.
    static const uint16_t cases[][3] = {{0x41, 0x5A, 32}, {0xC0, 0xD6, 32}, {0xD8, 0xDE, 32}, {0x391, 0x3A1, 32},
        {0x3A3, 0x3AB, 32}, {0x400, 0x40F, 80}, {0x410, 0x42F, 32}};
    uint32_t count = set->count;
    for (uint32_t index = 0; index < count; index += 2) {
        uint32_t low = set->bounds[index], high = set->bounds[index + 1];
        for (size_t row = 0; row < sizeof cases / sizeof *cases; row++) {
            uint32_t first = cases[row][0], last = cases[row][1], distance = cases[row][2];
            fold_range(set, low, high, first, last, (int32_t)distance);
            fold_range(set, low, high, first + distance, last + distance, -(int32_t)distance);
        }
    }
    set_normalize(set);
}

SMALL_END
