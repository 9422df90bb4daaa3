// Reads regular expressions as ripgrep's users write them, which is the syntax of Rust's `regex`, and makes them into instructions over bytes.
// Docs/search.md says what is left out.
#include "regex.h"

#include <stdlib.h>
#include <string.h>

SMALL_BEGIN

// Functions call themselves as deep as an expression is nested: the bounds are what a stack of any size has room for.
enum { deepest = 100, deepest_class = 8, highest = 400, unbounded = -1 };

enum kind { node_empty, node_set, node_place, node_sequence, node_choice, node_loop };
struct node {
    uint8_t kind, place;
    uint16_t height;      // of the parts that are reached by a call, and not by a loop
    int32_t a, b;         // parts
    int32_t least, most;  // of a loop; for a set, where its bounds are and how many
};

struct parser {
    const uint8_t *start, *at, *end;
    int ignores_case, depth;
    const char *error;
    struct node *nodes;
    int32_t node_count, node_room;
    uint32_t *bounds;
    int32_t bound_count, bound_room;
    struct platform_regex *regex;
    uint32_t code_room;
};

static int32_t fail(struct parser *parser, const char *error) {
    if (!parser->error) parser->error = error;
    return 0;
}

static void *grown(struct parser *parser, void *old, int32_t *room, size_t size) {
    int32_t wanted = *room ? *room * 2 : 64;
    void *fresh = realloc(old, (size_t)wanted * size);
    if (!fresh) {
        fail(parser, "there is no memory for it");
        return old;
    }
    *room = wanted;
    return fresh;
}

static int32_t add_node(struct parser *parser, struct node node) {
    if (parser->node_count == parser->node_room) parser->nodes = grown(parser, parser->nodes, &parser->node_room, sizeof node);
    if (parser->error) return 0;
    if (node.kind >= node_sequence) {
        uint16_t called = (uint16_t)(parser->nodes[node.kind == node_loop ? node.a : node.b].height + 1);
        node.height = parser->nodes[node.a].height > called ? parser->nodes[node.a].height : called;
        if (node.height > highest) return fail(parser, "groups and loops are nested too deep");
    }
    parser->nodes[parser->node_count] = node;
    return parser->node_count++;
}

static int32_t add_place(struct parser *parser, enum place place) {
    return add_node(parser, (struct node){.kind = node_place, .place = (uint8_t)place});
}

// A line feed is in no line, so it is taken out of every set; one that is nothing else is a mistake.
static int32_t add_set(struct parser *parser, struct set *set) {
    if (parser->ignores_case) set_fold(set);
    if (set->is_full) return fail(parser, "a class has too many ranges");
    int32_t from = parser->bound_count, had_members = set->count > 0;
    for (uint32_t index = 0; index < set->count; index += 2) {
        uint32_t low = set->bounds[index], high = set->bounds[index + 1];
        while (low <= high) {
            uint32_t last = low <= '\n' && high >= '\n' ? '\n' - 1 : high;
            if (low != '\n') {
                if (parser->bound_count + 2 > parser->bound_room)
                    parser->bounds = grown(parser, parser->bounds, &parser->bound_room, sizeof *parser->bounds);
                if (parser->error) return 0;
                parser->bounds[parser->bound_count++] = low;
                parser->bounds[parser->bound_count++] = last;
            }
            low = last == high ? high + 1 : '\n' + 1;
        }
    }
    if (had_members && parser->bound_count == from) return fail(parser, "a line feed cannot be matched: lines are searched one by one");
    return add_node(parser, (struct node){.kind = node_set, .least = from, .most = parser->bound_count - from});
}

static int32_t add_scalar(struct parser *parser, uint32_t scalar) {
    struct set set;
    set.count = 0;
    set.is_full = 0;
    set_add(&set, scalar, scalar);
    return add_set(parser, &set);
}

static int32_t join(struct parser *parser, enum kind kind, int32_t left, int32_t right) {
    if (left < 0) return right;
    return add_node(parser, (struct node){.kind = (uint8_t)kind, .a = left, .b = right});
}

static uint8_t peek(const struct parser *parser) { return parser->at < parser->end ? *parser->at : 0; }

static int skip(struct parser *parser, const char *text) {
    size_t length = strlen(text);
    if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, text, length)) return 0;
    parser->at += length;
    return 1;
}

