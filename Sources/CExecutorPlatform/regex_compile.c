// Makes the instructions of a regular expression, which are over bytes.
#include "regex_tree.h"

SMALL_BEGIN

uint16_t regex_emit(struct parser *parser, struct instruction instruction) {
    struct platform_regex *regex = parser->regex;
    if (regex->count == parser->code_room) {
        int32_t room = (int32_t)parser->code_room;
        regex->code = regex_grown(parser, regex->code, &room, sizeof instruction);
        parser->code_room = (uint32_t)room;
    }
    if (regex->count == most_instructions) regex_fail(parser, "its repetitions and classes come to more than 30000 states");
    if (parser->error) return 0;
    regex->code[regex->count] = instruction;
    return (uint16_t)regex->count++;
}

static uint16_t emit_split(struct parser *parser, uint16_t next, uint16_t other) {
    return regex_emit(parser, (struct instruction){.operation = op_split, .next = next, .other = other});
}

// What is the same in one set is made once.
static uint16_t emit_bytes(struct parser *parser, uint8_t low, uint8_t high, uint16_t next, uint32_t first) {
    for (uint32_t index = first; index < parser->regex->count; index++) {
        struct instruction *made = &parser->regex->code[index];
        if (made->operation == op_bytes && made->low == low && made->high == high && made->next == next) return (uint16_t)index;
    }
    return regex_emit(parser, (struct instruction){.operation = op_bytes, .low = low, .high = high, .next = next});
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
            if (count + 2 > (int)(sizeof rest / sizeof *rest)) return regex_fail(parser, "a range cannot be cut");
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
uint16_t regex_compile(struct parser *parser, int32_t number, uint16_t next) {
    for (;;) {
        if (parser->error) return 0;
        struct node node = parser->nodes[number];
        switch (node.kind) {
        case node_empty: return next;
        case node_place:
            if (node.place == line_start) parser->regex->uses_line_start = 1;
            else if (node.place != line_end) parser->regex->uses_words = 1;
            return regex_emit(parser, (struct instruction){.operation = op_place, .low = node.place, .next = next});
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
            next = regex_compile(parser, node.b, next);
            number = node.a;
            continue;
        case node_choice: {
            int32_t head = -1;
            for (; !parser->error; node = parser->nodes[number]) {
                int is_choice = node.kind == node_choice;
                uint16_t branch = regex_compile(parser, is_choice ? node.b : number, next);
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
                uint16_t body = regex_compile(parser, node.a, at);
                if (!parser->error) parser->regex->code[at].other = body;
            } else {
                for (int32_t round = node.least; round < node.most && !parser->error; round++)
                    at = emit_split(parser, next, regex_compile(parser, node.a, at));
            }
            for (int32_t round = 0; round < node.least && !parser->error; round++) {
                uint16_t before = at;
                at = regex_compile(parser, node.a, at);
                // What takes no instruction needs no repeating.
                if (at == before) break;
            }
            return at;
        }
        }
    }
}

void regex_count_classes(struct platform_regex *regex) {
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

SMALL_END
