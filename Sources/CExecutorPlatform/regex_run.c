// Finds the lines that a regular expression matches, in time linear in the text whatever the expression is.
//
// An automaton makes the states that it comes through into a table as it goes: each byte costs one look-up, or where the table lacks the state, one
// step of the instructions with all of their threads at once. When the table is full it is emptied. What is told is whether a line matches, and not
// where: then the order of threads means nothing, and a state is just a set. Where every match has some text in it, lines without that are never
// looked at by the automaton.
#include "regex.h"

#include <stdlib.h>
#include <string.h>

enum {
    table_entries = 65000,  // a little less than 16 bits can number
    kept_members = 64 * 1024,
    slots = 8192,
    unknown = 0,
    matched = 1,
    initial = 2,  // a state's number is this more than where its row begins in the table
};

struct state {
    uint32_t start, count;  // its members
    uint8_t is_line_start, is_after_word;
};

// Each thread has its own.
struct platform_matcher {
    const struct platform_regex *regex;
    struct platform_literal literal;
    uint32_t stride, most_states, state_count, member_count, emptied, generation;
    uint64_t work;
    struct state *states;
    uint16_t *table, *members, *hashes;
    uint16_t *stack, *following;  // instructions that are still to be looked at, and those of the next state
    uint32_t *seen, *taken;       // the generation in which an instruction was last put on one of them
};

static uint16_t find_state(struct platform_matcher *matcher, uint32_t count, int is_line_start, int is_after_word);

// Forgets every state but the one at a line's start, which always has the same number.
static void empty(struct platform_matcher *matcher) {
    matcher->emptied++;
    matcher->state_count = matcher->member_count = 0;
    memset(matcher->hashes, 0, slots * sizeof *matcher->hashes);
    matcher->following[0] = matcher->regex->start;
    find_state(matcher, 1, matcher->regex->uses_line_start, 0);
}

static uint16_t find_state(struct platform_matcher *matcher, uint32_t count, int is_line_start, int is_after_word) {
    uint32_t hash = is_line_start ? 1 : is_after_word ? 2 : 3;
    for (uint32_t index = 0; index < count; index++) hash = (hash ^ matcher->following[index]) * 16777619u;
    uint32_t slot = (hash ^ hash >> 15) % slots;
    size_t bytes = count * sizeof *matcher->following;
    for (; matcher->hashes[slot]; slot = (slot + 1) % slots) {
        uint16_t number = matcher->hashes[slot];
        struct state *known = &matcher->states[(number - initial) / matcher->stride];
        if (known->count == count && known->is_line_start == is_line_start && known->is_after_word == is_after_word
            && !memcmp(matcher->members + known->start, matcher->following, bytes))
            return number;
    }
    if (matcher->state_count == matcher->most_states || matcher->member_count + count > kept_members) {
        // `stack` is not in use between two steps, and has room for all.
        memcpy(matcher->stack, matcher->following, bytes);
        empty(matcher);
        memcpy(matcher->following, matcher->stack, bytes);
        return find_state(matcher, count, is_line_start, is_after_word);
    }
    uint32_t index = matcher->state_count++;
    uint16_t number = (uint16_t)(index * matcher->stride + initial);
    matcher->hashes[slot] = number;
    memset(matcher->table + index * matcher->stride, 0, matcher->stride * sizeof *matcher->table);
    matcher->states[index] = (struct state){matcher->member_count, count, (uint8_t)is_line_start, (uint8_t)is_after_word};
    memcpy(matcher->members + matcher->member_count, matcher->following, bytes);
    matcher->member_count += count;
    return number;
}

static int holds(uint8_t place, const struct state *state, int is_word_next, uint8_t byte) {
    int before = state->is_after_word;
    // No place is between the bytes of one scalar; without this, what is between two bytes that are no letters would be one.
    if (is_inner(byte) && (place == no_border || place >= no_word_before)) return 0;
    switch (place) {
    case line_start: return state->is_line_start;
    case line_end: return byte == '\n';
    case border: return before != is_word_next;
    case no_border: return before == is_word_next;
    case word_start: return !before && is_word_next;
    case word_end: return before && !is_word_next;
    case no_word_before: return !before;
    default: return !is_word_next;
    }
}

static inline void push(struct platform_matcher *matcher, uint16_t number, uint32_t *depth) {
    if (matcher->seen[number] == matcher->generation) return;
    matcher->seen[number] = matcher->generation;
    matcher->stack[(*depth)++] = number;
}

static inline void take(struct platform_matcher *matcher, uint16_t number, uint32_t *count) {
    if (matcher->taken[number] == matcher->generation) return;
    matcher->taken[number] = matcher->generation;
    matcher->following[(*count)++] = number;
}