// The next scalar of a text that was checked to be UTF-8 and has not come to its end.
static uint32_t next_scalar(struct parser *parser) {
    uint8_t first = *parser->at++;
    if (first < 0x80) return first;
    int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    uint32_t scalar = first & (0x3Fu >> more);
    while (more-- > 0) scalar = scalar << 6 | (*parser->at++ & 0x3F);
    return scalar;
}

static uint32_t hexadecimal(struct parser *parser, int digits) {
    int is_braced = skip(parser, "{"), count = 0;
    uint32_t value = 0;
    for (; count < (is_braced ? 8 : digits); count++, parser->at++) {
        uint8_t byte = peek(parser), lower = byte | 0x20;
        if (byte >= '0' && byte <= '9') value = value << 4 | (uint32_t)(byte - '0');
        else if (lower >= 'a' && lower <= 'f') value = value << 4 | (uint32_t)(lower - 'a' + 10);
        else break;
    }
    int is_whole = is_braced ? count > 0 && skip(parser, "}") : count == digits;
    if (!is_whole || value > last_scalar || (value >= 0xD800 && value <= 0xDFFF)) fail(parser, "a number in hexadecimal is none of a character");
    return value;
}

static uint32_t escaped_scalar(struct parser *parser) {
    if (parser->at == parser->end) return (uint32_t)fail(parser, "it ends with a backslash");
    uint32_t scalar = next_scalar(parser);
    switch (scalar) {
    case 'a': return '\a';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case 'x': return hexadecimal(parser, 2);
    case 'u': return hexadecimal(parser, 4);
    case 'U': return hexadecimal(parser, 8);
    case 'p': case 'P': fail(parser, "Unicode properties (\\p) are not supported"); break;
    case 'A': case 'z': fail(parser, "\\A and \\z are not supported: use ^ and $, since lines are searched one by one"); break;
    default:
        if (scalar >= '0' && scalar <= '9') fail(parser, "backreferences are not supported");
        else if (scalar >= 0x80 || is_letter((uint8_t)scalar)) fail(parser, "there is no such escape");
    }
    return scalar;
}

static void add_pairs(struct set *set, const char *pairs) {
    for (; *pairs; pairs += 2) set_add(set, (uint8_t)pairs[0], (uint8_t)pairs[1]);
}

