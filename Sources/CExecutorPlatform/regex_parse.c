// Reads regular expressions as ripgrep's users write them, which is the syntax of Rust's `regex`. Docs/search.md says what is left out.
#include "regex_tree.h"

#include <stdlib.h>
#include <string.h>

SMALL_BEGIN

// Functions call themselves as deep as an expression is nested: the bounds are what a stack of any size has room for.
enum { deepest = 100, deepest_class = 8, highest = 400 };

int32_t regex_fail(struct parser *parser, const char *error) {
    if (!parser->error) parser->error = error;
    return 0;
}

void *regex_grown(struct parser *parser, void *old, int32_t *room, size_t size) {
    int32_t wanted = *room ? *room * 2 : 64;
    void *fresh = realloc(old, (size_t)wanted * size);
    if (!fresh) {
        regex_fail(parser, "there is no memory for it");
        return old;
    }
    *room = wanted;
    return fresh;
}

static int32_t add_node(struct parser *parser, struct node node) {
    if (parser->node_count == parser->node_room) parser->nodes = regex_grown(parser, parser->nodes, &parser->node_room, sizeof node);
    if (parser->error) return 0;
    if (node.kind >= node_sequence) {
        uint16_t called = (uint16_t)(parser->nodes[node.kind == node_loop ? node.a : node.b].height + 1);
        node.height = parser->nodes[node.a].height > called ? parser->nodes[node.a].height : called;
        if (node.height > highest) return regex_fail(parser, "groups and loops are nested too deep");
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
    if (set->is_full) return regex_fail(parser, "a class has too many ranges");
    int32_t from = parser->bound_count, had_members = set->count > 0;
    for (uint32_t index = 0; index < set->count; index += 2) {
        uint32_t low = set->bounds[index], high = set->bounds[index + 1];
        while (low <= high) {
            uint32_t last = low <= '\n' && high >= '\n' ? '\n' - 1 : high;
            if (low != '\n') {
                if (parser->bound_count + 2 > parser->bound_room)
                    parser->bounds = regex_grown(parser, parser->bounds, &parser->bound_room, sizeof *parser->bounds);
                if (parser->error) return 0;
                parser->bounds[parser->bound_count++] = low;
                parser->bounds[parser->bound_count++] = last;
            }
            low = last == high ? high + 1 : '\n' + 1;
        }
    }
    if (had_members && parser->bound_count == from) return regex_fail(parser, "a line feed cannot be matched: lines are searched one by one");
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
    if (!is_whole || value > last_scalar || (value >= 0xD800 && value <= 0xDFFF)) regex_fail(parser, "a number in hexadecimal is none of a character");
    return value;
}

static uint32_t escaped_scalar(struct parser *parser) {
    if (parser->at == parser->end) return (uint32_t)regex_fail(parser, "it ends with a backslash");
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
    case 'p': case 'P': regex_fail(parser, "Unicode properties (\\p) are not supported"); break;
    case 'A': case 'z': regex_fail(parser, "\\A and \\z are not supported: use ^ and $, since lines are searched one by one"); break;
    default:
        if (scalar >= '0' && scalar <= '9') regex_fail(parser, "backreferences are not supported");
        else if (scalar >= 0x80 || is_letter((uint8_t)scalar)) regex_fail(parser, "there is no such escape");
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
    regex_fail(parser, "there is no such class");
}

static uint32_t member_scalar(struct parser *parser) {
    if (parser->at == parser->end) return (uint32_t)regex_fail(parser, "a class is not closed");
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
        if (last < first) regex_fail(parser, "a range is backwards");
    }
    set_add(set, first, last);
}

// What is between two brackets; the first one was read. After an operator all that follows is its right side.
static void add_class(struct parser *parser, struct set *into, int depth) {
    if (depth > deepest_class) {
        regex_fail(parser, "classes are nested too deep");
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
            regex_fail(parser, "a class is not closed");
            return;
        }
        if (!is_first && skip(parser, "]")) break;
        int is_intersection = skip(parser, "&&");
        if (is_intersection || (!is_first && skip(parser, "--"))) {
            struct set other;
            other.count = 0;
            other.is_full = 0;
            while (!parser->error && !skip(parser, "]")) {
                if (skip(parser, "&&") || skip(parser, "--")) regex_fail(parser, "only one operator is supported in a class");
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
        regex_fail(parser, "of flags, only i, m, s, u and U are supported, and m and u cannot be switched off");
        return;
    }
}

// Returns -1 for flags that hold for the rest of the group around.
static int32_t group(struct parser *parser) {
    int ignored_case = parser->ignores_case;
    if (skip(parser, "?")) {
        if (skip(parser, "=") || skip(parser, "!") || skip(parser, "<=") || skip(parser, "<!")) return regex_fail(parser, "look-around is not supported");
        if (skip(parser, "P<") || skip(parser, "<")) {
            while (parser->at < parser->end && *parser->at != '>') parser->at++;
            if (!skip(parser, ">")) return regex_fail(parser, "a group's name is not closed");
        } else {
            flags(parser);
            if (parser->error) return 0;
            if (skip(parser, ")")) return -1;
            if (!skip(parser, ":")) return regex_fail(parser, "a group's flags are not closed");
        }
    }
    int32_t inner = choice(parser);
    parser->ignores_case = ignored_case;
    if (!skip(parser, ")")) return regex_fail(parser, "a parenthesis is not closed");
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
    case '*': case '+': case '?': case '{': return regex_fail(parser, "there is nothing to repeat; write a backslash before it");
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
            if (least < 0 || !skip(parser, "}")) return regex_fail(parser, "a repetition is {n}, {n,} or {n,m}; write \\{ for a brace");
            if (most != unbounded && most < least) return regex_fail(parser, "a repetition's bounds are in the wrong order");
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
    if (++parser->depth > deepest) return regex_fail(parser, "groups are nested too deep");
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

struct platform_regex *platform_regex_create(
    const uint8_t *pattern, size_t length, uint32_t options, const char **error, size_t *place) {
    struct parser parser = {.start = pattern, .at = pattern, .end = pattern + length, .ignores_case = options & PLATFORM_REGEX_IGNORE_CASE};
    parser.regex = calloc(1, sizeof *parser.regex);
    if (!parser.regex) regex_fail(&parser, "there is no memory for it");
    int32_t root = -1;
    if (options & PLATFORM_REGEX_FIXED) {
        while (!parser.error && parser.at < parser.end) root = join(&parser, node_sequence, root, add_scalar(&parser, next_scalar(&parser)));
        if (root < 0) root = add_node(&parser, (struct node){.kind = node_empty});
    } else {
        root = choice(&parser);
        if (parser.at < parser.end) regex_fail(&parser, "a parenthesis is closed that was not opened");
    }
    int is_line = options & PLATFORM_REGEX_LINE;
    if (is_line || options & PLATFORM_REGEX_WORD) {
        root = join(&parser, node_sequence, add_place(&parser, is_line ? line_start : no_word_before), root);
        root = join(&parser, node_sequence, root, add_place(&parser, is_line ? line_end : no_word_after));
    }
    if (!parser.error) {
        uint16_t match = regex_emit(&parser, (struct instruction){.operation = op_match});
        parser.regex->start = regex_compile(&parser, root, match);
    }
    if (!parser.error) {
        regex_count_classes(parser.regex);
        regex_find_literal(&parser, root);
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