// The state after a byte. What a state's members come to is looked at here, where the next byte is known that places depend on.
static uint16_t step(struct platform_matcher *matcher, uint16_t number, uint8_t byte) {
    const struct platform_regex *regex = matcher->regex;
    uint16_t *entry = &matcher->table[(uint32_t)(number - initial) + regex->classes[byte]];
    if (*entry != unknown) return *entry;
    struct state state = matcher->states[(number - initial) / matcher->stride];
    int is_word_next = is_word(byte), has_matched = 0;
    if (++matcher->generation == 0) {
        memset(matcher->seen, 0, regex->count * 2 * sizeof *matcher->seen);
        matcher->generation = 1;
    }
    uint32_t count = 0, depth = 0;
    for (uint32_t index = 0; index < state.count; index++) {
        push(matcher, matcher->members[state.start + index], &depth);
        while (depth > 0) {
            const struct instruction *instruction = &regex->code[matcher->stack[--depth]];
            matcher->work++;
            switch (instruction->operation) {
            case op_match: has_matched = 1; break;
            case op_split:
                push(matcher, instruction->other, &depth);
                push(matcher, instruction->next, &depth);
                break;
            case op_place:
                if (holds(instruction->low, &state, is_word_next, byte)) push(matcher, instruction->next, &depth);
                break;
            default:
                if (byte >= instruction->low && byte <= instruction->high) take(matcher, instruction->next, &count);
            }
        }
    }
    if (has_matched) return *entry = matched;
    if (byte == '\n') return *entry = initial;
    // A match may begin anywhere.
    take(matcher, regex->start, &count);
    uint32_t emptied = matcher->emptied;
    uint16_t next = find_state(matcher, count, 0, regex->uses_words && is_word_next);
    // Where the table was emptied, the row is another's now.
    if (matcher->emptied == emptied) *entry = next;
    return next;
}

// Where a match is known, which is in the line that has it or at its line feed; null where there is none up to the end.
static const uint8_t *run(struct platform_matcher *matcher, uint16_t *state, const uint8_t *at, const uint8_t *end) {
    const uint8_t *classes = matcher->regex->classes;
    const uint16_t *rows = matcher->table - initial;
    uint32_t current = *state;
    while (at < end) {
        // Most bytes lead from a state back to it. As long as they do, nothing waits for the look-up before.
        const uint16_t *row = rows + current;
        while (end - at >= 4 && row[classes[at[0]]] == current && row[classes[at[1]]] == current && row[classes[at[2]]] == current
               && row[classes[at[3]]] == current)
            at += 4;
        if (at == end) break;
        uint32_t next = row[classes[*at]];
        if (next < initial) {
            if (next == unknown) next = step(matcher, (uint16_t)current, *at);
            if (next == matched) return at;
        }
        current = next;
        at++;
    }
    *state = (uint16_t)current;
    return NULL;
}

static int line_matches(struct platform_matcher *matcher, const uint8_t *start, const uint8_t *end) {
    uint16_t state = initial;
    return run(matcher, &state, start, end) || step(matcher, state, '\n') == matched;
}

struct platform_matcher *platform_matcher_create(const struct platform_regex *regex) {
    struct platform_matcher *matcher = calloc(1, sizeof *matcher);
    if (!matcher) return NULL;
    uint32_t count = regex->count;
    matcher->regex = regex;
    matcher->stride = regex->class_count;
    matcher->most_states = table_entries / matcher->stride;
    if (matcher->most_states > slots / 2) matcher->most_states = slots / 2;
    matcher->states = malloc(matcher->most_states * sizeof *matcher->states);
    matcher->table = malloc(matcher->most_states * matcher->stride * sizeof *matcher->table);
    matcher->members = malloc(kept_members * sizeof *matcher->members);
    matcher->hashes = malloc(slots * sizeof *matcher->hashes);
    matcher->stack = malloc((count * 2 + 2) * sizeof *matcher->stack);
    matcher->following = malloc((count + 1) * sizeof *matcher->following);
    matcher->seen = calloc(count * 2, sizeof *matcher->seen);
    matcher->taken = matcher->seen + count;
    if (!matcher->states || !matcher->table || !matcher->members || !matcher->hashes || !matcher->stack || !matcher->following || !matcher->seen) {
        platform_matcher_destroy(matcher);
        return NULL;
    }
    empty(matcher);
    matcher->literal.bytes = regex->literal;
    matcher->literal.length = regex->literal_length;
    matcher->literal.ignore_case = regex->literal_ignores_case;
    if (regex->literal_length) platform_prepare_literal(&matcher->literal);
    return matcher;
}

void platform_matcher_destroy(struct platform_matcher *matcher) {
    if (!matcher) return;
    free(matcher->states);
    free(matcher->table);
    free(matcher->members);
    free(matcher->hashes);
    free(matcher->stack);
    free(matcher->following);
    free(matcher->seen);
    free(matcher);
}

uint64_t platform_matcher_work(const struct platform_matcher *matcher) { return matcher->work; }

const uint8_t *platform_matcher_next(
    struct platform_matcher *matcher, const uint8_t *start, const uint8_t *end, const uint8_t **line_end) {
    const uint8_t *at = start;
    while (at < end) {
        const uint8_t *place;
        int is_sure = matcher->regex->literal_is_whole;
        if (matcher->literal.length) {
            place = platform_find_literal(&matcher->literal, at, end);
            if (!place) return NULL;
        } else {
            uint16_t state = initial;
            place = run(matcher, &state, at, end);
            is_sure = place != NULL;
            if (!place) {
                // Only that the text may end here was not looked at.
                if (end[-1] == '\n') return NULL;
                place = end;
            }
        }
        const uint8_t *before = platform_find_last_byte(at, place, '\n'), *line = before ? before + 1 : at;
        const uint8_t *feed = platform_find_byte(place, end, '\n');
        *line_end = feed ? feed : end;
        if (is_sure || line_matches(matcher, line, *line_end)) return line;
        at = *line_end + 1;
    }
    return NULL;
}