// \d, \s, \w and their opposites; 0 where none of them is next. The set must be empty.
static int shorthand(struct parser *parser, struct set *set) {
    static const uint16_t spaces[] = {0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
    uint8_t byte = peek(parser);
    switch (byte | 0x20) {
    case 'd': add_pairs(set, "09"); break;
    case 'w': add_pairs(set, "09AZ__az"); break;
    case 's':
        add_pairs(set, "\t\r  ");
        for (size_t index = 0; index < sizeof spaces / sizeof *spaces; index++) set_add(set, spaces[index], spaces[index]);
        set_add(set, 0x2000, 0x200A);
        set_normalize(set);
        break;
    default: return 0;
    }
    if (!(byte & 0x20)) set_invert(set);
    parser->at++;
    return 1;
}

static void add_named(struct parser *parser, struct set *set) {
    // Names, and pairs of the first and last member of their ranges.
    static const char *const names[] = {"alnum:]", "09AZaz", "alpha:]", "AZaz", "ascii:]", "\1\x7F", "blank:]", "\t\t  ", "cntrl:]",
        "\1\x1F\x7F\x7F", "digit:]", "09", "graph:]", "!~", "lower:]", "az", "print:]", " ~", "punct:]", "!/:@[`{~", "space:]", "\t\r  ",
        "upper:]", "AZ", "word:]", "09AZ__az", "xdigit:]", "09AFaf"};
    struct set named;
    named.count = 0;
    named.is_full = 0;
    int is_negated = skip(parser, "^");
    for (size_t index = 0; index < sizeof names / sizeof *names; index += 2) {
        if (!skip(parser, names[index])) continue;
        add_pairs(&named, names[index + 1]);
        // NUL cannot be written in the table.
        if (named.bounds[0] == 1) named.bounds[0] = 0;
        if (is_negated) set_invert(&named);
        for (uint32_t at = 0; at < named.count; at += 2) set_add(set, named.bounds[at], named.bounds[at + 1]);
        return;
    }
    fail(parser, "there is no such class");
}

static uint32_t member_scalar(struct parser *parser) {
    if (parser->at == parser->end) return (uint32_t)fail(parser, "a class is not closed");
    if (skip(parser, "\\b")) return '\b';
    return skip(parser, "\\") ? escaped_scalar(parser) : next_scalar(parser);
}

static void add_class(struct parser *parser, struct set *into, int depth);

static void add_member(struct parser *parser, struct set *set, int depth) {
    if (skip(parser, "[:")) {
        add_named(parser, set);
        return;
    }
    if (skip(parser, "[")) {
        add_class(parser, set, depth + 1);
        return;
    }
    if (peek(parser) == '\\') {
        struct set found;
        found.count = 0;
        found.is_full = 0;
        parser->at++;
        if (shorthand(parser, &found)) {
            for (uint32_t at = 0; at < found.count; at += 2) set_add(set, found.bounds[at], found.bounds[at + 1]);
            return;
        }
        parser->at--;
    }
    uint32_t first = member_scalar(parser), last = first;
    if (peek(parser) == '-' && parser->end - parser->at > 1 && parser->at[1] != ']' && parser->at[1] != '-') {
        parser->at++;
        last = member_scalar(parser);
        if (last < first) fail(parser, "a range is backwards");
    }
    set_add(set, first, last);
}

// What is between two brackets; the first one was read. After an operator all that follows is its right side.
static void add_class(struct parser *parser, struct set *into, int depth) {
    if (depth > deepest_class) {
        fail(parser, "classes are nested too deep");
        return;
    }
    struct set set;
    set.count = 0;
    set.is_full = 0;
    int is_negated = skip(parser, "^"), is_first = 1;
    // What begins with them means them: neither a range nor a difference.
    for (; skip(parser, "-"); is_first = 0) set_add(&set, '-', '-');
    for (; !parser->error; is_first = 0) {
        if (parser->at == parser->end) {
            fail(parser, "a class is not closed");
            return;
        }
        if (!is_first && skip(parser, "]")) break;
        int is_intersection = skip(parser, "&&");
        if (is_intersection || (!is_first && skip(parser, "--"))) {
            struct set other;
            other.count = 0;
            other.is_full = 0;
            while (!parser->error && !skip(parser, "]")) {
                if (skip(parser, "&&") || skip(parser, "--")) fail(parser, "only one operator is supported in a class");
                else add_member(parser, &other, depth);
            }
            // What stays is what is in neither the complement of the one nor in the other, or its complement.
            set_normalize(&other);
            if (other.is_full) set.is_full = 1;
            if (is_intersection) set_invert(&other);
            set_normalize(&set);
            set_invert(&set);
            for (uint32_t at = 0; at < other.count; at += 2) set_add(&set, other.bounds[at], other.bounds[at + 1]);
            set_normalize(&set);
            set_invert(&set);
            break;
        }
        add_member(parser, &set, depth);
    }
    set_normalize(&set);
    // The other case belongs to a class before it is negated.
    if (parser->ignores_case) set_fold(&set);
    if (is_negated) set_invert(&set);
    if (set.is_full) into->is_full = 1;
    for (uint32_t at = 0; at < set.count; at += 2) set_add(into, set.bounds[at], set.bounds[at + 1]);
}

static int32_t choice(struct parser *parser);

static void flags(struct parser *parser) {
    int is_on = 1;
    for (; parser->at < parser->end && *parser->at != ')' && *parser->at != ':'; parser->at++) {
        switch (*parser->at) {
        case '-':
            if (is_on) {
                is_on = 0;
                continue;
            }
            break;
        case 'i': parser->ignores_case = is_on; continue;
        // Greediness does not change which lines match, and `.` never matches a line feed.
        case 's': case 'U': continue;
        case 'm': case 'u':
            if (is_on) continue;
        }
        fail(parser, "of flags, only i, m, s, u and U are supported, and m and u cannot be switched off");
        return;
    }
}

// Returns -1 for flags that hold for the rest of the group around.
static int32_t group(struct parser *parser) {
    int ignored_case = parser->ignores_case;
    if (skip(parser, "?")) {
        if (skip(parser, "=") || skip(parser, "!") || skip(parser, "<=") || skip(parser, "<!")) return fail(parser, "look-around is not supported");
        if (skip(parser, "P<") || skip(parser, "<")) {
            while (parser->at < parser->end && *parser->at != '>') parser->at++;
            if (!skip(parser, ">")) return fail(parser, "a group's name is not closed");
        } else {
            flags(parser);
            if (parser->error) return 0;
            if (skip(parser, ")")) return -1;
            if (!skip(parser, ":")) return fail(parser, "a group's flags are not closed");
        }
    }
    int32_t inner = choice(parser);
    parser->ignores_case = ignored_case;
    if (!skip(parser, ")")) return fail(parser, "a parenthesis is not closed");
    return inner;
}

static int32_t escape(struct parser *parser) {
    if (skip(parser, "b{start-half}")) return add_place(parser, no_word_before);
    if (skip(parser, "b{end-half}")) return add_place(parser, no_word_after);
    if (skip(parser, "b{start}") || skip(parser, "<")) return add_place(parser, word_start);
    if (skip(parser, "b{end}") || skip(parser, ">")) return add_place(parser, word_end);
    if (skip(parser, "b")) return add_place(parser, border);
    if (skip(parser, "B")) return add_place(parser, no_border);
    struct set set;
    set.count = 0;
    set.is_full = 0;
    if (shorthand(parser, &set)) return add_set(parser, &set);
    return add_scalar(parser, escaped_scalar(parser));
}

static int32_t atom(struct parser *parser) {
    struct set set;
    set.count = 0;
    set.is_full = 0;
    uint32_t scalar = next_scalar(parser);
    switch (scalar) {
    case '(': return group(parser);
    case '[':
        add_class(parser, &set, 0);
        set_normalize(&set);
        return add_set(parser, &set);
    case '.':
        set_add(&set, 0, last_scalar);
        return add_set(parser, &set);
    case '^': return add_place(parser, line_start);
    case '$': return add_place(parser, line_end);
    case '\\': return escape(parser);
    case '*': case '+': case '?': case '{': return fail(parser, "there is nothing to repeat; write a backslash before it");
    default: return add_scalar(parser, scalar);
    }
}

static int32_t number(struct parser *parser) {
    int32_t value = -1;
    for (; peek(parser) >= '0' && peek(parser) <= '9'; parser->at++) {
        value = (value < 0 ? 0 : value) * 10 + (peek(parser) - '0');
        if (value > 100000) value = 100000;
    }
    return value;
}

static int32_t loops(struct parser *parser, int32_t part) {
    while (!parser->error) {
        int32_t least = 0, most = unbounded;
        if (skip(parser, "*")) {
        } else if (skip(parser, "+")) {
            least = 1;
        } else if (skip(parser, "?")) {
            most = 1;
        } else if (skip(parser, "{")) {
            least = most = number(parser);
            if (skip(parser, ",")) most = peek(parser) == '}' ? unbounded : number(parser);
            if (least < 0 || !skip(parser, "}")) return fail(parser, "a repetition is {n}, {n,} or {n,m}; write \\{ for a brace");
            if (most != unbounded && most < least) return fail(parser, "a repetition's bounds are in the wrong order");
        } else {
            return part;
        }
        // The same lines match whether a loop is lazy or not.
        skip(parser, "?");
        part = add_node(parser, (struct node){.kind = node_loop, .a = part, .least = least, .most = most});
    }
    return part;
}

static int32_t choice(struct parser *parser) {
    // Flags hold to the end of the group that they are in.
    int ignored_case = parser->ignores_case;
    int32_t all = -1, branch = -1;
    if (++parser->depth > deepest) return fail(parser, "groups are nested too deep");
    while (!parser->error && parser->at < parser->end && *parser->at != ')') {
        if (skip(parser, "|")) {
            if (branch < 0) branch = add_node(parser, (struct node){.kind = node_empty});
            all = join(parser, node_choice, all, branch);
            branch = -1;
            continue;
        }
        int32_t part = atom(parser);
        if (part >= 0) branch = join(parser, node_sequence, branch, loops(parser, part));
    }
    if (branch < 0) branch = add_node(parser, (struct node){.kind = node_empty});
    parser->depth--;
    parser->ignores_case = ignored_case;
    return join(parser, node_choice, all, branch);
}

// ---- Instructions

static uint16_t emit(struct parser *parser, struct instruction instruction) {
    struct platform_regex *regex = parser->regex;
    if (regex->count == parser->code_room) {
        int32_t room = (int32_t)parser->code_room;
        regex->code = grown(parser, regex->code, &room, sizeof instruction);
        parser->code_room = (uint32_t)room;
    }
    if (regex->count == most_instructions) fail(parser, "its repetitions and classes come to more than 30000 states");
    if (parser->error) return 0;
    regex->code[regex->count] = instruction;
    return (uint16_t)regex->count++;
}

static uint16_t emit_split(struct parser *parser, uint16_t next, uint16_t other) {
    return emit(parser, (struct instruction){.operation = op_split, .next = next, .other = other});
}

// What is the same in one set is made once.
static uint16_t emit_bytes(struct parser *parser, uint8_t low, uint8_t high, uint16_t next, uint32_t first) {
    for (uint32_t index = first; index < parser->regex->count; index++) {
        struct instruction *made = &parser->regex->code[index];
        if (made->operation == op_bytes && made->low == low && made->high == high && made->next == next) return (uint16_t)index;
    }
    return emit(parser, (struct instruction){.operation = op_bytes, .low = low, .high = high, .next = next});
}

struct range { uint32_t low, high; };

// The byte sequences of a range of scalars: it is cut until every part has the same first bytes, or all of them. `head` is what the parts so far
// begin with, or -1.
static int32_t compile_range(struct parser *parser, struct range range, uint16_t next, uint32_t first, int32_t head) {
    static const uint32_t limits[] = {0x7F, 0x7FF, 0xD7FF, 0xDFFF, 0xFFFF};
    struct range rest[32];
    int count = 0;
    rest[count++] = range;
    while (count > 0 && !parser->error) {
        struct range part = rest[--count];
        uint32_t cut = part.high;
        int length = 1;
        for (size_t index = 0; index < sizeof limits / sizeof *limits; index++)
            if (part.low <= limits[index] && part.high > limits[index] && cut == part.high) cut = limits[index];
        length = part.low <= 0x7F ? 1 : part.low <= 0x7FF ? 2 : part.low <= 0xFFFF ? 3 : 4;
        for (int index = 1; index < length && cut == part.high; index++) {
            uint32_t mask = (1u << (6 * index)) - 1;
            if ((part.low & ~mask) == (part.high & ~mask)) continue;
            if (part.low & mask) cut = part.low | mask;
            else if ((part.high & mask) != mask) cut = (part.high & ~mask) - 1;
        }
        if (cut != part.high) {
            // Never more than a few are waiting: each cut is at a coarser border than the next.
            if (count + 2 > (int)(sizeof rest / sizeof *rest)) return fail(parser, "a range cannot be cut");
            rest[count++] = (struct range){cut + 1, part.high};
            rest[count++] = (struct range){part.low, cut};
            continue;
        }
        // Surrogates have no encoding.
        if (part.low >= 0xD800 && part.high <= 0xDFFF) continue;
        uint16_t at = next;
        for (int index = 0; index < length; index++) {
            int shift = 6 * index, is_lead = index == length - 1;
            uint32_t mark = !is_lead ? 0x80 : length == 1 ? 0 : length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0, mask = is_lead ? 0x7F : 0x3F;
            at = emit_bytes(parser, (uint8_t)((part.low >> shift & mask) | mark), (uint8_t)((part.high >> shift & mask) | mark), at, first);
        }
        head = head < 0 ? at : emit_split(parser, at, (uint16_t)head);
    }
    return head;
}

// From the end to the start: where a part goes on is known when it is made. Parts are nested to the left, and that is a loop here: the function
// calls itself only as deep as groups are nested.
static uint16_t compile(struct parser *parser, int32_t number, uint16_t next) {
    for (;;) {
        if (parser->error) return 0;
        struct node node = parser->nodes[number];
        switch (node.kind) {
        case node_empty: return next;
        case node_place:
            if (node.place == line_start) parser->regex->uses_line_start = 1;
            else if (node.place != line_end) parser->regex->uses_words = 1;
            return emit(parser, (struct instruction){.operation = op_place, .low = node.place, .next = next});
        case node_set: {
            uint32_t first = parser->regex->count;
            int32_t head = -1;
            for (int32_t index = 0; index < node.most; index += 2) {
                uint32_t *bounds = parser->bounds + node.least + index;
                head = compile_range(parser, (struct range){bounds[0], bounds[1]}, next, first, head);
            }
            // Nothing is in it: no byte is between these.
            return head < 0 ? emit_bytes(parser, 1, 0, next, first) : (uint16_t)head;
        }
        case node_sequence:
            next = compile(parser, node.b, next);
            number = node.a;
            continue;
        case node_choice: {
            int32_t head = -1;
            for (; !parser->error; node = parser->nodes[number]) {
                int is_choice = node.kind == node_choice;
                uint16_t branch = compile(parser, is_choice ? node.b : number, next);
                head = head < 0 ? branch : emit_split(parser, branch, (uint16_t)head);
                if (!is_choice) break;
                number = node.a;
            }
            return (uint16_t)head;
        }
        default: {
            uint16_t at = next;
            if (node.most == unbounded) {
                at = emit_split(parser, next, next);
                uint16_t body = compile(parser, node.a, at);
                if (!parser->error) parser->regex->code[at].other = body;
            } else {
                for (int32_t round = node.least; round < node.most && !parser->error; round++)
                    at = emit_split(parser, next, compile(parser, node.a, at));
            }
            for (int32_t round = 0; round < node.least && !parser->error; round++) {
                uint16_t before = at;
                at = compile(parser, node.a, at);
                // What takes no instruction needs no repeating.
                if (at == before) break;
            }
            return at;
        }
        }
    }
}

static void count_classes(struct platform_regex *regex) {
    uint8_t begins[257] = {0};
    begins['\n'] = begins['\n' + 1] = 1;
    for (uint32_t index = 0; index < regex->count; index++) {
        struct instruction *instruction = &regex->code[index];
        if (instruction->operation != op_bytes || instruction->low > instruction->high) continue;
        begins[instruction->low] = begins[instruction->high + 1] = 1;
    }
    for (int byte = 1; regex->uses_words && byte < 256; byte++)
        if (is_word((uint8_t)byte) != is_word((uint8_t)(byte - 1)) || is_inner((uint8_t)byte) != is_inner((uint8_t)(byte - 1))) begins[byte] = 1;
    uint8_t number = 0;
    for (int byte = 0; byte < 256; byte++) {
        if (byte > 0 && begins[byte]) number++;
        regex->classes[byte] = number;
    }
    regex->class_count = number + 1u;
}

// ---- Literals

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

static void find_literal(struct parser *parser, int32_t root) {
    struct platform_regex *regex = parser->regex;
    struct found found;
    look(parser, root, &found);
    if (found.is_exact) keep(&found, found.exact, found.exact_length);
    memcpy(regex->literal, found.best, found.best_length);
    regex->literal_length = found.best_length;
    regex->literal_ignores_case = found.has_folded;
    regex->literal_is_whole = found.is_exact && found.is_pure && !(found.has_folded && found.has_plain_letter);
}

struct platform_regex *platform_regex_create(
    const uint8_t *pattern, size_t length, uint32_t options, const char **error, size_t *place) {
    struct parser parser = {.start = pattern, .at = pattern, .end = pattern + length, .ignores_case = options & PLATFORM_REGEX_IGNORE_CASE};
    parser.regex = calloc(1, sizeof *parser.regex);
    if (!parser.regex) fail(&parser, "there is no memory for it");
    int32_t root = -1;
    if (options & PLATFORM_REGEX_FIXED) {
        while (!parser.error && parser.at < parser.end) root = join(&parser, node_sequence, root, add_scalar(&parser, next_scalar(&parser)));
        if (root < 0) root = add_node(&parser, (struct node){.kind = node_empty});
    } else {
        root = choice(&parser);
        if (parser.at < parser.end) fail(&parser, "a parenthesis is closed that was not opened");
    }
    int is_line = options & PLATFORM_REGEX_LINE;
    if (is_line || options & PLATFORM_REGEX_WORD) {
        root = join(&parser, node_sequence, add_place(&parser, is_line ? line_start : no_word_before), root);
        root = join(&parser, node_sequence, root, add_place(&parser, is_line ? line_end : no_word_after));
    }
    if (!parser.error) {
        uint16_t match = emit(&parser, (struct instruction){.operation = op_match});
        parser.regex->start = compile(&parser, root, match);
    }
    if (!parser.error) {
        count_classes(parser.regex);
        find_literal(&parser, root);
    }
    free(parser.nodes);
    free(parser.bounds);
    if (!parser.error) return parser.regex;
    platform_regex_destroy(parser.regex);
    *error = parser.error;
    *place = (size_t)(parser.at - parser.start);
    return NULL;
}

void platform_regex_destroy(struct platform_regex *regex) {
    if (regex) free(regex->code);
    free(regex);
}

SMALL_END
